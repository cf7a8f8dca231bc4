"""On which Nodes a DaemonSet runs, and what its Pod for one of them looks like: pure (pkg/controller/daemon/util)."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from kybern.api.types.apps_v1 import DaemonSet
from kybern.api.types.core_v1 import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    Toleration,
)
from kybern.controllers.nodes import matching_toleration
from kybern.controllers.pods import from_template, labelled

REVISION_HASH = "controller-revision-hash"
TEMPLATE_GENERATION = "pod-template-generation"
GENERATION_ANNOTATION = "deprecated.daemonset.template.generation"

_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_NETWORK_UNAVAILABLE = ("node.kubernetes.io/network-unavailable", "NoSchedule")


def fits(daemon_set: DaemonSet, node: Node) -> tuple[bool, bool]:
    """(whether a Pod shall run there, whether one that does may stay): a later NoSchedule taint evicts none."""
    spec = daemon_set.spec.template.spec
    name = node.metadata.name
    if spec.node_name not in ("", name) or not _matches(spec, node):
        return False, False
    tolerations = with_tolerations(spec)
    refused = {
        taint.effect
        for taint in node.spec.taints
        if taint.effect in ("NoSchedule", "NoExecute") and matching_toleration(tolerations, taint) is None
    }
    return not refused, "NoExecute" not in refused


def pod_for(daemon_set: DaemonSet, node_name: str, hash: str) -> Pod:
    """The Pod that the scheduler will bind to this Node and no other."""
    labels = {REVISION_HASH: hash}
    generation = daemon_set.metadata.annotations.get(GENERATION_ANNOTATION, "")
    if generation.isdecimal():
        labels[TEMPLATE_GENERATION] = generation
    template = labelled(daemon_set.spec.template, labels)
    template.spec.tolerations = with_tolerations(template.spec)
    template.spec.affinity = _pinned(template.spec.affinity, node_name)
    return from_template(template, daemon_set)


def with_tolerations(spec: PodSpec) -> list[Toleration]:
    """The template's tolerations and those by which daemons stay on Nodes that are not well."""
    needed = (*_TOLERATED, _NETWORK_UNAVAILABLE) if spec.host_network else _TOLERATED
    own = [
        each
        for each in spec.tolerations
        if (each.key, each.effect) not in needed or each.operator != "Exists" or each.value
    ]
    return own + [Toleration(key=key, operator="Exists", effect=effect) for key, effect in needed]


def target_node(pod: Pod) -> str:
    """The Node that the Pod is on, or is meant for; "" where nothing tells."""
    if pod.spec.node_name:
        return pod.spec.node_name
    for term in _required(pod.spec.affinity):
        for field in term.match_fields:
            if field.key == "metadata.name" and field.operator == "In" and len(field.values) == 1:
                return field.values[0]
    return ""


def _pinned(affinity: Affinity | None, node_name: str) -> Affinity:
    field = NodeSelectorRequirement(key="metadata.name", operator="In", values=[node_name])
    required = NodeSelector(node_selector_terms=[NodeSelectorTerm(match_fields=[field])])
    affinity = affinity or Affinity()
    node_affinity = affinity.node_affinity or NodeAffinity()
    pinned = replace(node_affinity, required_during_scheduling_ignored_during_execution=required)
    return replace(affinity, node_affinity=pinned)


def _required(affinity: Affinity | None) -> list[NodeSelectorTerm]:
    node_affinity = affinity.node_affinity if affinity is not None else None
    required = node_affinity.required_during_scheduling_ignored_during_execution if node_affinity is not None else None
    return required.node_selector_terms if required is not None else []


def _matches(spec: PodSpec, node: Node) -> bool:
    """spec.nodeSelector, and one of the required terms of node affinity where there are any."""
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in spec.node_selector.items()):
        return False
    terms = _required(spec.affinity)
    has_affinity = bool(terms) or _asks(spec.affinity)
    return not has_affinity or any(_term_holds(term, node) for term in terms)


def _asks(affinity: Affinity | None) -> bool:
    node_affinity = affinity.node_affinity if affinity is not None else None
    return node_affinity is not None and node_affinity.required_during_scheduling_ignored_during_execution is not None


def _term_holds(term: NodeSelectorTerm, node: Node) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": node.metadata.name}
    return _all_hold(term.match_expressions, node.metadata.labels) and _all_hold(term.match_fields, fields)


def _all_hold(requirements: Iterable[NodeSelectorRequirement], values: Mapping[str, str]) -> bool:
    return all(_holds(each, values.get(each.key)) for each in requirements)


def _holds(requirement: NodeSelectorRequirement, value: str | None) -> bool:
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            try:
                number, bound = int(value or ""), int(requirement.values[0])
            except (ValueError, IndexError):
                return False
            return number > bound if requirement.operator == "Gt" else number < bound
        case _:
            return False
