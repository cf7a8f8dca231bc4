"""x-kubernetes-validations as written: what is wrong with a rule before its expressions are even read.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go.
"""

from collections.abc import Iterator
from typing import Any

from kybern.api.resource import FieldError
from kybern.api.structural.field_path import BadPath, resolve
from kybern.api.structural.schema import Schema
from kybern.api.validation.field import invalid, not_supported, required

REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")


def validate_rule_texts(schema: Schema, path: str) -> Iterator[FieldError]:
    """The faults of a schema's own rules, those of schemas within it not included."""
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        yield from _texts(rule, f"{path}.x-kubernetes-validations[{index}]")
        yield from _field_path(rule, schema, f"{path}.x-kubernetes-validations[{index}]")


def _texts(rule: dict[str, Any], path: str) -> Iterator[FieldError]:
    text, message = rule.get("rule") or "", rule.get("message") or ""
    if not text.strip():
        yield required(f"{path}.rule", "rule is not specified")
    elif message and not message.strip():
        yield invalid(f"{path}.message", message, "must be non-empty if specified")
    elif _is_broken(message.strip()):
        yield invalid(f"{path}.message", message, "must not contain line breaks")
    elif _is_broken(text.strip()) and not message.strip():
        yield required(f"{path}.message", "message must be specified if rule contains line breaks")
    expression = rule.get("messageExpression") or ""
    if expression and not expression.strip():
        yield required(f"{path}.messageExpression", "messageExpression must be non-empty if specified")
    reason = rule.get("reason")
    if reason is not None and reason not in REASONS:
        yield not_supported(f"{path}.reason", reason, REASONS)


def _field_path(rule: dict[str, Any], schema: Schema, path: str) -> Iterator[FieldError]:
    given = rule.get("fieldPath") or ""
    if not given:
        return
    if not given.strip():
        yield invalid(f"{path}.fieldPath", given, "must be non-empty if specified")
    if _is_broken(given):
        yield invalid(f"{path}.fieldPath", given, "must not contain line breaks")
    try:
        resolve(given, schema)
    except BadPath:
        yield invalid(f"{path}.fieldPath", given, "must be a valid path")


def _is_broken(text: str) -> bool:
    return "\n" in text or "\r" in text
