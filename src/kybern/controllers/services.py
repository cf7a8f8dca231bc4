"""What the two controllers of endpoints ask of Services and Pods (k8s.io/endpointslice/util): it decides nothing."""

import ipaddress
from collections.abc import Iterable

from kybern.api.types.core_v1 import Pod, Service, ServicePort
from kybern.base.clock import parse_time
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, key_of
from kybern.client.selectors import matches_map
from kybern.controllers.pods import condition, is_ready, is_terminal, is_terminating

HEADLESS = "service.kubernetes.io/headless"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"


def services_of(pod: Pod, cluster: Cluster) -> list[Key]:
    """The Services of the Pod's namespace that select it."""
    return [
        key_of(service)
        for service in cluster.list(Service, pod.metadata.namespace)
        if selects(service) and matches_map(service.spec.selector, pod.metadata.labels)
    ]


def selects(service: Service) -> bool:
    """Whether the Service's endpoints are made from Pods; others bring their own."""
    return bool(service.spec.selector) and service.spec.type != "ExternalName"


def pods_of(service: Service, cluster: Cluster) -> list[Pod]:
    """The Pods that the Service selects, by name: the same order every time."""
    pods = cluster.list(Pod, service.metadata.namespace)
    chosen = [pod for pod in pods if matches_map(service.spec.selector, pod.metadata.labels)]
    return sorted(chosen, key=lambda pod: pod.metadata.name)


def pod_matters(new: Pod, old: Pod) -> bool:
    """Whether a change of a Pod may change endpoints."""
    return _footprint(new) != _footprint(old)


def _footprint(pod: Pod) -> tuple[object, ...]:
    ready = condition(pod, "Ready")
    return (
        pod.metadata.uid,
        pod.metadata.labels,
        bool(pod.metadata.deletion_timestamp),
        pod.spec.node_name,
        pod.spec.hostname,
        pod.spec.subdomain,
        pod.status.phase in ("Succeeded", "Failed"),
        pod.status.pod_ip,
        [each.ip for each in pod.status.pod_ips],
        ready is not None and ready.status,
    )


def has_cluster_ip(service: Service) -> bool:
    """False for headless Services."""
    return service.spec.cluster_ip not in ("", "None")


def belongs(pod: Pod, *, terminating: bool) -> bool:
    """Whether the Pod is an endpoint at all: it has an address and is not finished. `terminating`: even while it is
    being deleted."""
    has_address = bool(pod.status.pod_ip or pod.status.pod_ips)
    return has_address and not is_terminal(pod) and (terminating or not is_terminating(pod))


def address(pod: Pod, family: str) -> str:
    """The Pod's address of a family (IPv4, IPv6) in its regular form; "" where it has none."""
    for text in [each.ip for each in pod.status.pod_ips] or [pod.status.pod_ip]:
        try:
            parsed = ipaddress.ip_address(text)
        except ValueError:
            continue
        if f"IPv{parsed.version}" == family:
            return str(parsed)
    return ""


def families(service: Service) -> list[str]:
    """IPv4, IPv6 or both, the Service's own first. A Service of an old server that names none: by its address."""
    if service.spec.ip_families:
        return service.spec.ip_families
    return ["IPv6" if ":" in service.spec.cluster_ip else "IPv4"]


def hostname(pod: Pod, service: Service) -> str:
    """The name under which DNS shows the Pod below the Service: where its subdomain is that Service."""
    return pod.spec.hostname if pod.spec.subdomain == service.metadata.name else ""


def find_port(pod: Pod, port: ServicePort) -> int | None:
    """The number in this Pod of a Service's port; None where the Pod has no port of that name and protocol."""
    target = port.target_port
    if not isinstance(target, str):
        return target or port.port
    sidecars = [each for each in pod.spec.init_containers if each.restart_policy == "Always"]
    for container in [*pod.spec.containers, *sidecars]:
        for each in container.ports:
            if each.name == target and (each.protocol or "TCP") == (port.protocol or "TCP"):
                return each.container_port
    return None


def is_published(pod: Pod, service: Service) -> bool:
    """Whether traffic may go there: ready, or the Service publishes what is not ready."""
    return bool(service.spec.publish_not_ready_addresses) or is_ready(pod)


def _told_before(pod: Pod, readiness_changed: str) -> bool:
    """Whether a Pod on its way out changed its readiness before it was asked to go: that is no news any more."""
    deadline = pod.metadata.deletion_timestamp
    if not deadline or not readiness_changed:
        return False
    return parse_time(readiness_changed) < parse_time(deadline) - (pod.metadata.deletion_grace_period_seconds or 0)


def trigger_time(changed: Iterable[Pod], service: Service, *, first: bool) -> str:
    """When the first of what changed came to be: of a Pod its last change of readiness, of a Service without endpoints
    yet (`first`) its creation. "" where nothing tells. Programs measure the latency of programming with it (KEP-752).
    """
    times = [service.metadata.creation_timestamp] if first else []
    for pod in changed:
        ready = condition(pod, "Ready")
        if ready is not None and not _told_before(pod, ready.last_transition_time):
            times.append(ready.last_transition_time)
    return min(filter(None, times), key=parse_time, default="")
