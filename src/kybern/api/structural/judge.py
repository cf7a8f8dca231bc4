"""Validates custom resources: the values, the scale's fields, embedded resources, lists, and the rules in CEL.

Source: apiextensions-apiserver pkg/registry/customresource/{strategy,status_strategy,validator}.go.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kybern.api.resource import FieldError, Object
from kybern.api.structural import embedded, form, values
from kybern.api.structural import schema as read
from kybern.api.structural.codec import CustomCodec
from kybern.api.structural.correlation import Correlation
from kybern.api.structural.lists import validate_lists
from kybern.api.structural.paths import NestedPath
from kybern.api.structural.rule_values import Rules
from kybern.api.structural.schema import Schema
from kybern.api.validation import names
from kybern.api.validation.field import invalid, quote

INT32_MAX = 2**31 - 1
_BLOCKING = frozenset(
    ("FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid")
)
"""With such faults the rules are not asked: they could not rely on the types."""
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
    "validation"
)
_STANDARD_FINALIZERS = ("foregroundDeletion", "kubernetes", "orphan")


class Judge:
    """Of one version of one custom resource."""

    def __init__(self, codec: CustomCodec, scale: Mapping[str, Any] | None) -> None:
        self._codec = codec
        self._schema = codec.schema
        self._rules = Rules(codec.schema)
        self._tolerated: list[str] = []
        scale = scale or {}
        self._replicas = {
            part: NestedPath(scale[key])
            for part, key in (("spec", "specReplicasPath"), ("status", "statusReplicasPath"))
            if scale.get(key)
        }
        self._selector = NestedPath(scale["labelSelectorPath"]) if scale.get("labelSelectorPath") else None

    def create(self, obj: Object) -> list[FieldError]:
        """The faults of a new object, those of its metadata not included."""
        errors = self._kind(obj)
        if errors:
            return errors
        if not self._codec.check(obj):
            form.large_numbers(obj)
            errors = values.validate(obj, self._schema)
            errors += self._scale(obj, "spec") + self._scale(obj, "status")
            errors += embedded.validate(obj, self._schema)
            errors += validate_lists(obj, self._schema)
        elif self._replicas:
            errors = self._scale(obj, "spec") + self._scale(obj, "status")
        return errors + self._judge_rules(errors, obj, None, None)

    def update(self, new: Object, old: Object) -> list[FieldError]:
        """The faults of a changed object; what was wrong before and has not changed is tolerated."""
        errors = self._kind(new)
        if errors:
            return errors
        correlation = Correlation(new, old, self._schema)
        if not self._codec.check(new):
            form.large_numbers(new)
            errors = values.validate(new, self._schema, "", correlation)
            errors += self._scale(new, "spec") + self._scale(new, "status")
            errors += embedded.validate(new, self._schema)
            errors += self._lists(new, old)
        elif self._replicas:
            errors = self._scale(new, "spec") + self._scale(new, "status")
        return errors + self._judge_rules(errors, new, old, correlation)

    def update_status(self, new: Object, old: Object) -> list[FieldError]:
        """The faults of a written status."""
        errors = self._kind(new)
        if errors:
            return errors
        correlation = Correlation(new, old, self._schema)
        schema = read.properties(self._schema).get("status")
        if "status" in new and schema is not None:
            form.large_numbers(new["status"])
            errors = values.validate(new["status"], schema, "status", correlation.key("status"))
        errors += self._scale(new, "status")
        errors += self._lists(new, old)
        return errors + self._judge_rules(errors, new, old, correlation)

    def take_tolerated(self) -> list[str]:
        """What the last update broke of the rules, but had broken before, as warnings."""
        told, self._tolerated = self._tolerated, []
        return told

    def _kind(self, obj: Object) -> list[FieldError]:
        errors = []
        if obj.get("kind") != self._codec.kind:
            errors.append(invalid("kind", obj.get("kind") or "", f"must be {self._codec.kind}"))
        if obj.get("apiVersion") != self._codec.api_version:
            errors.append(invalid("apiVersion", obj.get("apiVersion") or "", f"must be {self._codec.api_version}"))
        return errors

    def _lists(self, new: Object, old: Object) -> list[FieldError]:
        """An object whose lists were wrong before may go on so."""
        found = list(validate_lists(new, self._schema))
        return [] if found and any(validate_lists(old, self._schema)) else found

    def _scale(self, obj: Object, part: str) -> list[FieldError]:
        errors = []
        path = self._replicas.get(part)
        if path is not None:
            errors += _replica_faults(path, obj)
        if part == "status" and self._selector is not None:
            fault = self._selector.fault(obj, str)
            if fault:
                errors.append(invalid(self._selector.text, "", fault))
        return errors

    def _judge_rules(
        self, errors: Sequence[FieldError], new: Object, old: Object | None, correlation: Correlation | None
    ) -> list[FieldError]:
        if self._rules.is_empty:
            return []
        if not new["metadata"].get("name") or any(error.reason in _BLOCKING for error in errors):
            return [invalid("<nil>", None, _UNCHECKED)]
        return list(self._rules.validate(new, old, correlation, tolerated=self._tolerated))


def _replica_faults(path: NestedPath, obj: Object) -> list[FieldError]:
    fault = path.fault(obj, int)
    if fault:
        return [invalid(path.text, 0, fault)]
    replicas = path.get(obj) or 0
    if replicas < 0:
        return [invalid(path.text, replicas, "should be a non-negative integer")]
    if replicas > INT32_MAX:
        return [invalid(path.text, replicas, f"should be less than or equal to {INT32_MAX}")]
    return []


def finalizer_warnings(new: Object, old: Object | None) -> list[str]:
    """Of finalizers that were added and are not named as they should be."""
    before = () if old is None else old["metadata"].get("finalizers") or ()
    added = sorted(set(new["metadata"].get("finalizers") or ()) - set(before))
    return [warning for each in added for warning in _finalizer_warnings(each)]


def _finalizer_warnings(finalizer: str) -> Iterator[str]:
    at = f"metadata.finalizers: {quote(finalizer)}"
    for message in names.qualified_name(finalizer):
        yield f"{at}: {message}"
    if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
        path = " including a path (/)" if "." in finalizer else ""
        yield (
            f"{at}: prefer a domain-qualified finalizer name{path} to avoid accidental conflicts with other "
            "finalizer writers"
        )


def schema_or_any(schema: Schema | None) -> Schema:
    """A version without a schema keeps every field."""
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True} if schema is None else schema
