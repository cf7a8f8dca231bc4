"""Endpoints (v1): the addresses of a Service's Pods in the old form, kept for programs that never learned of slices.

It never touches the Endpoints of Services without a selector. Behaviour, packing and limit are upstream's
pkg/controller/endpoint; the order of subsets is ours: by their ports (upstream orders by a hash of Go's memory dump).
"""

from collections.abc import Sequence
from math import ceil

from msgspec.structs import replace

from kybern.api.types.core_v1 import (
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    ObjectReference,
    Pod,
    Service,
)
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, key_of
from kybern.client.plan import Create, Delete, Done, Notice, Outcome, Plan, Update
from kybern.client.watches import watch
from kybern.controllers.services import (
    HEADLESS,
    TRIGGER_TIME,
    address,
    belongs,
    families,
    find_port,
    has_cluster_ip,
    hostname,
    is_published,
    pod_matters,
    pods_of,
    selects,
    services_of,
    trigger_time,
)
from kybern.trace import Verdict

NAME = "endpoint-controller"
MANAGED_BY = "endpoints.kubernetes.io/managed-by"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
CAPACITY = 1000
"""Addresses of one Endpoints; more are left out and the annotation says so."""

WATCHES = (
    watch(Service)
    .also(Pod, services_of, changed=pod_matters)
    .also(Endpoints, lambda endpoints, cluster: (key_of(endpoints),))
)

_Port = tuple[str, int, str, str]
_Host = tuple[str, str]
_Hosts = dict[_Host, bool]


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Bring the Endpoints of the Service's name to what its Pods are now."""
    service = cluster.get(Service, key)
    current = cluster.get(Endpoints, key)
    if service is None:
        if current is None or current.metadata.labels.get(MANAGED_BY) != NAME:
            return Done()
        plan = Plan(current, deletes=[Delete(current)])
        plan.decide(Verdict.ACTED, "ServiceGone", "its Service is gone")
        return await cluster.apply(plan)
    if not selects(service):
        return Done()
    return await cluster.apply(decide(service, pods_of(service, cluster), current))


def decide(service: Service, pods: Sequence[Pod], current: Endpoints | None) -> Plan:
    """Pure: the Endpoints to create or to change. `pods` are those that the Service selects."""
    plan = Plan(service)
    meta = service.metadata
    published = bool(service.spec.publish_not_ready_addresses)
    members = [pod for pod in pods if belongs(pod, terminating=published)]
    subsets, truncated = truncate(pack(service, members))
    labels = {name: value for name, value in meta.labels.items() if name != HEADLESS} | {MANAGED_BY: NAME}
    if not has_cluster_ip(service):
        labels[HEADLESS] = ""
    old = current or Endpoints(metadata=ObjectMeta(name=meta.name, namespace=meta.namespace))
    is_marked = old.metadata.annotations.get(OVER_CAPACITY) == "truncated"
    if current is not None and (old.subsets, old.metadata.labels, is_marked) == (subsets, labels, truncated):
        plan.decide(Verdict.NOTHING, "Converged", f"{len(members)} Pods are listed as they are")
        return plan
    annotations = {
        name: value for name, value in old.metadata.annotations.items() if name not in (TRIGGER_TIME, OVER_CAPACITY)
    }
    trigger = trigger_time(_changed(service, members, old), service, first=current is None)
    if trigger:
        annotations[TRIGGER_TIME] = trigger
    if truncated:
        annotations[OVER_CAPACITY] = "truncated"
    new = replace(old, metadata=replace(old.metadata, labels=labels, annotations=annotations), subsets=subsets)
    where = f"{meta.namespace}/{meta.name}"
    if current is None:
        message = f"Failed to create endpoint for service {where}: {{error}}"
        plan.creates.append(Create(new, failed=Notice(new, "Warning", "FailedToCreateEndpoint", message)))
    else:
        message = f"Failed to update endpoint {where}: {{error}}"
        plan.updates.append(Update(new, failed=Notice(new, "Warning", "FailedToUpdateEndpoint", message)))
    plan.decide(Verdict.ACTED, "EndpointsChanged", f"{len(members)} of {len(pods)} selected Pods have an address")
    return plan


