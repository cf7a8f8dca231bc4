"""What controllers ask of Pods (k8s.io/kubernetes/pkg/api/v1/pod and pkg/controller/controller_utils.go)."""

from collections.abc import Iterable, Mapping

from kybern.api.types import convert, to_dict
from kybern.api.types.core_v1 import Pod, PodCondition, PodTemplateSpec
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import parse_time
from kybern.client.objects import KubeObject, controller_reference

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


def condition(pod: Pod, type: str) -> PodCondition | None:
    for each in pod.status.conditions:
        if each.type == type:
            return each
    return None


def is_ready(pod: Pod) -> bool:
    ready = condition(pod, "Ready")
    return ready is not None and ready.status == "True"


def is_terminal(pod: Pod) -> bool:
    return pod.status.phase in ("Succeeded", "Failed")


def is_terminating(pod: Pod) -> bool:
    return bool(pod.metadata.deletion_timestamp)


def is_active(pod: Pod) -> bool:
    """Neither finished nor being deleted."""
    return not is_terminal(pod) and not is_terminating(pod)


def available_in(pod: Pod, min_ready_seconds: int, now: float) -> float | None:
    """Seconds until the Pod counts as available; 0 when it does; None when it is not ready at all."""
    ready = condition(pod, "Ready")
    if ready is None or ready.status != "True":
        return None
    if min_ready_seconds == 0:
        return 0.0
    if not ready.last_transition_time:
        return None
    return max(0.0, parse_time(ready.last_transition_time) + min_ready_seconds - now)


def from_template(template: PodTemplateSpec, owner: KubeObject, *, name: str = "") -> Pod:
    """A Pod that `owner` controls, named `OWNER-xxxxx` by the server unless a name is given."""
    meta = template.metadata
    return Pod(
        metadata=ObjectMeta(
            name=name,
            generate_name="" if name else generate_prefix(owner.metadata.name),
            namespace=owner.metadata.namespace,
            labels=dict(meta.labels),
            annotations=dict(meta.annotations),
            finalizers=list(meta.finalizers),
            owner_references=[controller_reference(owner)],
        ),
        spec=template.spec,
    )


def generate_prefix(owner_name: str) -> str:
    """The owner's name and a dash; the server cuts what is too long."""
    return f"{owner_name}-"


def deletion_order(pods: Iterable[Pod], peers: Mapping[str, int], now: float) -> list[Pod]:
    """Pods in the order in which a scale-down takes them (upstream's ActivePodsWithRanks).

    First those without a node, Pending before Unknown before Running, not ready, of lower deletion cost, on nodes with
    more Pods of the same owner (`peers`: node name -> count), ready for a shorter time, more restarts, younger. Ages
    compare on a logarithmic scale, so that about equally old ones are not told apart by seconds.
    """
    phases = {"Pending": 0, "Unknown": 1, "Running": 2}

    def rank(pod: Pod) -> tuple[object, ...]:
        ready = condition(pod, "Ready")
        is_up = ready is not None and ready.status == "True"
        ready_since = parse_time(ready.last_transition_time) if is_up and ready and ready.last_transition_time else now
        restarts = max((status.restart_count for status in pod.status.container_statuses), default=0)
        created = parse_time(pod.metadata.creation_timestamp) if pod.metadata.creation_timestamp else now
        return (
            bool(pod.spec.node_name),
            phases.get(pod.status.phase, 2),
            is_up,
            deletion_cost(pod),
            -peers.get(pod.spec.node_name, 0),
            logarithm(now - ready_since),
            -restarts,
            logarithm(now - created),
            pod.metadata.uid,
        )

    return sorted(pods, key=rank)


def deletion_cost(pod: Pod) -> int:
    """The annotation's number; what is none counts 0."""
    try:
        return int(pod.metadata.annotations.get(DELETION_COST, "0"))
    except ValueError:
        return 0


def logarithm(age: float) -> int:
    """An age in seconds on a scale of powers of two."""
    return max(int(age), 0).bit_length()


def templates_equal(left: PodTemplateSpec, right: PodTemplateSpec, ignored_label: str) -> bool:
    """Whether both make the same Pods, one label aside."""
    if left.spec != right.spec:
        return False
    left_labels = {name: value for name, value in left.metadata.labels.items() if name != ignored_label}
    right_labels = {name: value for name, value in right.metadata.labels.items() if name != ignored_label}
    return (left_labels, left.metadata.annotations, left.metadata.finalizers) == (
        right_labels,
        right.metadata.annotations,
        right.metadata.finalizers,
    )


def labelled(template: PodTemplateSpec, labels: Mapping[str, str]) -> PodTemplateSpec:
    """A copy of the template with more labels; nothing is shared that anyone changes."""
    copy = convert(to_dict(template), PodTemplateSpec)
    copy.metadata.labels = {**template.metadata.labels, **labels}
    return copy
