"""Selectors, decoded once into hashable values: equal selectors share their counters and masks."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kybern.api.types.core_v1 import NodeSelectorTerm
from kybern.api.types.meta_v1 import LabelSelector


class Requirement(NamedTuple):
    """`key operator values`, with the operators of label and node selectors."""

    key: str
    operator: str
    values: frozenset[str]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a set of labels meets this requirement."""
        return self.accepts(labels.get(self.key))

    def accepts(self, value: str | None) -> bool:
        """Whether one value (None: the key is absent) meets this requirement."""
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt":
                return value is not None and self._compares(value)
        return False

    def _compares(self, value: str) -> bool:
        try:
            number, bound = int(value), int(next(iter(self.values)))
        except (ValueError, StopIteration):
            return False
        return number > bound if self.operator == "Gt" else number < bound


Selector = tuple[Requirement, ...]
"""All requirements must hold; an empty one matches everything. A missing selector is None and matches nothing."""


class NodeTerm(NamedTuple):
    """One term of a node selector; a term with neither part matches no node."""

    labels: Selector
    fields: Selector


def matches(selector: Selector | None, labels: Mapping[str, str]) -> bool:
    """Whether labels meet a selector."""
    return selector is not None and all(requirement.matches(labels) for requirement in selector)


def from_labels(labels: Mapping[str, str]) -> Selector:
    """A selector that wants exactly these labels."""
    return tuple(Requirement(key, "In", frozenset((value,))) for key, value in sorted(labels.items()))


def from_label_selector(
    selector: LabelSelector | None,
    own: Mapping[str, str] | None = None,
    match_keys: Sequence[str] = (),
    mismatch_keys: Sequence[str] = (),
) -> Selector | None:
    """Decode a LabelSelector; `match_keys` and `mismatch_keys` add the Pod's `own` values (matchLabelKeys)."""
    if selector is None:
        return None
    requirements = set(from_labels(selector.match_labels))
    for expression in selector.match_expressions:
        requirements.add(Requirement(expression.key, expression.operator, frozenset(expression.values)))
    labels = own or {}
    for keys, operator in ((match_keys, "In"), (mismatch_keys, "NotIn")):
        requirements.update(Requirement(key, operator, frozenset((labels[key],))) for key in keys if key in labels)
    return tuple(sorted(requirements, key=lambda each: (each.key, each.operator, sorted(each.values))))


def from_node_term(term: NodeSelectorTerm) -> NodeTerm:
    """Decode one node selector term."""
    return NodeTerm(
        tuple(Requirement(each.key, each.operator, frozenset(each.values)) for each in term.match_expressions),
        tuple(Requirement(each.key, each.operator, frozenset(each.values)) for each in term.match_fields),
    )