def pack(service: Service, pods: Sequence[Pod]) -> list[EndpointSubset]:
    """Subsets: ports that the same hosts offer in the same readiness share one.

    A host that offers a port twice, once ready and once not, counts as not ready. A headless Service may have no ports.
    """
    addresses: dict[_Host, EndpointAddress] = {}
    by_port: dict[_Port | None, _Hosts] = {}
    for pod in pods:
        found = _address(service, pod)
        if found is None:
            continue
        host = (found.ip, pod.metadata.uid)
        addresses[host] = found
        ready = is_published(pod, service)
        for port in _ports(service, pod):
            hosts = by_port.setdefault(port, {})
            hosts[host] = hosts.get(host, True) and ready
    by_hosts: dict[tuple[tuple[_Host, bool], ...], list[_Port | None]] = {}
    for port, hosts in by_port.items():
        by_hosts.setdefault(tuple(sorted(hosts.items())), []).append(port)
    packed = [
        (
            sorted(port for port in ports if port is not None),
            [addresses[host] for host, ready in group if ready],
            [addresses[host] for host, ready in group if not ready],
        )
        for group, ports in by_hosts.items()
    ]
    return [
        EndpointSubset(addresses=ready, not_ready_addresses=rest, ports=[_port(each) for each in ports])
        for ports, ready, rest in sorted(packed, key=lambda each: each[0])
    ]


def truncate(subsets: list[EndpointSubset]) -> tuple[list[EndpointSubset], bool]:
    """At most CAPACITY addresses, in proportion to the subsets' sizes, those not ready left out first; whether any was
    left out."""
    ready = sum(len(each.addresses) for each in subsets)
    rest = sum(len(each.not_ready_addresses) for each in subsets)
    if ready + rest <= CAPACITY:
        return subsets, False
    cut_ready = ready > CAPACITY
    room = CAPACITY if cut_ready else CAPACITY - ready
    total = ready if cut_ready else rest
    left = room
    kept: list[EndpointSubset] = []
    for each in subsets:
        members = each.addresses if cut_ready else each.not_ready_addresses
        share = members[: min(left, ceil(len(members) / total * room))]
        left -= len(share)
        kept.append(
            replace(each, addresses=share, not_ready_addresses=[])
            if cut_ready
            else replace(each, not_ready_addresses=share)
        )
    return kept, True


def _ports(service: Service, pod: Pod) -> list[_Port | None]:
    if not service.spec.ports:
        return [] if has_cluster_ip(service) else [None]
    return [
        (each.name, number, each.protocol or "TCP", each.app_protocol)
        for each in service.spec.ports
        if (number := find_port(pod, each)) is not None
    ]


def _port(port: _Port) -> EndpointPort:
    name, number, protocol, app_protocol = port
    return EndpointPort(name=name, port=number, protocol=protocol, app_protocol=app_protocol)


def _address(service: Service, pod: Pod) -> EndpointAddress | None:
    ip = address(pod, families(service)[0])
    meta = pod.metadata
    if not ip:
        return None
    return EndpointAddress(
        ip=ip,
        node_name=pod.spec.node_name,
        hostname=hostname(pod, service),
        target_ref=ObjectReference(kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid),
    )


def _changed(service: Service, pods: Sequence[Pod], old: Endpoints) -> list[Pod]:
    """The Pods that are not listed yet, or not in their present readiness."""
    ready = {each.target_ref.uid for subset in old.subsets for each in subset.addresses if each.target_ref}
    rest = {each.target_ref.uid for subset in old.subsets for each in subset.not_ready_addresses if each.target_ref}
    return [pod for pod in pods if pod.metadata.uid not in (ready if is_published(pod, service) else rest)]
