"""Pod: what the server decides of it, and how it is found."""

from collections.abc import Iterator, Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, SubresourceBehaviour, keep, spec_changed
from kybern.api.groups.core.pod_cells import COLUMNS, cells, row_conditions
from kybern.api.groups.core.qos import qos_class
from kybern.api.groups.disabled_fields import drop_from_pod_spec, drop_from_pod_status, drop_on_update
from kybern.api.resource import Change, FieldError, Object
from kybern.base.clock import format_time


def prepare_create(pod: Object, change: Change) -> None:
    drop_from_pod_spec(pod["spec"], {})
    pod["status"] = {"phase": "Pending", "qosClass": qos_class(pod["spec"])}
    if pod["spec"].get("schedulingGates"):
        pod["status"]["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "lastProbeTime": None,
                "lastTransitionTime": format_time(change.now),
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            }
        ]
    _merge_match_label_keys(pod)
    if "annotations" in pod["metadata"]:
        from kybern.api.validation.core.apparmor import fill_profiles

        fill_profiles(pod)


def _merge_match_label_keys(pod: Object) -> None:
    """matchLabelKeys become requirements of the selector, with the new Pod's own values (KEP-3633, KEP-3243)."""
    labels = pod["metadata"].get("labels") or {}
    spread = pod["spec"].get("topologySpreadConstraints") or ()
    for term in (*_affinity_terms(pod["spec"].get("affinity") or {}), *spread):
        selector = term.get("labelSelector")
        if selector is None:
            continue
        pairs = (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
        added = [
            {"key": key, "operator": operator, "values": [labels[key]]}
            for keys, operator in pairs
            for key in term.get(keys) or ()
            if key in labels
        ]
        if added:
            expressions = [*(selector.get("matchExpressions") or ()), *added]
            term["labelSelector"] = {**selector, "matchExpressions": expressions}


def _affinity_terms(affinity: Object) -> Iterator[Object]:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        yield from terms.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for weighted in terms.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            yield weighted.get("podAffinityTerm") or {}


def prepare_status(new: Object, old: Object, change: Change) -> None:
    for key in ("ownerReferences", "deletionTimestamp"):
        keep(key, new["metadata"], old["metadata"])
    status, before = new.setdefault("status", {}), old.get("status") or {}
    if not status.get("qosClass"):  # Another one is refused.
        keep("qosClass", status, before)
    _keep_observed_generations(status, before)
    drop_from_pod_status(status, before)


def _keep_observed_generations(status: Object, before: Object) -> None:
    """Whoever leaves them out does not know them: what was observed stays observed."""
    if not status.get("observedGeneration"):
        keep("observedGeneration", status, before)
    known: dict[str, list[Object]] = {}
    for condition in before.get("conditions") or ():
        known.setdefault(condition.get("type") or "", []).append(condition)
    for condition in status.get("conditions") or ():
        same = known.get(condition.get("type") or "")
        old = same.pop(0) if same else {}
        if not condition.get("observedGeneration"):
            keep("observedGeneration", condition, old)


def _prepare_part(*parts: str) -> Any:
    """A subresource's write that touches only these parts of each container (and of the spec)."""

    def prepare(new: Object, old: Object, change: Change) -> None:
        wanted = new.get("spec") or {}
        metadata = {**old["metadata"], **{key: new["metadata"].get(key, "") for key in ("uid", "resourceVersion")}}
        keep("managedFields", metadata, new["metadata"])
        new["metadata"] = metadata
        keep("status", new, old)
        new["spec"] = _with_parts(old["spec"], wanted, parts)
        drop_from_pod_spec(new["spec"], old["spec"])
        if new["spec"] != old["spec"]:
            metadata["generation"] = metadata.get("generation", 0) + 1

    return prepare


def _with_parts(old: Object, wanted: Object, parts: Sequence[str]) -> Object:
    if parts == ("ephemeralContainers",):
        spec = {key: value for key, value in old.items() if key != "ephemeralContainers"}
        if wanted.get("ephemeralContainers"):
            spec["ephemeralContainers"] = wanted["ephemeralContainers"]
        return spec
    spec = dict(old)
    for group in ("containers", "initContainers"):
        known, given = old.get(group) or [], wanted.get(group) or []
        if [one.get("name") for one in known] != [one.get("name") for one in given]:
            spec[group] = given  # As it is: the rules refuse it.
        elif known:
            spec[group] = [_take(container, one, parts) for container, one in zip(known, given, strict=True)]
    return _take(spec, wanted, ("resources",))


def _take(old: Object, wanted: Object, parts: Sequence[str]) -> Object:
    kept = {key: value for key, value in old.items() if key not in parts}
    return kept | {part: wanted[part] for part in parts if part in wanted}


def _validate(pod: Object) -> Sequence[FieldError]:
    from kybern.api.validation.core.pod import validate_pod

    return list(validate_pod(pod))


def _validate_update(new: Object, old: Object) -> Sequence[FieldError]:
    from kybern.api.validation.core.pod_update import validate_pod_update

    return list(validate_pod_update(new, old))


def _validate_status(new: Object, old: Object) -> Sequence[FieldError]:
    from kybern.api.validation.core.pod_update import validate_pod_status_update

    return list(validate_pod_status_update(new, old))


def _validate_ephemeral(new: Object, old: Object) -> Sequence[FieldError]:
    from kybern.api.validation.core.pod_update import validate_ephemeral_containers_update

    return list(validate_ephemeral_containers_update(new, old))


def _validate_resize(new: Object, old: Object) -> Sequence[FieldError]:
    from kybern.api.validation.core.pod_resize import validate_resize

    return list(validate_resize(new, old))


def _warnings(new: Object, old: Object | None) -> Sequence[str]:
    from kybern.api.validation.core.pod_warnings import pod_warnings

    return list(pod_warnings(new, old))


def _spec(key: str) -> Any:
    return lambda pod: (pod.get("spec") or {}).get(key) or ""


def _status(key: str) -> Any:
    return lambda pod: (pod.get("status") or {}).get(key) or ""


def _pod_ips(pod: Object) -> str:
    return ",".join(one.get("ip", "") for one in (pod.get("status") or {}).get("podIPs") or ())


BEHAVIOUR = {
    "Pod": Behaviour(
        columns=COLUMNS,
        cells=cells,
        row_conditions=row_conditions,
        selectable_fields={
            "spec.nodeName": _spec("nodeName"),
            "spec.restartPolicy": _spec("restartPolicy"),
            "spec.schedulerName": _spec("schedulerName"),
            "spec.serviceAccountName": _spec("serviceAccountName"),
            "spec.hostNetwork": lambda pod: "true" if (pod.get("spec") or {}).get("hostNetwork") else "false",
            "status.phase": _status("phase"),
            "status.podIP": _status("podIP"),
            "status.podIPs": _pod_ips,
            "status.nominatedNodeName": _status("nominatedNodeName"),
        },
        generation=spec_changed,
        prepare_create=prepare_create,
        prepare_update=drop_on_update("spec"),
        prepare_status=prepare_status,
        validate=_validate,
        validate_update=_validate_update,
        validate_on_update=False,
        validate_status=_validate_status,
        warnings=_warnings,
        subresources={
            "ephemeralcontainers": SubresourceBehaviour(
                prepare_update=_prepare_part("ephemeralContainers"), validate_update=_validate_ephemeral
            ),
            "resize": SubresourceBehaviour(
                prepare_update=_prepare_part("resources", "resizePolicy"), validate_update=_validate_resize
            ),
        },
    )
}
