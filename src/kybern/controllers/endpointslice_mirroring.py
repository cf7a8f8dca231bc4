"""EndpointSlice mirroring: Endpoints that people write for Services without a selector, as slices
(pkg/controller/endpointslicemirroring)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from msgspec.structs import replace

from kybern.api.types.core_v1 import EndpointAddress, Endpoints, EndpointSubset, Service
from kybern.api.types.discovery_v1 import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, controller_reference, key_of
from kybern.client.plan import Create, Delete, Done, Outcome, Plan, Update
from kybern.client.watches import watch
from kybern.controllers.services import TRIGGER_TIME, selects
from kybern.controllers.slices import identity, same
from kybern.trace import Verdict

NAME = "endpointslice-mirroring-controller"
MANAGER = "endpointslicemirroring-controller.k8s.io"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
SERVICE_NAME = "kubernetes.io/service-name"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SUBSET_LIMIT = 1000
"""Addresses of one subset that are mirrored (--mirroring-max-endpoints-per-subset)."""

Ports = tuple[tuple[str, int | None, str, str], ...]


def _mirrored(piece: EndpointSlice, cluster: Cluster) -> Iterable[Key]:
    meta = piece.metadata
    if meta.labels.get(MANAGED_BY) == MANAGER and meta.labels.get(SERVICE_NAME):
        yield Key(meta.namespace, meta.labels[SERVICE_NAME])


WATCHES = (
    watch(Endpoints)
    .also(Service, lambda service, cluster: (key_of(service),))
    .also(EndpointSlice, _mirrored)
    .indexed(
        EndpointSlice,
        "mirrored",
        lambda piece: (
            [f"{piece.metadata.namespace}/{piece.metadata.labels.get(SERVICE_NAME, '')}"]
            if piece.metadata.labels.get(MANAGED_BY) == MANAGER
            else []
        ),
    )
)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Bring the slices to what the Endpoints say, or delete them where nothing is to be mirrored."""
    endpoints, service = cluster.get(Endpoints, key), cluster.get(Service, key)
    slices = cluster.by_index(EndpointSlice, "mirrored", str(key))
    if endpoints is None or service is None or selects(service) or not is_mirrored(endpoints):
        if not slices:
            return Done()
        plan = Plan(slices[0], deletes=[Delete(each) for each in slices])
        plan.decide(Verdict.ACTED, "NotMirrored", "its Endpoints are gone, or belong to a Service with a selector")
        return await cluster.apply(plan)
    return await cluster.apply(decide(endpoints, slices))


def is_mirrored(endpoints: Endpoints) -> bool:
    meta = endpoints.metadata
    return meta.labels.get(SKIP) != "true" and LEADER not in meta.annotations


@dataclass(slots=True)
class _Wanted:
    """By address type and ports: the endpoints, by what makes them one."""

    pieces: dict[tuple[str, Ports], dict[object, Endpoint]] = field(default_factory=dict)
    invalid: int = 0
    skipped: int = 0


def decide(endpoints: Endpoints, slices: Sequence[EndpointSlice]) -> Plan:
    """Pure: one slice for each kind of address and set of ports."""
    plan = Plan(endpoints)
    wanted = _Wanted()
    for subset in endpoints.subsets:
        _add(wanted, subset)
    if wanted.invalid:
        text = f"Skipped {wanted.invalid} invalid IP addresses when mirroring to EndpointSlices"
        plan.event("Warning", "InvalidIPAddress", text)
    if wanted.skipped > wanted.invalid:
        text = (
            f"A max of {SUBSET_LIMIT} addresses can be mirrored to EndpointSlices per Endpoints subset. "
            f"{wanted.skipped} addresses were skipped"
        )
        plan.event("Warning", "TooManyAddressesToMirror", text)
    existing: dict[tuple[str, Ports], list[EndpointSlice]] = {}
    for piece in slices:
        existing.setdefault((piece.address_type, _key(piece.ports)), []).append(piece)
    for key, found in wanted.pieces.items():
        known = existing.pop(key, [])
        plan.deletes += [Delete(each) for each in known[1:]]
        _write(plan, endpoints, key, [*found.values()], known[0] if known else None)
    plan.deletes += [Delete(each) for rest in existing.values() for each in rest]
    return plan


def _add(wanted: _Wanted, subset: EndpointSubset) -> None:
    """Sort one subset's addresses in, the ready ones first."""
    ports = tuple((each.name, each.port, each.protocol or "TCP", each.app_protocol) for each in subset.ports)
    added = 0
    both = [(each, True) for each in subset.addresses] + [(each, False) for each in subset.not_ready_addresses]
    for address, ready in both:
        if added >= SUBSET_LIMIT:
            break
        try:
            version = ip_address(address.ip).version
        except ValueError:
            wanted.invalid += 1
            continue
        endpoint = _endpoint(address, ready)
        piece = wanted.pieces.setdefault((f"IPv{version}", ports), {})
        if identity(endpoint) not in piece:
            piece[identity(endpoint)] = endpoint
            added += 1
    wanted.skipped += len(both) - added


def _endpoint(address: EndpointAddress, ready: bool) -> Endpoint:
    return Endpoint(
        addresses=[str(ip_address(address.ip))],
        conditions=EndpointConditions(ready=ready),
        hostname=address.hostname,
        node_name=address.node_name,
        target_ref=address.target_ref,
    )


def _key(ports: Iterable[EndpointPort]) -> Ports:
    return tuple((each.name, each.port, each.protocol or "TCP", each.app_protocol) for each in ports)


def _write(
    plan: Plan, endpoints: Endpoints, key: tuple[str, Ports], found: list[Endpoint], known: EndpointSlice | None
) -> None:
    meta = endpoints.metadata
    labels = {**meta.labels, SERVICE_NAME: meta.name, MANAGED_BY: MANAGER}
    kept = (TRIGGER_TIME, LAST_APPLIED)
    annotations = {name: value for name, value in meta.annotations.items() if name not in kept}
    owner = controller_reference(endpoints)
    if known is None:
        new = EndpointSlice(
            metadata=ObjectMeta(
                generate_name=f"{meta.name}-",
                namespace=meta.namespace,
                labels=labels,
                annotations=annotations,
                owner_references=[owner],
            ),
            address_type=key[0],
            endpoints=found,
            ports=[
                EndpointPort(name=name, port=port, protocol=kind, app_protocol=app) for name, port, kind, app in key[1]
            ],
        )
        plan.creates.append(Create(new))
        return
    own = known.metadata
    before = {identity(each): each for each in known.endpoints}
    after = {identity(each): each for each in found}
    unchanged = before.keys() == after.keys() and all(same(before[each], after[each]) for each in after)
    owned = [each.uid for each in own.owner_references] == [owner.uid]
    if unchanged and owned and (own.labels, own.annotations) == (labels, annotations):
        return
    metadata = replace(own, labels=labels, annotations=annotations, owner_references=[owner])
    plan.updates.append(Update(replace(known, metadata=metadata, endpoints=found)))
