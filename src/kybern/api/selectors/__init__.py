"""Label and field selectors."""

from kybern.api.selectors.error import SelectorError
from kybern.api.selectors.fields import FieldRequirement, FieldSelector, check_fields, parse_fields
from kybern.api.selectors.labels import (
    EVERYTHING,
    NOTHING,
    LabelSelector,
    Requirement,
    format_map,
    format_struct,
    labels_from_map,
    labels_from_struct,
    parse_labels,
)

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "FieldRequirement",
    "FieldSelector",
    "LabelSelector",
    "Requirement",
    "SelectorError",
    "check_fields",
    "format_map",
    "format_struct",
    "labels_from_map",
    "labels_from_struct",
    "parse_fields",
    "parse_labels",
]
