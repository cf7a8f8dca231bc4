"""Gives running containers other resources in place, or has them started anew where their policy says so."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable

from kybern.api.types.core_v1 import Container, Node, Pod, ResourceRequirements
from kybern.base.errors import KybernError
from kybern.kubelet.allocation import WHOLE, Allocation, amounts, resizable, resize_message, resources_of, same
from kybern.kubelet.container_config import resized_resources
from kybern.kubelet.cri import RuntimeFailed
from kybern.kubelet.decide import Actions, StopContainer
from kybern.kubelet.events import PodEvents
from kybern.kubelet.labels import POD_UID
from kybern.kubelet.node_admission import Refusal, decide_resources
from kybern.kubelet.observed import PodRuntime
from kybern.kubelet.pod_level import effective_of
from kybern.kubelet.qos import pod_resources
from kybern.kubelet.runtime.views import ContainerState
from kybern.kubelet.starting import Parts

INFEASIBLE, DEFERRED = "Infeasible", "Deferred"
RESTART = "RestartContainer"

Fits = Callable[[Pod], Refusal | None]
"""Whether the node has room for a Pod as it is to be, and if not, why."""


class ResizeFailed(KybernError):
    """The containers could not be given what was allocated; the message is the condition's."""


def decide_fit(pod: Pod, others: list[Pod], node: Node | None) -> Refusal | None:
    """Why a Pod cannot have the resources that its spec asks for now. Pure; upstream's canResizePod."""
    if node is None:
        return None
    wanted = pod_resources(pod, limits=False)
    have = pod_resources_of_node(node)
    for name in ("memory", "cpu"):
        if name in have and wanted.get(name, 0) > have[name]:
            text = f"{name}, requested: {wanted[name]}, capacity: {have[name]}"
            return Refusal(INFEASIBLE, f"Node didn't have enough capacity: {text}")
    refusal = decide_resources(pod, others, node)
    return Refusal(DEFERRED, refusal.message) if refusal else None


def pod_resources_of_node(node: Node) -> dict[str, int]:
    """What the node may give, in thousandths of a CPU and bytes."""
    found = amounts(ResourceRequirements(requests=node.status.allocatable))
    return {name: amount for (_, name), amount in found.items()}


def allocate(desired: Pod, allocation: Allocation, fits: Fits, events: PodEvents) -> bool:
    """Take over what the spec asks for, where it fits; whether anything was allocated."""
    wanted = resources_of(desired)
    if same(wanted, allocation.allocated):
        allocation.pending = None
        return False
    refusal = fits(desired)
    if refusal is not None:
        told = (refusal.reason, refusal.message)
        if told != allocation.pending:
            allocation.pending = told
            message = resize_message(desired, refusal.reason, refusal.message)
            events.warning(f"Resize{refusal.reason}", message)
        return False
    allocation.allocated, allocation.pending = wanted, None
    allocation.generation, allocation.error = desired.metadata.generation, ""
    allocation.save()
    events.normal("ResizeStarted", resize_message(desired, "started"))
    return True


def containers_to_resize(pod: Pod, allocation: Allocation, observed: PodRuntime) -> list[Container]:
    """Those that run with other resources than they are allocated."""
    found = []
    for container in resizable(pod):
        active = observed.active(container.name)
        if active is None or active.state is not ContainerState.RUNNING:
            continue
        given = allocation.actuated.get(container.name, ResourceRequirements())
        if amounts(given) != amounts(effective_of(pod, container)):
            found.append(container)
    return found


def is_whole_to_resize(pod: Pod, allocation: Allocation) -> bool:
    """Whether the Pod's own resources are other ones than its cgroup was given."""
    given = allocation.actuated.get(WHOLE, ResourceRequirements())
    return amounts(given) != amounts(pod.spec.resources or ResourceRequirements())


