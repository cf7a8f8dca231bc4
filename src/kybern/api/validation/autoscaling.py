"""HorizontalPodAutoscaler (in v2's form) and Scale. Source: pkg/apis/autoscaling/validation."""

from collections.abc import Callable, Iterator, Mapping

from kybern.api import quantity
from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.quantities import non_negative_quantity, validate_container_resource_name
from kybern.api.validation.field import each_invalid, forbidden, invalid, non_negative, not_supported, required

_LONGEST_PERIOD_SECONDS, _LONGEST_WINDOW_SECONDS = 1800, 3600
_SELECT = ("Disabled", "Max", "Min")
_POLICIES = ("Percent", "Pods")
_TYPES = ("ContainerResource", "External", "Object", "Pods", "Resource")
_TARGETS = ("Utilization", "Value", "AverageValue")
_POPULATE = "must populate information for the given metric source"


def validate_autoscaler(obj: Object) -> Iterator[FieldError]:
    yield from _spec(obj.get("spec") or {}, None)


def validate_autoscaler_update(new: Object, old: Object) -> Iterator[FieldError]:
    """All that upstream checks of an update."""
    yield from _spec(new.get("spec") or {}, (old.get("spec") or {}).get("scaleTargetRef") or {})


def _spec(spec: Object, known: Object | None) -> Iterator[FieldError]:
    """`known`: the target that an update started from."""
    low, high = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    if low is not None and low < 1:
        yield invalid("spec.minReplicas", low, "must be greater than or equal to 1")
    if not high:
        yield required("spec.maxReplicas", "must be set and greater than 0")
    elif high < 0:
        yield invalid("spec.maxReplicas", high, "must be greater than or equal to 1")
    if low is not None and high < low:
        yield invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`")
    yield from _target_reference(spec.get("scaleTargetRef") or {}, known)
    metrics = spec.get("metrics") or ()
    for index, metric in enumerate(metrics):
        yield from _metric(metric, f"spec.metrics[{index}]")
    if low == 0 and not any(metric.get("type") in ("Object", "External") for metric in metrics):
        detail = "must specify at least one Object or External metric to support scaling to zero replicas"
        yield forbidden("spec.metrics", detail)
    behavior = spec.get("behavior") or {}
    for key in ("scaleUp", "scaleDown"):
        if behavior.get(key) is not None:
            yield from _rules(behavior[key], f"spec.behavior.{key}")


def _target_reference(reference: Object, known: Object | None) -> Iterator[FieldError]:
    """Only ReplicationControllers are scalable and have no group; what stays as it was is not asked about again."""
    path = "spec.scaleTargetRef"
    same = known is not None and all(
        (known.get(key) or "") == (reference.get(key) or "") for key in ("kind", "apiVersion")
    )
    if same:
        yield from _named(reference, path)
        return
    yield from _reference(reference, path)
    version = reference.get("apiVersion") or ""
    if not version.rpartition("/")[0] and reference.get("kind") != "ReplicationController":
        yield invalid(f"{path}.apiVersion", version, "apiVersion must specify API group")


def _named(reference: Object, path: str) -> Iterator[FieldError]:
    for key in ("kind", "name"):
        value = reference.get(key) or ""
        if not value:
            yield required(f"{path}.{key}")
        else:
            yield from each_invalid(f"{path}.{key}", value, names.path_segment(value))


def _reference(reference: Object, path: str) -> Iterator[FieldError]:
    yield from _named(reference, path)
    version = reference.get("apiVersion") or ""
    if version.count("/") > 1:
        yield invalid(f"{path}.apiVersion", version, f"unexpected GroupVersion string: {version}")


def _rules(rules: Object, path: str) -> Iterator[FieldError]:
    window = rules.get("stabilizationWindowSeconds")
    at = f"{path}.stabilizationWindowSeconds"
    if window is not None and window < 0:
        yield invalid(at, window, "must be greater than or equal to zero")
    if window is not None and window > _LONGEST_WINDOW_SECONDS:
        yield invalid(at, window, f"must be less than or equal to {_LONGEST_WINDOW_SECONDS}")
    if rules.get("selectPolicy") is not None and rules["selectPolicy"] not in _SELECT:
        yield not_supported(f"{path}.selectPolicy", rules["selectPolicy"], _SELECT)
    policies = rules.get("policies") or ()
    if not policies:
        yield required(f"{path}.policies", "must specify at least one Policy")
    for index, policy in enumerate(policies):
        yield from _policy(policy, f"{path}.policies[{index}]")
    if rules.get("tolerance") is not None:
        yield from non_negative_quantity(rules["tolerance"], f"{path}.tolerance")


def _policy(policy: Object, path: str) -> Iterator[FieldError]:
    if policy.get("type") not in _POLICIES:
        yield not_supported(f"{path}.type", policy.get("type") or "", _POLICIES)
    for key in ("value", "periodSeconds"):
        if (policy.get(key) or 0) <= 0:
            yield invalid(f"{path}.{key}", policy.get(key) or 0, "must be greater than zero")
    period = policy.get("periodSeconds") or 0
    if period > _LONGEST_PERIOD_SECONDS:
        yield invalid(f"{path}.periodSeconds", period, f"must be less than or equal to {_LONGEST_PERIOD_SECONDS}")


def _metric(metric: Object, path: str) -> Iterator[FieldError]:
    kind = metric.get("type") or ""
    if not kind:
        yield required(f"{path}.type", "must specify a metric source type")
    if kind not in _TYPES:
        yield not_supported(f"{path}.type", kind, _TYPES)
    given = [key for key in _SOURCES if metric.get(key) is not None]
    if given:
        yield from _SOURCES[given[0]](metric[given[0]], f"{path}.{given[0]}")
    expected = kind[:1].lower() + kind[1:]
    if kind not in _TYPES:
        yield not_supported(f"{path}.type", kind, _TYPES)
    elif expected not in given:
        yield required(f"{path}.{expected}", _POPULATE)
    if len(given) != 1:
        for key in given:
            if key != expected:
                yield forbidden(f"{path}.{key}", "must populate the given metric source only")


def _identifier(source: Object, path: str) -> Iterator[FieldError]:
    name = (source.get("metric") or {}).get("name") or ""
    if not name:
        yield required(f"{path}.metric.name", "must specify a metric name")
    else:
        yield from each_invalid(f"{path}.metric.name", name, names.path_segment(name))


def _target(source: Object, path: str) -> Iterator[FieldError]:
    target = source.get("target") or {}
    kind = target.get("type") or ""
    if not kind:
        yield required(f"{path}.target.type", "must specify a metric target type")
    if kind not in _TARGETS:
        yield invalid(f"{path}.target.type", kind, "must be either Utilization, Value, or AverageValue")
    for key in ("value", "averageValue"):
        if target.get(key) is not None and quantity.parse(target[key]) <= 0:
            yield invalid(f"{path}.target.{key}", target[key], "must be positive")
    utilization = target.get("averageUtilization")
    if utilization is not None and utilization < 1:
        yield invalid(f"{path}.target.averageUtilization", utilization, "must be greater than 0")


def _object(source: Object, path: str) -> Iterator[FieldError]:
    yield from _reference(source.get("describedObject") or {}, f"{path}.describedObject")
    yield from _identifier(source, path)
    yield from _target(source, path)
    target = source.get("target") or {}
    if target.get("value") is None and target.get("averageValue") is None:
        yield required(f"{path}.target.averageValue", "must set either a target value or averageValue")


def _external(source: Object, path: str) -> Iterator[FieldError]:
    yield from _identifier(source, path)
    yield from _target(source, path)
    target = source.get("target") or {}
    both = target.get("value") is not None, target.get("averageValue") is not None
    if not any(both):
        detail = "must set either a target value for metric or a per-pod target"
        yield required(f"{path}.target.averageValue", detail)
    if all(both):
        detail = "may not set both a target value for metric and a per-pod target"
        yield forbidden(f"{path}.target.value", detail)


def _pods(source: Object, path: str) -> Iterator[FieldError]:
    yield from _identifier(source, path)
    yield from _target(source, path)
    if (source.get("target") or {}).get("averageValue") is None:
        yield required(f"{path}.target.averageValue", "must specify a positive target averageValue")


def _resource(source: Object, path: str) -> Iterator[FieldError]:
    if not source.get("name"):
        yield required(f"{path}.name", "must specify a resource name")
    yield from _raw_or_utilization(source, path)


def _container_resource(source: Object, path: str) -> Iterator[FieldError]:
    name, container = source.get("name") or "", source.get("container") or ""
    if not name:
        yield required(f"{path}.name", "must specify a resource name")
    else:
        yield from validate_container_resource_name(name, f"{path}.name")
    if not container:
        yield required(f"{path}.container", "must specify a container")
    else:
        yield from each_invalid(f"{path}.container", container, names.dns_label(container))
    yield from _raw_or_utilization(source, path)


def _raw_or_utilization(source: Object, path: str) -> Iterator[FieldError]:
    yield from _target(source, path)
    target = source.get("target") or {}
    both = target.get("averageUtilization") is not None, target.get("averageValue") is not None
    if not any(both):
        detail = "must set either a target raw value or a target utilization"
        yield required(f"{path}.target.averageUtilization", detail)
    if all(both):
        detail = "may not set both a target raw value and a target utilization"
        yield forbidden(f"{path}.target.averageValue", detail)


_SOURCES: Mapping[str, Callable[[Object, str], Iterator[FieldError]]] = {
    "object": _object,
    "external": _external,
    "pods": _pods,
    "resource": _resource,
    "containerResource": _container_resource,
}


def validate_autoscaler_status(new: Object, old: Object) -> Iterator[FieldError]:
    status = new.get("status") or {}
    for key in ("currentReplicas", "desiredReplicas"):
        yield from non_negative(f"status.{key}", status.get(key))
