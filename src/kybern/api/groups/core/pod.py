"""Pod: what the server decides of it, how it is found and shown."""

from collections.abc import Iterator, Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, SubresourceBehaviour, keep, spec_changed
from kybern.api.groups.columns import AGE, NAME, NONE, age, column, seconds, since
from kybern.api.groups.core.qos import qos_class
from kybern.api.groups.disabled_fields import drop_from_pod_spec, drop_from_pod_status, drop_on_update
from kybern.api.resource import Change, Column, FieldError, Object
from kybern.base.clock import format_time

COLUMNS = (
    NAME,
    Column("Ready", description="The aggregate readiness state of this pod for accepting traffic."),
    Column("Status", description="The aggregate status of the containers in this pod."),
    Column(
        "Restarts",
        description=(
            "The number of times the containers in this pod have been restarted and when the last "
            "container in this pod has restarted."
        ),
    ),
    AGE,
    column("IP", "core.v1.PodStatus.podIP", priority=1),
    column("Node", "core.v1.PodSpec.nodeName", priority=1),
    column("Nominated Node", "core.v1.PodStatus.nominatedNodeName", priority=1),
    column("Readiness Gates", "core.v1.PodSpec.readinessGates", priority=1),
)
_RESTARTABLE = "Always"


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
        metadata = {**old["metadata"], "resourceVersion": new["metadata"].get("resourceVersion", "")}
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


_CONDITIONS = {
    "Succeeded": [
        {"type": "Completed", "status": "True", "reason": "Succeeded", "message": "The pod has completed successfully."}
    ],
    "Failed": [{"type": "Completed", "status": "True", "reason": "Failed", "message": "The pod failed."}],
}


def row_conditions(pod: Object) -> Sequence[Object]:
    return _CONDITIONS.get((pod.get("status") or {}).get("phase", ""), ())


def cells(pod: Object, now: float) -> Sequence[Any]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    shown = _Shown(spec, status)
    restarts = str(shown.restarts)
    if shown.restarts and shown.last_restart:
        restarts = f"{restarts} ({since(shown.last_restart, now)} ago)"
    addresses = status.get("podIPs") or ()
    return (
        pod["metadata"]["name"],
        f"{shown.ready}/{shown.total}",
        _word(pod, status, shown.reason),
        restarts,
        age(pod, now),
        (addresses[0].get("ip") if addresses else "") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(spec, status),
    )


def _word(pod: Object, status: Object, reason: str) -> str:
    if not pod["metadata"].get("deletionTimestamp"):
        return reason
    if status.get("reason") == "NodeLost":
        return "Unknown"
    return reason if status.get("phase") in ("Failed", "Succeeded") else "Terminating"


def _gates(spec: Object, status: Object) -> str:
    gates = spec.get("readinessGates") or ()
    if not gates:
        return NONE
    states = {one.get("type"): one.get("status") for one in reversed(status.get("conditions") or ())}
    return f"{sum(states.get(gate.get('conditionType')) == 'True' for gate in gates)}/{len(gates)}"


class _Shown:
    """READY, STATUS and RESTARTS out of the containers' states."""

    def __init__(self, spec: Object, status: Object) -> None:
        self._status = status
        conditions = status.get("conditions") or ()
        self._conditions = {one.get("type"): one.get("status") for one in reversed(conditions)}
        self.reason = status.get("reason") or status.get("phase") or ""
        if any(one.get("type") == "PodScheduled" and one.get("reason") == "SchedulingGated" for one in conditions):
            self.reason = "SchedulingGated"
        inits = spec.get("initContainers") or ()
        self._sidecars = {one["name"] for one in inits if one.get("restartPolicy") == _RESTARTABLE}
        self.total = len(spec.get("containers") or ()) + len(self._sidecars)
        self.ready = self.restarts = 0
        self.last_restart = ""
        initializing = self._read_init(status.get("initContainerStatuses") or (), len(inits))
        if not initializing or self._conditions.get("Initialized") == "True":
            self._read_containers(status)

    def _count(self, container: Object) -> None:
        self.restarts += container.get("restartCount") or 0
        ended = ((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or ""
        if ended and (not self.last_restart or seconds(self.last_restart) < seconds(ended)):
            self.last_restart = ended

    def _read_init(self, statuses: Sequence[Object], total: int) -> bool:
        """Whether one of them still keeps the others waiting."""
        for index, container in enumerate(statuses):
            self._count(container)
            terminated = (container.get("state") or {}).get("terminated")
            waiting = ((container.get("state") or {}).get("waiting") or {}).get("reason")
            if terminated is not None and not terminated.get("exitCode"):
                continue
            if container.get("name") in self._sidecars and container.get("started"):
                self.ready += bool(container.get("ready"))
                continue
            if terminated is not None:
                self.reason = f"Init:{_ended(terminated)}"
            elif waiting and waiting != "PodInitializing":
                self.reason = f"Init:{waiting}"
            else:
                self.reason = f"Init:{index}/{total}"
            return True
        return False

    def _read_containers(self, status: Object) -> None:
        self.restarts, self.last_restart = 0, ""
        for container in status.get("initContainerStatuses") or ():
            if container.get("name") in self._sidecars:
                self._count(container)
        running, failed = False, ""
        for container in reversed(status.get("containerStatuses") or ()):
            self._count(container)
            state = container.get("state") or {}
            waiting = (state.get("waiting") or {}).get("reason")
            if waiting:
                self.reason = waiting
            elif state.get("terminated") is not None:
                self.reason = _ended(state["terminated"])
                if state["terminated"].get("exitCode"):
                    failed = self.reason
            elif container.get("ready") and state.get("running") is not None:
                running = True
                self.ready += 1
        if self.reason == "Completed":
            if running and self._conditions.get("Ready") == "True":
                self.reason = "Running"
            else:
                self.reason = failed or ("NotReady" if running else self.reason)


def _ended(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


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
