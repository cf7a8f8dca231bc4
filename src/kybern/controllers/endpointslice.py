"""EndpointSlice: for every Service with a selector, which Pods serve it, on which ports, and whether they are ready.

It never touches a slice that another manages, and it leaves Services without a selector alone. Topology hints follow
spec.trafficDistribution (KEP-4444). The behaviour is upstream's k8s.io/endpointslice.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from kybern.api.types.core_v1 import Node, ObjectReference, Pod, Service
from kybern.api.types.discovery_v1 import (
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    EndpointSlice,
    ForNode,
    ForZone,
)
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, controller_reference
from kybern.client.plan import Create, Delete, Done, Outcome, Plan, Update
from kybern.client.watches import watch
from kybern.controllers.nodes import NODE_INDEX, node_index
from kybern.controllers.pods import generate_prefix, is_ready, is_terminating
from kybern.controllers.services import (
    HEADLESS,
    TRIGGER_TIME,
    address,
    belongs,
    families,
    find_port,
    has_cluster_ip,
    hostname,
    pod_matters,
    pods_of,
    selects,
    services_of,
    trigger_time,
)
from kybern.controllers.slices import Packing, identity, pack, reuse, same
from kybern.trace import Verdict

NAME = "endpoint-slice-controller"
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
ZONE = "topology.kubernetes.io/zone"

_RESERVED = (SERVICE_NAME, MANAGED_BY, HEADLESS)
_SLICES = "service"
_HINTED = ("PreferClose", "PreferSameZone", "PreferSameNode")
_TOPOLOGY_MODES = ("service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode")

Ports = tuple[tuple[str, int | None, str, str], ...]


def _zone(node: Node) -> str:
    return node.metadata.labels.get(ZONE, "")


def _services_on(node: Node, cluster: Cluster) -> set[Key]:
    pods = cluster.by_index(Pod, NODE_INDEX, node.metadata.name)
    return {key for pod in pods for key in services_of(pod, cluster)}


def _slice_index(each: EndpointSlice) -> list[str]:
    labels = each.metadata.labels
    if labels.get(MANAGED_BY) != MANAGER or SERVICE_NAME not in labels:
        return []
    return [str(Key(each.metadata.namespace, labels[SERVICE_NAME]))]


WATCHES = (
    watch(Service)
    .owns(EndpointSlice)
    .also(Pod, services_of, changed=pod_matters)
    .also(Node, _services_on, changed=lambda new, old: _zone(new) != _zone(old))
    .indexed(Pod, NODE_INDEX, node_index)
    .indexed(EndpointSlice, _SLICES, _slice_index)
)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Bring the Service's slices to what its Pods are now."""
    service = cluster.get(Service, key)
    if service is None or not selects(service):
        return Done()
    slices = [
        each for each in cluster.by_index(EndpointSlice, _SLICES, str(key)) if not each.metadata.deletion_timestamp
    ]
    pods = pods_of(service, cluster)
    nodes = {pod.spec.node_name: cluster.get(Node, Key("", pod.spec.node_name)) for pod in pods}
    return await cluster.apply(decide(service, pods, slices, nodes))


def decide(
    service: Service, pods: Sequence[Pod], slices: Sequence[EndpointSlice], nodes: Mapping[str, Node | None]
) -> Plan:
    """Pure: which slices to create, change and delete. `pods` are those selected, `slices` those of this manager."""
    plan = Plan(service)
    members = [pod for pod in pods if belongs(pod, terminating=True)]
    if not service.spec.publish_not_ready_addresses:
        members = [pod for pod in members if nodes.get(pod.spec.node_name) is not None]
    packing = Packing()
    supported = families(service)
    for family in supported:
        mine = [each for each in slices if each.address_type == family]
        packing.add(_family(service, family, members, mine, nodes))
    packing.deletes += [each for each in slices if each.address_type not in supported]
    changed = _changed(packing, slices, members)
    _write(plan, service, packing, trigger_time(changed, service, first=not slices))
    _explain(plan, pods, members)
    return plan


def _family(
    service: Service,
    family: str,
    pods: Sequence[Pod],
    slices: Sequence[EndpointSlice],
    nodes: Mapping[str, Node | None],
) -> Packing:
    packing = Packing()
    existing: dict[Ports, list[EndpointSlice]] = {}
    for each in slices:
        if _owned(each, service):
            existing.setdefault(_port_key(each.ports), []).append(each)
        else:
            packing.deletes.append(each)
    ports_of: dict[Ports, list[EndpointPort]] = {}
    desired: dict[Ports, list[Endpoint]] = {}
    for pod in pods:
        found = endpoint_ports(service, pod)
        key = _port_key(found)
        ports_of[key] = found
        members = desired.setdefault(key, [])
        if address(pod, family):
            members.append(endpoint(service, pod, nodes.get(pod.spec.node_name), family))
    for key, endpoints in desired.items():
        packing.add(
            pack(
                existing.pop(key, []),
                endpoints,
                lambda key=key: _fresh(service, family, ports_of[key]),  # type: ignore[misc]
                lambda each: _relabelled(each, service),
            )
        )
    for left in existing.values():
        packing.deletes += left
    if len(slices) == len(packing.deletes) and not packing.creates:
        _placeholder(packing, _fresh(service, family, []))
    reuse(packing, lambda each: _owned(each, service) and each.address_type == family)
    return packing


def _placeholder(packing: Packing, empty: EndpointSlice) -> None:
    """A Service without endpoints has one empty slice: what watches slices then knows that there are none."""
    for each in packing.deletes:
        if (
            len(packing.deletes) == 1
            and not each.endpoints
            and not each.ports
            and each.metadata.labels == empty.metadata.labels
            and each.metadata.owner_references == empty.metadata.owner_references
        ):
            packing.deletes.clear()
            return
    packing.creates.append(empty)