def stops_for(pod: Pod, allocation: Allocation, observed: PodRuntime, actions: Actions) -> list[StopContainer]:
    """Containers whose resize policy wants them started anew for what has changed."""
    stopped = {stop.name for stop in actions.stops}
    found = []
    for container in containers_to_resize(pod, allocation, observed):
        active = observed.active(container.name)
        if active is not None and container.name not in stopped and _restarts(pod, container, allocation):
            found.append(
                StopContainer(active.id, container.name, f"Container {container.name} resize requires restart")
            )
    return found


def add_resize(actions: Actions, pod: Pod, allocation: Allocation, observed: PodRuntime, events: PodEvents) -> Actions:
    """Add what brings the containers to their allocation; where nothing is left to do, the resize is over."""
    if allocation.generation is None:
        return actions
    if containers_to_resize(pod, allocation, observed) or is_whole_to_resize(pod, allocation):
        stops = (*actions.stops, *stops_for(pod, allocation, observed, actions))
        return dataclasses.replace(actions, stops=stops, resize=True)
    allocation.generation, allocation.error = None, ""
    events.normal("ResizeCompleted", resize_message(pod, "completed"))
    return actions


def _restarts(pod: Pod, container: Container, allocation: Allocation) -> bool:
    before = amounts(allocation.actuated.get(container.name, ResourceRequirements()))
    after = amounts(effective_of(pod, container))
    changed = {
        name for kind, name in before.keys() | after.keys() if before.get((kind, name)) != after.get((kind, name))
    }
    return any(each.resource_name in changed and each.restart_policy == RESTART for each in container.resize_policy)


async def actuate(parts: Parts, pod: Pod, allocation: Allocation, observed: PodRuntime) -> None:
    """Give the running containers, and the Pod as a whole, what is allocated. Raises ResizeFailed."""
    found = containers_to_resize(pod, allocation, observed)
    containers = [each for each in found if not _restarts(pod, each, allocation)]
    try:
        await _check_usage(parts, pod, containers, allocation)
        # The Pod's own limits grow before those of its containers and shrink after them: the kernel refuses a child
        # that may have more than its parent.
        with contextlib.suppress(OSError):
            await _ensure(parts, pod)
        for container in containers:
            active = observed.active(container.name)
            assert active is not None, "a container that is resized runs"
            await parts.runtime.update_resources(active.id, resized_resources(parts.config, pod, container))
            allocation.actuate(container.name, effective_of(pod, container))
        await _ensure(parts, pod)
        allocation.actuate(WHOLE, pod.spec.resources)
    except RuntimeFailed as error:
        raise ResizeFailed(error.rpc_text) from error
    except OSError as error:
        raise ResizeFailed(f"failed to set the resources of the pod's cgroup: {error}") from error


async def _ensure(parts: Parts, pod: Pod) -> None:
    if parts.config.cgroups_per_qos:
        await asyncio.to_thread(parts.cgroups.ensure, pod)


async def _check_usage(parts: Parts, pod: Pod, containers: list[Container], allocation: Allocation) -> None:
    """A limit below what is used already would kill: it waits. Raises ResizeFailed, RuntimeFailed."""
    wanted = {each.name: effective_of(pod, each) for each in containers}
    wanted[WHOLE] = pod.spec.resources or ResourceRequirements()
    lower = {name: limit for name, each in wanted.items() if (limit := _lower(allocation, name, each)) is not None}
    if not lower:
        return
    used = {each.name: each.usage_bytes or 0 for each in await parts.runtime.stats({POD_UID: pod.metadata.uid})}
    for name, amount in {WHOLE: sum(used.values()), **used}.items():
        if name in lower and amount >= lower[name]:
            what = f'container "{name}"' if name else "pod"
            text = f"attempting to set {what} memory limit ({lower[name]}) below current usage ({amount})"
            raise ResizeFailed(f"cannot decrease memory limits: {text}")


def _lower(allocation: Allocation, name: str, wanted: ResourceRequirements) -> int | None:
    """The limit of memory in bytes where it is to be lower than what there is; None: it is not."""
    key = ("limits", "memory")
    before = amounts(allocation.actuated.get(name, ResourceRequirements())).get(key)
    after = amounts(wanted).get(key)
    return after if after is not None and (before is None or after < before) else None
