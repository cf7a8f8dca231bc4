"""Pods as `kubectl get` shows them: READY, STATUS and RESTARTS out of their containers' states.

Source: pkg/printers/internalversion/printers.go.
"""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.columns import AGE, NAME, NONE, age, column, seconds, since
from kybern.api.resource import Column, Object

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
