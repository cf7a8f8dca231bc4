"""Field selectors: which fields of a kind may be asked for, and whether an object has what is asked.

Grammar and error texts are upstream's (apimachinery pkg/fields).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from kybern.api.resource import Resource
from kybern.api.selectors.error import SelectorError
from kybern.api.validation.field import quote
from kybern.base.errors import BadRequest


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """`field=value` or `field!=value`."""

    field: str
    value: str
    equal: bool = True


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All requirements must hold."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, fields: Callable[[str], str]) -> bool:
        """`fields` gives the object's value of a field (empty when it has none)."""
        return all((fields(one.field) == one.value) is one.equal for one in self.requirements)

    def required_value(self, field: str) -> str | None:
        """The value that the field must have, where the selector demands one (an exact name, a node)."""
        return next((one.value for one in self.requirements if one.field == field and one.equal), None)

    def __str__(self) -> str:
        return ",".join(f"{one.field}{'=' if one.equal else '!='}{_escape(one.value)}" for one in self.requirements)


@lru_cache(maxsize=1024)
def parse_fields(text: str) -> FieldSelector:
    """`metadata.name=x,status.phase!=Running`. Raises SelectorError."""
    found = [_field_requirement(text, term) for term in sorted(_split_terms(text)) if term]
    return FieldSelector(tuple(one for one in found if one.field or one.value))


def _field_requirement(text: str, term: str) -> FieldRequirement:
    for position in range(len(term)):
        for operator in ("!=", "==", "="):
            if term.startswith(operator, position):
                value = _unescape(term[position + len(operator) :])
                return FieldRequirement(term[:position], value, operator != "!=")
    raise SelectorError(f"invalid selector: '{text}'; can't understand '{term}'")


def _split_terms(text: str) -> list[str]:
    terms, start, escaped = [], 0, False
    for position, rune in enumerate(text):
        if escaped:
            escaped = False
        elif rune == "\\":
            escaped = True
        elif rune == ",":
            terms.append(text[start:position])
            start = position + 1
    return [*terms, text[start:]]


def _unescape(value: str) -> str:
    if not any(rune in value for rune in "\\,="):
        return value
    plain, escaped = "", False
    for rune in value:
        if escaped:
            if rune not in "\\,=":
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{rune}")
            plain, escaped = plain + rune, False
        elif rune == "\\":
            escaped = True
        elif rune in ",=":
            raise SelectorError(f"invalid field selector: unescaped character in value: {ord(rune)}")
        else:
            plain += rune
    if escaped:
        raise SelectorError("invalid field selector: invalid escape sequence: \\")
    return plain


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def check_fields(selector: FieldSelector, resource: Resource) -> FieldSelector:
    """The selector in the stored version's names. Raises BadRequest for a field that the kind cannot be selected by."""
    known = {"metadata.name", *resource.selectable_fields}
    if resource.namespaced or not (resource.selectable_fields or resource.is_custom):
        known.add("metadata.namespace")
    for requirement in selector.requirements:
        if requirement.field not in known:
            raise BadRequest(_unknown_field(requirement.field, resource))
    if not resource.stored_fields:
        return selector
    stored = resource.stored_fields
    return FieldSelector(tuple(replace(one, field=stored.get(one.field, one.field)) for one in selector.requirements))


def _unknown_field(field: str, resource: Resource) -> str:
    if not resource.selectable_fields and not resource.is_custom:
        return f'{quote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"'
    match resource.kind:
        case "Job":
            return f"field label {quote(field)} not supported for Job"
        case "ResourceSlice":
            return f"field label not supported for {resource.group}/{resource.version}, Kind=ResourceSlice: {field}"
        case _:
            return f"field label not supported: {field}"
