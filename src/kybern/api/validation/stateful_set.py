"""StatefulSet. Source: pkg/apis/apps/validation."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.selectors import SelectorError, labels_from_struct
from kybern.api.validation import names
from kybern.api.validation.core.annotations import validate_pod_annotations
from kybern.api.validation.core.persistent_volume_claim import validate_claim_spec
from kybern.api.validation.core.pod import validate_template
from kybern.api.validation.field import (
    each_invalid,
    forbidden,
    invalid,
    non_negative,
    not_supported,
    required,
    sorted_map,
)
from kybern.api.validation.int_or_percent import as_percent, validate_int_or_percent, value_of
from kybern.api.validation.metadata import validate_annotations, validate_label_selector, validate_labels

_MANAGEMENT = ("OrderedReady", "Parallel")
_RETENTION = ("Retain", "Delete")
_MUTABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def validate_stateful_set(obj: Object) -> Iterator[FieldError]:
    yield from _spec(obj.get("spec") or {}, new=True)


def _spec(spec: Object, *, new: bool, template_too: bool = True) -> Iterator[FieldError]:
    """`new`: what an old object may still lack is asked for. `template_too`: the Pods' own rules are."""
    policy = spec.get("podManagementPolicy") or ""
    if not policy:
        yield required("spec.podManagementPolicy")
    elif policy not in _MANAGEMENT:
        yield invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")
    yield from _update_strategy(spec.get("updateStrategy") or {})
    yield from _retention(spec.get("persistentVolumeClaimRetentionPolicy"))
    for index, claim in enumerate(spec.get("volumeClaimTemplates") or () if new else ()):
        yield from validate_claim_spec(claim.get("spec") or {}, f"spec.volumeClaimTemplates[{index}].spec")
    yield from non_negative("spec.replicas", spec.get("replicas") or 0)
    yield from non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    if spec.get("ordinals") is not None:
        yield from non_negative("spec.ordinals.start", spec["ordinals"].get("start"))
    name = spec.get("serviceName") or ""
    if new and name:
        yield from each_invalid("spec.serviceName", name, names.dns_label(name))
    yield from _selector(spec, template_too=template_too)
    yield from _restarting((spec.get("template") or {}).get("spec") or {})
    yield from non_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))


def _update_strategy(strategy: Object) -> Iterator[FieldError]:
    path, rolling = "spec.updateStrategy", strategy.get("rollingUpdate")
    match strategy.get("type") or "":
        case "":
            yield required(path)
        case "OnDelete":
            if rolling is not None:
                yield invalid(
                    f"{path}.rollingUpdate", _shown(rolling), "only allowed for updateStrategy 'RollingUpdate'"
                )
        case "RollingUpdate":
            if rolling is not None:
                yield from _rolling(rolling, f"{path}.rollingUpdate")
        case kind:
            shown = {"Type": kind, "RollingUpdate": _shown(rolling)}
            yield invalid(path, shown, "must be 'RollingUpdate' or 'OnDelete'")


def _shown(rolling: Object | None) -> Object | None:
    """Upstream shows its internal form, which has no JSON names."""
    if rolling is None:
        return None
    return {"Partition": rolling.get("partition") or 0, "MaxUnavailable": rolling.get("maxUnavailable")}


def _rolling(rolling: Object, path: str) -> Iterator[FieldError]:
    yield from non_negative(f"{path}.partition", rolling.get("partition"))
    unavailable = rolling.get("maxUnavailable")
    if unavailable is None:
        return
    yield from validate_int_or_percent(unavailable, f"{path}.maxUnavailable")
    if value_of(unavailable) == 0:
        yield invalid(f"{path}.maxUnavailable", unavailable, "cannot be 0")
    percent = as_percent(unavailable)
    if percent is not None and percent > 100:
        yield invalid(f"{path}.maxUnavailable", unavailable, "must not be greater than 100%")


def _retention(policy: Object | None) -> Iterator[FieldError]:
    if policy is None:
        return
    for key in ("whenDeleted", "whenScaled"):
        if policy.get(key) not in _RETENTION:
            path = f"spec.persistentVolumeClaimRetentionPolicy.{key}"
            yield not_supported(path, policy.get(key) or "", _RETENTION)


