"""ReplicationController, ReplicaSet, Deployment, DaemonSet, ControllerRevision. Source: pkg/apis/apps/validation."""

from collections.abc import Iterator, Sequence
from typing import Any

from kybern.api.resource import FieldError, Object
from kybern.api.selectors import SelectorError, labels_from_map, labels_from_struct
from kybern.api.validation.core.pod import validate_template
from kybern.api.validation.field import forbidden, immutable, invalid, non_negative, not_supported, required, sorted_map
from kybern.api.validation.int_or_percent import as_percent, validate_int_or_percent, value_of
from kybern.api.validation.metadata import validate_label_selector

_EMPTY_SELECTOR = "empty selector is invalid for "


def _replicas(spec: Object, path: str = "spec.replicas") -> Iterator[FieldError]:
    yield from non_negative(path, spec.get("replicas") or 0)


def validate_replication_controller(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    selector = spec.get("selector") or {}
    if not selector:
        yield required("spec.selector")
    if spec.get("replicas") is None:
        yield required("spec.replicas")
    else:
        yield from _replicas(spec)
    template = spec.get("template")
    if template is None:
        yield required("spec.template")
        return
    labels = (template.get("metadata") or {}).get("labels")
    if selector and not labels_from_map(selector).matches(labels or {}):
        yield invalid(
            "spec.template.metadata.labels", sorted_map(labels), "`selector` does not match template `labels`"
        )
    yield from validate_template(template, "spec.template")
    yield from _always_restarting(template, "spec.template.spec", "ReplicationController")


def _always_restarting(template: Object, path: str, kind: str) -> Iterator[FieldError]:
    """Pods that are to run for ever."""
    spec = template.get("spec") or {}
    if (spec.get("restartPolicy") or "") != "Always":
        yield not_supported(f"{path}.restartPolicy", spec.get("restartPolicy") or "", ("Always",))
    if spec.get("activeDeadlineSeconds") is not None:
        yield forbidden(f"{path}.activeDeadlineSeconds", f"activeDeadlineSeconds in {kind} is not Supported")


def validate_replicas_status(new: Object, old: Object) -> Iterator[FieldError]:
    """The status of a ReplicaSet or ReplicationController."""
    status = new.get("status") or {}
    keys = (
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
    )
    yield from _counts(status, keys)
    yield from _at_most(status, ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"), "replicas", "status.")
    yield from _at_most(status, ("availableReplicas",), "readyReplicas")


def _counts(status: Object, keys: Sequence[str]) -> Iterator[FieldError]:
    for key in keys:
        yield from non_negative(f"status.{key}", status.get(key))


def _at_most(status: Object, keys: Sequence[str], limit: str, prefix: str = "") -> Iterator[FieldError]:
    for key in keys:
        if (status.get(key) or 0) > (status.get(limit) or 0):
            yield invalid(f"status.{key}", status.get(key) or 0, f"cannot be greater than {prefix}{limit}")


def _selector(spec: Object, path: str, kind: str) -> Iterator[FieldError]:
    """spec.selector of the apps group: needed, well-formed and not empty."""
    selector = spec.get("selector")
    if selector is None:
        yield required(path)
        return
    yield from validate_label_selector(selector, path)
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid(path, selector, f"{_EMPTY_SELECTOR}{kind}")


def _matching(spec: Object, template: Object) -> Iterator[FieldError]:
    """The selector must find the Pods made from the template."""
    try:
        selector = labels_from_struct(spec.get("selector"))
    except SelectorError:
        return
    labels = (template.get("metadata") or {}).get("labels")
    if not selector.everything and not selector.matches(labels or {}):
        yield invalid(
            "spec.template.metadata.labels", sorted_map(labels), "`selector` does not match template `labels`"
        )


def _selector_parses(spec: Object, detail: str = "invalid label selector") -> Iterator[FieldError]:
    try:
        labels_from_struct(spec.get("selector"))
    except SelectorError:
        yield invalid("spec.selector", spec.get("selector"), detail)


def validate_replica_set(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from _replicas(spec)
    yield from non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    yield from _selector(spec, "spec.selector", "deployment")  # Upstream's word for both.
    failed = list(_selector_parses(spec))
    yield from failed
    if not failed:
        template = spec.get("template") or {}
        yield from _matching(spec, template)
        yield from validate_template(template, "spec.template")
        yield from _always_restarting(template, "spec.template.spec", "ReplicaSet")


def validate_selector_update(new: Object, old: Object) -> Iterator[FieldError]:
    """Deployments, ReplicaSets and DaemonSets keep their selector."""
    after, before = (obj.get("spec") or {} for obj in (new, old))
    yield from immutable("spec.selector", after.get("selector"), before.get("selector"))


def validate_deployment(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from _replicas(spec)
    yield from _selector(spec, "spec.selector", "deployment")
    failed = list(_selector_parses(spec))
    yield from failed
    if not failed:
        template = spec.get("template") or {}
        yield from _matching(spec, template)
        yield from validate_template(template, "spec.template")
        yield from _always_restarting(template, "spec.template.spec", "ReplicaSet")
    yield from _deployment_strategy(spec.get("strategy") or {})
    yield from non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    yield from non_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None:
        yield from non_negative("spec.progressDeadlineSeconds", deadline)
        if deadline <= (spec.get("minReadySeconds") or 0):
            yield invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def _deployment_strategy(strategy: Object) -> Iterator[FieldError]:
    path = "spec.strategy"
    kind, rolling = strategy.get("type") or "", strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            yield forbidden(f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    elif kind == "RollingUpdate":
        if rolling is None:
            yield required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")
        else:
            yield from _rolling_deployment(rolling, f"{path}.rollingUpdate")
    else:
        yield not_supported(path, _shown(kind, rolling), ("Recreate", "RollingUpdate"))


def _shown(kind: str, rolling: Object | None) -> Object:
    """Upstream shows its internal strategy, which has no JSON names."""
    keys = ("maxUnavailable", "maxSurge")
    shown = None if rolling is None else {key[0].upper() + key[1:]: rolling.get(key) for key in keys}
    return {"Type": kind, "RollingUpdate": shown}


def _rolling_deployment(rolling: Object, path: str) -> Iterator[FieldError]:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    yield from validate_int_or_percent(unavailable, f"{path}.maxUnavailable")
    yield from validate_int_or_percent(surge, f"{path}.maxSurge")
    if value_of(unavailable) == 0 and value_of(surge) == 0:
        yield invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
    yield from not_above_all(unavailable, f"{path}.maxUnavailable")


def not_above_all(value: Any, path: str) -> Iterator[FieldError]:
    percent = as_percent(value)
    if percent is not None and percent > 100:
        yield invalid(path, value, "must not be greater than 100%")


def validate_deployment_status(new: Object, old: Object) -> Iterator[FieldError]:
    status, before = new.get("status") or {}, old.get("status") or {}
    keys = (
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    )
    yield from _counts(status, keys)
    yield from _at_most(status, ("updatedReplicas", "readyReplicas", "availableReplicas"), "replicas", "status.")
    yield from _at_most(status, ("availableReplicas",), "readyReplicas")
    yield from _collisions(status, before)


def _collisions(status: Object, before: Object) -> Iterator[FieldError]:
    old = before.get("collisionCount")
    if old is not None and (status.get("collisionCount") is None or status["collisionCount"] < old):
        yield invalid("status.collisionCount", status.get("collisionCount") or 0, "cannot be decremented")


def validate_daemon_set(obj: Object) -> Iterator[FieldError]:
    spec, template = obj.get("spec") or {}, (obj.get("spec") or {}).get("template") or {}
    yield from validate_label_selector(spec.get("selector"), "spec.selector")
    yield from _daemon_selector(spec, template)
    yield from validate_template(template, "spec.template")
    if ((template.get("spec") or {}).get("restartPolicy") or "") != "Always":
        policy = (template.get("spec") or {}).get("restartPolicy") or ""
        yield not_supported("spec.template.spec.restartPolicy", policy, ("Always",))
    if (template.get("spec") or {}).get("activeDeadlineSeconds") is not None:
        path = "spec.template.spec.activeDeadlineSeconds"
        yield forbidden(path, "activeDeadlineSeconds in DaemonSet is not Supported")
    yield from non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    yield from _daemon_strategy(spec.get("updateStrategy") or {})
    yield from non_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))


def _daemon_selector(spec: Object, template: Object) -> Iterator[FieldError]:
    selector = spec.get("selector")
    labels = (template.get("metadata") or {}).get("labels")
    try:
        found = labels_from_struct(selector)
    except SelectorError:
        found = None
    if found is not None and not found.matches(labels or {}):
        yield invalid(
            "spec.template.metadata.labels", sorted_map(labels), "`selector` does not match template `labels`"
        )
    if selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid("spec.selector", selector, f"{_EMPTY_SELECTOR}daemonset")


def _daemon_strategy(strategy: Object) -> Iterator[FieldError]:
    path = "spec.updateStrategy"
    match strategy.get("type"):
        case "OnDelete":
            return
        case "RollingUpdate":
            rolling = strategy.get("rollingUpdate")
            if rolling is None:
                yield required(f"{path}.rollingUpdate")
                return
            yield from _rolling_daemon(rolling, f"{path}.rollingUpdate")
        case _:
            shown = _shown(strategy.get("type") or "", strategy.get("rollingUpdate"))
            yield not_supported(path, shown, ("RollingUpdate", "OnDelete"))


def _rolling_daemon(rolling: Object, path: str) -> Iterator[FieldError]:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    for check in (validate_int_or_percent, not_above_all):
        yield from check(unavailable, f"{path}.maxUnavailable")
        yield from check(surge, f"{path}.maxSurge")
    if value_of(unavailable) != 0 and value_of(surge) != 0:
        yield invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero")
    if value_of(unavailable) == 0 and value_of(surge) == 0:
        yield required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def validate_daemon_set_status(new: Object, old: Object) -> Iterator[FieldError]:
    status = new.get("status") or {}
    keys = (
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    )
    yield from _counts(status, keys)
    yield from _collisions(status, old.get("status") or {})


def validate_controller_revision(obj: Object) -> Iterator[FieldError]:
    yield from validate_revision(obj)
    data = obj.get("data")
    if data is None:
        yield required("data", "data is mandatory")
    elif not isinstance(data, dict):
        yield required("data", "data must be a valid JSON object")


def validate_revision(obj: Object) -> Iterator[FieldError]:
    """What is asked of a revision that there is already."""
    yield from non_negative("revision", obj.get("revision") or 0)


def validate_controller_revision_update(new: Object, old: Object) -> Iterator[FieldError]:
    yield from immutable("data", new.get("data"), old.get("data"))