def endpoint_ports(service: Service, pod: Pod) -> list[EndpointPort]:
    """The Service's ports as this Pod has them; those it lacks are left out."""
    return [
        EndpointPort(name=each.name, port=number, protocol=each.protocol or "TCP", app_protocol=each.app_protocol)
        for each in service.spec.ports
        if (number := find_port(pod, each)) is not None
    ]


def endpoint(service: Service, pod: Pod, node: Node | None, family: str) -> Endpoint:
    """The Pod as an endpoint. Ready is never true while it terminates, unless the Service publishes what is not
    ready; serving tells whether it could take traffic all the same."""
    serving, terminating = is_ready(pod), is_terminating(pod)
    ready = bool(service.spec.publish_not_ready_addresses) or (serving and not terminating)
    meta = pod.metadata
    zone = _zone(node) if node is not None else ""
    return Endpoint(
        addresses=[address(pod, family)],
        conditions=EndpointConditions(ready=ready, serving=serving, terminating=terminating),
        target_ref=ObjectReference(kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid),
        node_name=pod.spec.node_name,
        zone=zone,
        hostname=hostname(pod, service),
        hints=_hints(service, zone, pod.spec.node_name) if ready else None,
    )


def _hints(service: Service, zone: str, node_name: str) -> EndpointHints | None:
    annotations = service.metadata.annotations
    by_annotation = next((annotations[each] for each in _TOPOLOGY_MODES if each in annotations), "")
    preference = service.spec.traffic_distribution
    if preference not in _HINTED or by_annotation in ("Auto", "auto"):
        return None
    zones = [ForZone(name=zone)] if zone else []
    nodes = [ForNode(name=node_name)] if node_name and preference == "PreferSameNode" else []
    return EndpointHints(for_zones=zones, for_nodes=nodes) if zones or nodes else None


def _port_key(ports: Sequence[EndpointPort]) -> Ports:
    return tuple(sorted(((each.name, each.port, each.protocol, each.app_protocol) for each in ports), key=str))


def _owned(each: EndpointSlice, service: Service) -> bool:
    return any(reference.uid == service.metadata.uid for reference in each.metadata.owner_references)


def _fresh(service: Service, family: str, ports: list[EndpointPort]) -> EndpointSlice:
    return EndpointSlice(
        metadata=ObjectMeta(
            generate_name=generate_prefix(service.metadata.name),
            namespace=service.metadata.namespace,
            labels=_labels(service),
            owner_references=[controller_reference(service)],
        ),
        address_type=family,
        ports=ports,
    )


def _labels(service: Service) -> dict[str, str]:
    """The Service's own labels and the reserved ones."""
    own = {name: value for name, value in service.metadata.labels.items() if name not in _RESERVED}
    headless = {} if has_cluster_ip(service) else {HEADLESS: ""}
    return {**own, **headless, SERVICE_NAME: service.metadata.name, MANAGED_BY: MANAGER}


def _relabelled(each: EndpointSlice, service: Service) -> EndpointSlice:
    labels = _labels(service)
    if each.metadata.labels == labels:
        return each
    return replace(each, metadata=replace(each.metadata, labels=labels))


def _changed(packing: Packing, before: Sequence[EndpointSlice], pods: Sequence[Pod]) -> list[Pod]:
    """The Pods whose endpoints are new or differ."""
    known = {identity(each): each for old in before for each in old.endpoints}
    names = {
        each.target_ref.name
        for new in (*packing.creates, *packing.updates)
        for each in new.endpoints
        if each.target_ref is not None
        if identity(each) not in known or not same(each, known[identity(each)])
    }
    return [pod for pod in pods if pod.metadata.name in names]


def _write(plan: Plan, service: Service, packing: Packing, trigger: str) -> None:
    where = f"{service.metadata.namespace}/{service.metadata.name}"
    message = f"Error updating Endpoint Slices for Service {where}: {{error}}"
    failed = plan.notice("Warning", "FailedToUpdateEndpointSlices", message)
    if not service.metadata.deletion_timestamp:  # What is made now would race with the garbage collector.
        plan.creates += [Create(_stamped(each, trigger), failed=failed) for each in packing.creates]
    plan.updates += [Update(_stamped(each, trigger), failed=failed) for each in packing.updates]
    plan.deletes += [Delete(each, failed=failed) for each in packing.deletes]


def _stamped(each: EndpointSlice, trigger: str) -> EndpointSlice:
    annotations = {name: value for name, value in each.metadata.annotations.items() if name != TRIGGER_TIME}
    if trigger:
        annotations[TRIGGER_TIME] = trigger
    return replace(each, metadata=replace(each.metadata, annotations=annotations))


def _explain(plan: Plan, pods: Sequence[Pod], members: Sequence[Pod]) -> None:
    ready = sum(is_ready(pod) and not is_terminating(pod) for pod in members)
    counts = {"selected": len(pods), "endpoints": len(members), "ready": ready}
    verdict = Verdict.ACTED if plan.writes else Verdict.NOTHING
    if not pods:
        plan.decide(verdict, "NoPodSelected", "no Pod has the labels of the selector", **counts)
    elif not ready:
        plan.decide(verdict, "NoEndpointReady", f"of {len(pods)} selected Pods none is ready", **counts)
    else:
        plan.decide(verdict, "Endpoints", f"{ready} of {len(pods)} selected Pods are ready", **counts)
