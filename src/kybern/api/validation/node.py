"""RuntimeClass. Source: pkg/apis/node/validation."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.affinity import validate_tolerations
from kybern.api.validation.core.resources import validate_requirements
from kybern.api.validation.field import duplicate, each_invalid, immutable, required
from kybern.api.validation.metadata import validate_labels


def validate_runtime_class(obj: Object) -> Iterator[FieldError]:
    handler = obj.get("handler") or ""
    if not handler:
        yield required("handler")
    else:
        yield from each_invalid("handler", handler, names.dns_label(handler))
    overhead, scheduling = obj.get("overhead"), obj.get("scheduling") or {}
    if overhead is not None:
        yield from validate_requirements({"limits": overhead.get("podFixed")}, (), "overhead")
    yield from validate_labels(scheduling.get("nodeSelector"), "scheduling.nodeSelector")
    path, tolerations = "scheduling.tolerations", scheduling.get("tolerations") or ()
    yield from validate_tolerations(tolerations, path)
    seen = set()
    for index, toleration in enumerate(tolerations):
        key = tuple(toleration.get(part) or "" for part in ("key", "operator", "value", "effect"))
        if key in seen:
            # Upstream shows its internal Toleration, which has no JSON names and leaves nothing out.
            shown = dict(zip(("Key", "Operator", "Value", "Effect"), key, strict=True))
            seconds = toleration.get("tolerationSeconds")
            yield duplicate(f"{path}[{index}]", {**shown, "TolerationSeconds": seconds})
        seen.add(key)


def validate_runtime_class_update(new: Object, old: Object) -> Iterator[FieldError]:
    yield from immutable("handler", new.get("handler"), old.get("handler"))
