"""The whole `PodStatus` that the kubelet reports. Pure: the Pod, the runtime's view, probes, waits to a status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from kybern.api.types.core_v1 import ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus
from kybern.base.clock import format_time
from kybern.kubelet.allocation import Resources, with_resources
from kybern.kubelet.conditions import OWNED, has_started, make_conditions
from kybern.kubelet.container_status import StatusInputs, Waiting, make_container_status
from kybern.kubelet.observed import PodRuntime, restart_all_cause, sandbox_needed
from kybern.kubelet.phase import make_phase
from kybern.kubelet.pod_level import requests_of, status_resources
from kybern.kubelet.pod_spec import Kind, containers_of, is_sidecar
from kybern.kubelet.ports import ProbeResults
from kybern.kubelet.qos import qos_class

TERMINAL = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The kubelet's own judgement over a Pod, stronger than what its containers say."""

    phase: str
    reason: str
    message: str
    conditions: tuple[PodCondition, ...] = field(default_factory=tuple)
    """For example DisruptionTarget of an eviction."""


def make_status(
    pod: Pod,
    observed: PodRuntime,
    probes: ProbeResults,
    *,
    waits: Mapping[str, Waiting],
    ended: bool,
    verdict: Verdict | None,
    host_ips: Sequence[str],
    now: float,
    actuated: Resources | None = None,
    resizing: Sequence[PodCondition] = (),
) -> PodStatus:
    """The status to report. `ended`: nothing of the Pod runs, and nothing will; `resizing`: the conditions of that."""
    initialised = _is_initialised(pod, observed)
    inputs = StatusInputs(pod, observed, probes, waits, ended, initialised, actuated or {})
    init, regular, ephemeral = _container_statuses(inputs)
    statuses = [*init, *regular]
    phase = make_phase(pod, statuses, ended=ended, initialised=has_started(pod, statuses))
    if pod.status.phase in TERMINAL:
        phase = pod.status.phase  # A Pod that was over stays so, whatever is found later.
    elif verdict is not None:
        phase = verdict.phase
    needed, _ = sandbox_needed(pod, observed)
    resets = restart_all_cause(pod, observed) is not None
    conditions = make_conditions(pod, statuses, phase, ready_to_start=not needed, resets=resets)
    own = [replace(each, observed_generation=pod.metadata.generation) for each in verdict.conditions] if verdict else []
    ips = list(host_ips) if pod.spec.host_network else list(observed.ips)
    ips = ips or [ip.ip for ip in pod.status.pod_ips]
    return PodStatus(
        phase=phase,
        reason=verdict.reason if verdict else pod.status.reason,
        message=verdict.message if verdict else pod.status.message,
        conditions=merge_conditions(pod.status.conditions, [*conditions, *own, *resizing], now),
        init_container_statuses=init,
        container_statuses=regular,
        ephemeral_container_statuses=ephemeral,
        host_ip=host_ips[0] if host_ips else "",
        host_ips=[HostIP(ip=ip) for ip in host_ips],
        pod_ip=ips[0] if ips else "",
        pod_ips=[PodIP(ip=ip) for ip in ips],
        qos_class=pod.status.qos_class or qos_class(pod),
        start_time=pod.status.start_time or format_time(now),
        observed_generation=pod.metadata.generation,
        resources=status_resources(pod, with_resources(pod, actuated or {}), phase),
        allocated_resources=requests_of(pod),
    )


def _container_statuses(
    inputs: StatusInputs,
) -> tuple[list[ContainerStatus], list[ContainerStatus], list[ContainerStatus]]:
    """Of init, regular and ephemeral containers."""
    init: list[ContainerStatus] = []
    regular: list[ContainerStatus] = []
    ephemeral: list[ContainerStatus] = []
    places = {Kind.INIT: init, Kind.SIDECAR: init, Kind.REGULAR: regular, Kind.EPHEMERAL: ephemeral}
    for kind, container in containers_of(inputs.pod):
        places[kind].append(make_container_status(inputs, kind, container))
    return init, regular, ephemeral


def _is_initialised(pod: Pod, observed: PodRuntime) -> bool:
    """Whether all init containers are done, as far as the runtime shows."""
    if any(observed.latest(container.name) for container in pod.spec.containers):
        return True
    for container in pod.spec.init_containers:
        latest = observed.latest(container.name)
        if latest is None or (not is_sidecar(container) and not (latest.finished_at_ns and latest.exit_code == 0)):
            return False
    return True


def merge_conditions(before: Sequence[PodCondition], made: Sequence[PodCondition], now: float) -> list[PodCondition]:
    """Others' conditions stay; ours take their old transition time where the status did not change."""
    known = {condition.type: condition for condition in before}
    for condition in made:
        old = known.get(condition.type)
        same = old is not None and old.status == condition.status
        condition.last_transition_time = old.last_transition_time if old and same else format_time(now)
    mine = {condition.type for condition in made}
    others = [condition for condition in before if condition.type not in mine and condition.type not in OWNED]
    return [*others, *made]


def rejected(pod: Pod, reason: str, message: str, now: float) -> PodStatus:
    """The status of a Pod that the node did not admit."""
    return PodStatus(
        phase="Failed",
        reason=reason,
        message=f"Pod was rejected: {message}",
        qos_class=pod.status.qos_class or qos_class(pod),
        start_time=format_time(now),
        conditions=merge_conditions(pod.status.conditions, (), now),
        observed_generation=pod.metadata.generation,
    )


def with_own(theirs: PodStatus, own: PodStatus) -> PodStatus:
    """Our status, which is newer, with the conditions that others own from the API's."""
    mine = [condition for condition in own.conditions if condition.type in OWNED]
    taken = {condition.type for condition in mine}
    others = [condition for condition in theirs.conditions if condition.type not in taken]
    extra = {condition.type for condition in others} | taken
    kept = [condition for condition in own.conditions if condition.type not in extra]
    return replace(own, conditions=[*others, *kept, *mine])


def not_yet_over(status: PodStatus, before: PodStatus) -> PodStatus:
    """Nobody is told that a Pod is over while something of it runs and holds what it was given."""
    if status.phase not in TERMINAL or before.phase in TERMINAL:
        return status
    return replace(status, phase=before.phase or "Pending", reason=before.reason, message=before.message)
