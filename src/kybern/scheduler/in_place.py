"""What a Pod holds of its node while its resources change in place (KEP-1287, KEP-5419). Pure.

Until a resize is over, the greatest of what is asked for, was allocated and is had counts; what the node said that it
can never give does not.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from kybern.api.quantity import compare
from kybern.api.types.core_v1 import Container, ContainerStatus, Pod, PodSpec, ResourceRequirements

_PENDING, _INFEASIBLE = "PodResizePending", "Infeasible"

Quantities = Mapping[str, str]


def held(pod: Pod) -> PodSpec:
    """The spec, with what the Pod holds in the place of what it asks for; the spec itself where both are one."""
    spec, status = pod.spec, pod.status
    if not status.container_statuses:
        return spec
    told = {each.name: each for each in (*status.container_statuses, *status.init_container_statuses)}
    asks = not any(each.type == _PENDING and each.reason == _INFEASIBLE for each in status.conditions)
    containers = [_held(each, told.get(each.name), asks) for each in spec.containers]
    init = [
        _held(each, told.get(each.name), asks) if each.restart_policy == "Always" else each
        for each in spec.init_containers
    ]
    whole = spec.resources
    if whole is not None and whole.requests and status.resources is not None:
        found = _greatest(whole.requests, status.resources.requests, status.allocated_resources, asks)
        if found is not whole.requests:
            whole = replace(whole, requests={name: found[name] for name in whole.requests if name in found})
    if whole is spec.resources and _same(containers, spec.containers) and _same(init, spec.init_containers):
        return spec
    return replace(spec, containers=containers, init_containers=init, resources=whole)


def _same(made: Sequence[Container], own: Sequence[Container]) -> bool:
    return all(one is other for one, other in zip(made, own, strict=True))


def _held(container: Container, told: ContainerStatus | None, asks: bool) -> Container:
    if told is None or told.resources is None:
        return container
    own = container.resources or ResourceRequirements()
    found = _greatest(own.requests, told.resources.requests, told.allocated_resources, asks)
    return container if found is own.requests else replace(container, resources=replace(own, requests=dict(found)))


def _greatest(own: Quantities, has: Quantities, allocated: Quantities, asks: bool) -> Quantities:
    """`own` itself where all three are one."""
    if own == has == allocated:
        return own
    found: dict[str, str] = dict(own) if asks else {}
    for side in (has, allocated):
        for name, text in side.items():
            if name not in found or compare(text, found[name]) > 0:
                found[name] = text
    return own if found == own else found