def _selector(spec: Object, *, template_too: bool) -> Iterator[FieldError]:
    selector, template = spec.get("selector"), spec.get("template") or {}
    if selector is None:
        yield required("spec.selector")
    else:
        yield from validate_label_selector(selector, "spec.selector")
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            yield invalid("spec.selector", selector, "empty selector is invalid for statefulset")
    metadata = template.get("metadata") or {}
    try:
        found = labels_from_struct(selector)
    except SelectorError:
        yield FieldError("FieldValueInvalid", "spec.selector", invalid("", selector, "").message)
        return
    if not found.everything and not found.matches(metadata.get("labels") or {}):
        detail = "`selector` does not match template `labels`"
        yield invalid("spec.template.metadata.labels", sorted_map(metadata.get("labels")), detail)
    if template_too:
        yield from validate_template(_with_claims(spec, template), "spec.template")
    yield from _template(template, metadata)


def _with_claims(spec: Object, template: Object) -> Object:
    """The template as its Pods will be: with a volume for each claim, and names of their own."""
    pod = {key: value for key, value in (template.get("spec") or {}).items() if key not in ("hostname", "subdomain")}
    claims = [claim["metadata"].get("name") or "" for claim in spec.get("volumeClaimTemplates") or ()]
    if claims:
        made = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in dict.fromkeys(claims)]
        pod["volumes"] = made + [one for one in pod.get("volumes") or () if one.get("name") not in claims]
    return {**template, "spec": pod}


def _template(template: Object, metadata: Object) -> Iterator[FieldError]:
    """Upstream checks the template's own labels and annotations again: clients see such a cause twice."""
    yield from validate_labels(metadata.get("labels"), "spec.template.labels")
    yield from validate_annotations(metadata.get("annotations"), "spec.template.annotations")
    spec = template.get("spec") or {}
    yield from validate_pod_annotations(metadata.get("annotations"), spec, "spec.template.annotations")


def _restarting(spec: Object) -> Iterator[FieldError]:
    path = "spec.template.spec"
    if (spec.get("restartPolicy") or "") != "Always":
        yield not_supported(f"{path}.restartPolicy", spec.get("restartPolicy") or "", ("Always",))
    if spec.get("activeDeadlineSeconds") is not None:
        detail = "activeDeadlineSeconds in StatefulSet is not Supported"
        yield forbidden(f"{path}.activeDeadlineSeconds", detail)


def validate_stateful_set_update(new: Object, old: Object) -> Iterator[FieldError]:
    sound = not any(_spec(old.get("spec") or {}, new=False))
    yield from _spec(new.get("spec") or {}, new=False, template_too=sound)
    after, before = (
        {key: value for key, value in (obj.get("spec") or {}).items() if key not in _MUTABLE} for obj in (new, old)
    )
    if after != before:
        fields = ", ".join(f"'{key}'" for key in _MUTABLE[:-1])
        detail = f"updates to statefulset spec for fields other than {fields} and '{_MUTABLE[-1]}' are forbidden"
        yield forbidden("spec", detail)


def validate_stateful_set_status(new: Object, old: Object) -> Iterator[FieldError]:
    status, before = new.get("status") or {}, old.get("status") or {}
    keys = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    for key in (*keys, "observedGeneration", "collisionCount"):
        yield from non_negative(f"status.{key}", status.get(key))
    for key in keys[1:]:
        if (status.get(key) or 0) > (status.get("replicas") or 0):
            yield invalid(f"status.{key}", status.get(key) or 0, "cannot be greater than status.replicas")
    if (status.get("availableReplicas") or 0) > (status.get("readyReplicas") or 0):
        yield invalid(
            "status.availableReplicas", status["availableReplicas"], "cannot be greater than status.readyReplicas"
        )
    count, old_count = status.get("collisionCount"), before.get("collisionCount")
    if old_count is not None and (count is None or count < old_count):
        yield invalid("status.collisionCount", count or 0, "cannot be decremented")
