"""Namespace."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import each_invalid, invalid
from kybern.api.validation.metadata import validate_kube_finalizer


def validate_finalizer_name(name: str, path: str) -> Iterator[FieldError]:
    """A Namespace's finalizer: one of Kubernetes' own, or one with a domain."""
    yield from each_invalid(path, name, names.qualified_name(name))
    yield from validate_kube_finalizer(name, path)


def validate_namespace(obj: Object) -> Iterator[FieldError]:
    for finalizer in (obj.get("spec") or {}).get("finalizers") or ():
        yield from validate_finalizer_name(finalizer, "spec.finalizers")


def validate_namespace_status(new: Object, old: Object) -> Iterator[FieldError]:
    phase = (new.get("status") or {}).get("phase") or ""
    if not new["metadata"].get("deletionTimestamp"):
        if phase != "Active":
            yield invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")
    elif phase != "Terminating":
        yield invalid("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")


def validate_namespace_finalize(new: Object, old: Object) -> Iterator[FieldError]:
    for index, finalizer in enumerate((new.get("spec") or {}).get("finalizers") or ()):
        yield from validate_finalizer_name(finalizer, f"spec.finalizers[{index}]")
