"""Whether the node takes a Pod that was bound to it. Pure; reasons and messages are upstream's.

The scheduler has asked the same before; between its view and the node's a Pod may have come, or a label gone.
"""

from dataclasses import dataclass

from kybern.api.types.core_v1 import Node, Pod, Taint, Toleration
from kybern.kubelet.labels import is_static
from kybern.kubelet.node_affinity import is_required_node
from kybern.kubelet.node_resources import shortfalls
from kybern.kubelet.pod_spec import is_critical
from kybern.kubelet.preemption import Room, choose_victims
from kybern.kubelet.qos import BEST_EFFORT, qos_class

SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    }
)
"""What a Pod may set without harm to others (https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/)."""
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
EVERYWHERE = "0.0.0.0"
OS_LABEL = "kubernetes.io/os"
THIS_OS = "linux"


@dataclass(frozen=True, slots=True)
class Refusal:
    reason: str
    message: str


def decide_admission(pod: Pod, others: list[Pod], node: Node | None) -> Refusal | None:
    """Why not; None where the Pod is taken, a critical one whether there is room or not (`decide_room` makes it).
    Before the node is known everything is."""
    if node is None:
        return None
    if pod.metadata.labels.get(OS_LABEL, THIS_OS) != THIS_OS:
        message = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"
        return Refusal("PodOSSelectorNodeLabelDoesNotMatch", message)
    if pod.spec.os is not None and pod.spec.os.name != THIS_OS:
        return Refusal("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
    refusal = _sysctls(pod) or _groups_policy(pod, node)
    if refusal is not None:
        return refusal
    if not is_critical(pod):
        refusal = _pressure(pod, node)
        if refusal is not None:
            return refusal
        refusal = decide_resources(pod, others, node)
        if refusal is not None:
            return refusal
    if pod.spec.node_name and pod.spec.node_name != node.metadata.name:
        return _predicate("NodeName", "node(s) didn't match the requested node name")
    if not is_required_node(pod, node):
        return _predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")
    if _meet(ports_of(pod), {port for other in others for port in ports_of(other)}):
        return _predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports")
    if not is_static(pod) and _untolerated(pod.spec.tolerations, node.spec.taints):
        return _predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate")
    return None


def decide_room(pod: Pod, others: list[Pod], node: Node | None) -> Room:
    """Which others have to end so that there is room for a critical Pod. Raises NoRoom."""
    if node is None or not is_critical(pod):
        return Room()
    short = shortfalls(pod, others, node)
    return Room(choose_victims(pod, others, short), short[0].name) if short else Room()


def _pressure(pod: Pod, node: Node) -> Refusal | None:
    """A node that is short of something takes no more; of memory, only those that promise nothing are kept out."""
    short = [each.type for each in node.status.conditions if each.type in PRESSURES and each.status == "True"]
    if not short:
        return None
    if short == ["MemoryPressure"]:
        taint = Taint(key="node.kubernetes.io/memory-pressure", effect="NoSchedule")
        if qos_class(pod) != BEST_EFFORT or any(_tolerates(each, taint) for each in pod.spec.tolerations):
            return None
    return Refusal("Evicted", f"The node had condition: [{' '.join(short)}]. ")


def _sysctls(pod: Pod) -> Refusal | None:
    context = pod.spec.security_context
    for sysctl in context.sysctls if context else ():
        if sysctl.name.replace("/", ".") not in SAFE_SYSCTLS:
            return Refusal("SysctlForbidden", f'forbidden sysctl: "{sysctl.name}" not allowlisted')
    return None


def _groups_policy(pod: Pod, node: Node) -> Refusal | None:
    context = pod.spec.security_context
    if context is None or context.supplemental_groups_policy != "Strict":
        return None
    features = node.status.features
    if features is not None and features.supplemental_groups_policy:
        return None
    message = "SupplementalGroupsPolicy=Strict is not supported in this node"
    return Refusal("SupplementalGroupsPolicyNotSupported", message)


def _predicate(name: str, text: str) -> Refusal:
    return Refusal(name, f"Predicate {name} failed: {text}")


def decide_resources(pod: Pod, others: list[Pod], node: Node) -> Refusal | None:
    """Whether what the Pod requests is left beside what others have."""
    short = shortfalls(pod, others, node)
    return Refusal(short[0].reason, short[0].message) if short else None


def _meet(wanted: set[tuple[str, str, int]], taken: set[tuple[str, str, int]]) -> bool:
    """Whether two want the same: a port on all addresses is also that on each."""
    return any(
        own[1:] == other[1:] and (own[0] == other[0] or EVERYWHERE in (own[0], other[0]))
        for own in wanted
        for other in taken
    )


def ports_of(pod: Pod) -> set[tuple[str, str, int]]:
    """Address, protocol and number of each port of the node that the Pod takes."""
    return {
        (port.host_ip or EVERYWHERE, port.protocol or "TCP", port.host_port)
        for container in pod.spec.containers
        for port in container.ports
        if port.host_port
    }


def _untolerated(tolerations: list[Toleration], taints: list[Taint]) -> bool:
    return any(taint.effect == "NoExecute" and not any(_tolerates(t, taint) for t in tolerations) for taint in taints)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.value == taint.value
