"""Whether a node is one that a Pod requires, by its nodeSelector and its required node affinity. Pure.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
"""

from collections.abc import Callable, Mapping, Sequence

from kybern.api.types.core_v1 import Node, NodeSelectorRequirement, NodeSelectorTerm, Pod


def is_required_node(pod: Pod, node: Node) -> bool:
    """Terms are alternatives; within one, all has to hold. A term that asks for nothing fits no node."""
    labels = node.metadata.labels
    if any(labels.get(name) != text for name, text in pod.spec.node_selector.items()):
        return False
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    return required is None or any(_fits(term, node) for term in required.node_selector_terms)


def _fits(term: NodeSelectorTerm, node: Node) -> bool:
    fields = {"metadata.name": node.metadata.name}
    return bool(term.match_expressions or term.match_fields) and (
        _hold(term.match_expressions, node.metadata.labels) and _hold(term.match_fields, fields)
    )


def _hold(requirements: Sequence[NodeSelectorRequirement], values: Mapping[str, str]) -> bool:
    return all(_OPERATORS[each.operator](values.get(each.key), each.values) for each in requirements)


def _compares(text: str | None, bounds: Sequence[str], holds: Callable[[int, int], bool]) -> bool:
    try:
        return text is not None and len(bounds) == 1 and holds(int(text), int(bounds[0]))
    except ValueError:
        return False


_OPERATORS: Mapping[str, Callable[[str | None, Sequence[str]], bool]] = {
    "In": lambda text, values: text in values,
    "NotIn": lambda text, values: text not in values,
    "Exists": lambda text, values: text is not None,
    "DoesNotExist": lambda text, values: text is None,
    "Gt": lambda text, values: _compares(text, values, lambda own, bound: own > bound),
    "Lt": lambda text, values: _compares(text, values, lambda own, bound: own < bound),
}
