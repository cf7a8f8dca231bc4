"""NodeAffinity: spec.nodeSelector and the required terms of node affinity."""

from kybern.scheduler.columns import Mask, np
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.selectors import NodeTerm, Requirement
from kybern.scheduler.shape import Shape

REASON = "node(s) didn't match Pod's node affinity/selector"
REASON_PINNED = "node(s) didn't satisfy plugin(s) [NodeAffinity]"
"""Of all nodes that a Pod which names its nodes does not name."""


def requirement_mask(requirement: Requirement, table: NodeTable) -> Mask:
    """Each distinct value of the label is looked at once."""
    column = table.label_column(requirement.key)
    values = table.label_values(requirement.key)
    verdicts = np.zeros(len(values) + 1, np.bool_)
    verdicts[0] = requirement.accepts(None)
    if requirement.operator == "In":
        for value in requirement.values:
            verdicts[values.get(value, 0)] |= value in values
    else:
        for value, number in values.items():
            verdicts[number] = requirement.accepts(value)
    result: Mask = verdicts[column]
    return result


def _field_mask(requirement: Requirement, table: NodeTable) -> Mask:
    """metadata.name is the only field of nodes that can be selected."""
    result = np.zeros(table.capacity, np.bool_)
    for name in requirement.values:
        row = table.rows.get(name)
        if row is not None:
            result[row] = True
    return ~result if requirement.operator == "NotIn" else result


def term_mask(term: NodeTerm, table: NodeTable) -> Mask:
    """All requirements of the term hold; an empty term matches nothing."""
    if not term.labels and not term.fields:
        return np.zeros(table.capacity, np.bool_)
    result = table.live.copy()
    for requirement in term.labels:
        result &= requirement_mask(requirement, table)
    for requirement in term.fields:
        result &= _field_mask(requirement, table)
    return result


def mask(shape: Shape, table: NodeTable) -> Mask:
    """The selector and any one of the required terms."""
    result = table.live.copy()
    for requirement in shape.node_selector:
        result &= requirement_mask(requirement, table)
    if shape.required_nodes is not None:
        allowed = np.zeros(table.capacity, np.bool_)
        for term in shape.required_nodes:
            allowed |= term_mask(term, table)
        result &= allowed
    return result
