"""Packs endpoints into EndpointSlices with as few writes as can be (k8s.io/endpointslice's reconciler), purely."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from kybern.api.types.discovery_v1 import Endpoint, EndpointSlice

SLICE_LIMIT = 100
"""Endpoints in one slice (upstream's --max-endpoints-per-slice)."""

Identity = tuple[tuple[str, ...], str, str, str]


@dataclass(slots=True)
class Packing:
    """The writes; new slices have no name yet."""

    creates: list[EndpointSlice] = field(default_factory=list)
    updates: list[EndpointSlice] = field(default_factory=list)
    deletes: list[EndpointSlice] = field(default_factory=list)

    def add(self, other: "Packing") -> None:
        self.creates += other.creates
        self.updates += other.updates
        self.deletes += other.deletes


def pack(
    existing: Sequence[EndpointSlice],
    desired: Sequence[Endpoint],
    fresh: Callable[[], EndpointSlice],
    relabel: Callable[[EndpointSlice], EndpointSlice],
) -> Packing:
    """Bring slices of the same ports to hold exactly `desired`.

    What is there stays where it is. What is new first fills slices that are written anyway, the fullest first; then
    the one unchanged slice that it fills best; then new slices. `relabel` gives the slice itself where
    its labels are right.
    """
    wanted = {identity(each): each for each in desired}
    packing = Packing()
    unchanged: list[EndpointSlice] = []
    for each in sorted(existing, key=lambda each: each.metadata.name):
        kept = [wanted.pop(key) for key in map(identity, each.endpoints) if key in wanted]
        relabelled = relabel(each)
        if not kept and each.endpoints:
            packing.deletes.append(each)
        elif len(kept) != len(each.endpoints) or not all(map(same, kept, each.endpoints)):
            packing.updates.append(replace(relabelled, endpoints=kept))
        elif relabelled is not each:
            packing.updates.append(relabelled)
        else:
            unchanged.append(each)
    _place([*wanted.values()], packing, unchanged, fresh)
    return packing


def _place(
    rest: list[Endpoint], packing: Packing, unchanged: list[EndpointSlice], fresh: Callable[[], EndpointSlice]
) -> None:
    for position in sorted(range(len(packing.updates)), key=lambda each: -len(packing.updates[each].endpoints)):
        each = packing.updates[position]
        room = max(0, SLICE_LIMIT - len(each.endpoints))
        packing.updates[position] = replace(each, endpoints=[*each.endpoints, *rest[:room]])
        rest = rest[room:]
    while rest:
        fitting = [each for each in unchanged if len(each.endpoints) + len(rest) <= SLICE_LIMIT]
        if fitting and len(rest) < SLICE_LIMIT:
            best = max(fitting, key=lambda each: len(each.endpoints))
            packing.updates.append(replace(best, endpoints=[*best.endpoints, *rest]))
            return
        packing.creates.append(replace(fresh(), endpoints=rest[:SLICE_LIMIT]))
        rest = rest[SLICE_LIMIT:]


def reuse(packing: Packing, usable: Callable[[EndpointSlice], bool]) -> None:
    """Where slices are made and others deleted, write the new contents into the old: one write instead of two."""
    for old in [each for each in packing.deletes if usable(each)]:
        if not packing.creates:
            return
        new = packing.creates.pop()
        metadata = replace(old.metadata, labels=new.metadata.labels)
        packing.deletes.remove(old)
        packing.updates.append(replace(old, metadata=metadata, endpoints=new.endpoints, ports=new.ports))


def identity(endpoint: Endpoint) -> Identity:
    """What makes two endpoints the same one, whatever its conditions are."""
    target = endpoint.target_ref
    owner = (target.namespace, target.name) if target is not None else ("", "")
    return (tuple(sorted(endpoint.addresses)), endpoint.hostname, *owner)


def same(left: Endpoint, right: Endpoint) -> bool:
    """Whether nothing is to be written; the resourceVersion of the Pod that was seen does not count."""
    return _essence(left) == _essence(right)


def _essence(endpoint: Endpoint) -> tuple[object, ...]:
    target = endpoint.target_ref
    reference = (target.kind, target.namespace, target.name, target.uid) if target is not None else None
    return (endpoint.conditions, endpoint.node_name, endpoint.zone, endpoint.hints, reference)
