"""JSON patch, RFC 6902, as upstream's library reads it: `-1` counts from the end, `replace` sets absent members."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from kybern.api.resource import Object
from kybern.base.errors import BadRequest, Invalid, RequestEntityTooLarge

OPERATIONS_LIMIT = 10_000
COPIES_LIMIT_BYTES = 3 * 1024 * 1024
"""What all `copy` operations of one patch may add together: a few lines could double a document thirty times."""
_REJECTED = "the server rejected our request due to an error in our request"


class PatchFailed(Invalid):
    """An operation that cannot be applied; clients see upstream's generic message, `detail` says what it was."""

    def __init__(self, detail: str) -> None:
        super().__init__(_REJECTED, details={})
        self.detail = detail


def json_patch(obj: Object, operations: Any) -> Object:
    """The patched object. Raises BadRequest, RequestEntityTooLarge, PatchFailed (422)."""
    patched = patched_document(obj, operations)
    if not isinstance(patched, dict):
        raise PatchFailed("the patched document is no object")
    return patched


def patched_document(obj: Object, operations: Any) -> Any:
    """What the operations leave, which may be no object; null is no operation. Raises as `json_patch`."""
    if operations is None:
        return obj
    fault = mistyped(operations, "jsonpatch.Patch", "jsonpatch.Operation")
    if fault:
        raise BadRequest(fault)
    if len(operations) > OPERATIONS_LIMIT:
        limit = f"The allowed maximum operations in a JSON patch is {OPERATIONS_LIMIT}, got {len(operations)}"
        raise RequestEntityTooLarge(f"Request entity too large: {limit}")
    document = _Document(obj)
    for operation in operations:
        apply = _OPERATIONS.get(str(operation.get("op"))) if operation is not None else None
        if apply is None:
            raise PatchFailed(f"Unexpected kind: {(operation or {}).get('op', 'unknown')}")
        apply(document, operation)
    return document.root


def mistyped(operations: Any, whole: str, each: str) -> str:
    """Go's words for what is no list of objects; the names of its types are the caller's. "" where it is one."""
    if operations is None:
        return ""
    if not isinstance(operations, list):
        return f"json: cannot unmarshal {_GO_KINDS.get(type(operations), 'null')} into Go value of type {whole}"
    odd = [one for one in operations if one is not None and not isinstance(one, dict)]
    kind = _GO_KINDS.get(type(odd[0]), "") if odd else ""
    return f"json: cannot unmarshal {kind} into Go value of type {each}" if odd else ""


_GO_KINDS: Mapping[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "bool",
}


class _Document:
    """The document under work: containers are copied when first written to, and then owned."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._owned: dict[int, Any] = {}
        self._copied_bytes = 0

    def count_copy(self, value: Any) -> None:
        """Raises PatchFailed when the copies together have become too large."""
        self._copied_bytes += len(orjson.dumps(value)) if value is not None else 0
        if self._copied_bytes > COPIES_LIMIT_BYTES:
            raise PatchFailed(
                f"Unable to complete the copy, the accumulated size increase of copy is {self._copied_bytes}, "
                f"exceeding the limit {COPIES_LIMIT_BYTES}"
            )

    def parent(self, path: str, write: bool) -> tuple[Any, str]:
        """(container or None, last part of the path)."""
        parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]
        if len(parts) < 2:
            return None, ""
        if write:
            self.root = self._own(self.root)
        container = self.root
        for part in parts[1:-1]:
            try:
                child = _get(container, part)
            except PatchFailed:
                return None, ""
            if not isinstance(child, dict | list):
                return None, ""
            if write:
                child = self._own(child)
                _set(container, part, child)
            container = child
        return container, parts[-1]

    def _own(self, container: Any) -> Any:
        if id(container) in self._owned:
            return container
        copy = container.copy()
        self._owned[id(copy)] = copy
        return copy


def _index(container: list[Any], key: str, limit: int) -> int:
    """A position below `limit`; negative ones count from the end."""
    try:
        index = int(key)
    except ValueError:
        raise PatchFailed(f'strconv.Atoi: parsing "{key}": invalid syntax') from None
    if not -limit <= index < limit:
        raise PatchFailed(f"Unable to access invalid index: {index}: invalid index referenced")
    return index if index >= 0 else index + limit


def _get(container: Any, key: str) -> Any:
    if isinstance(container, dict):
        return container.get(key)
    return container[_index(container, key, len(container))]


def _set(container: Any, key: str, value: Any) -> None:
    if isinstance(container, dict):
        container[key] = value
    else:
        container[_index(container, key, len(container))] = value


def _insert(container: Any, key: str, value: Any) -> None:
    if isinstance(container, dict):
        container[key] = value
    elif key == "-":
        container.append(value)
    else:
        container.insert(_index(container, key, len(container) + 1), value)


def _delete(container: Any, key: str) -> None:
    if isinstance(container, list):
        del container[_index(container, key, len(container))]
    elif key not in container:
        raise PatchFailed(f"Unable to remove nonexistent key: {key}: missing value")
    else:
        del container[key]


def _pointer(operation: Object, member: str = "path") -> str:
    path = operation.get(member)
    if not isinstance(path, str):
        raise PatchFailed(f"{operation['op']} operation failed to decode {member}: missing value")
    return path


_MISSING = {"add": 'path: "{}"', "remove": 'path: "{}"'}
"""How the library tells which path is missing, where not plainly."""


def _find(document: _Document, path: str, name: str, write: bool) -> tuple[Any, str]:
    container, key = document.parent(path, write)
    if container is None:
        missing = _MISSING.get(name, "path: {}").format(path)
        raise PatchFailed(f"{name} operation does not apply: doc is missing {missing}: missing value")
    return container, key


def _failed(name: str, path: str, error: PatchFailed) -> PatchFailed:
    return PatchFailed(f"error in {name} for path: '{path}': {error.detail}")


def _add(document: _Document, operation: Object) -> None:
    path = _pointer(operation)
    container, key = _find(document, path, "add", write=True)
    try:
        _insert(container, key, operation.get("value"))
    except PatchFailed as error:
        raise _failed("add", path, error) from None


def _remove(document: _Document, operation: Object) -> None:
    path = _pointer(operation)
    container, key = _find(document, path, "remove", write=True)
    try:
        _delete(container, key)
    except PatchFailed as error:
        raise _failed("remove", path, error) from None


def _replace(document: _Document, operation: Object) -> None:
    path = _pointer(operation)
    if path == "":
        if not isinstance(operation.get("value"), dict | list):
            raise PatchFailed("replace operation value must be object or array: %!w(<nil>)")
        document.root = operation["value"]
        return
    container, key = _find(document, path, "replace", write=True)
    try:
        _set(container, key, operation.get("value"))
    except PatchFailed as error:
        raise _failed("remove", path, error) from None  # The library says so.


def _move(document: _Document, operation: Object) -> None:
    source, key = _find(document, _pointer(operation, "from"), "move", write=True)
    value = _get(source, key)
    _delete(source, key)
    target, key = _find(document, _pointer(operation), "move", write=True)
    _insert(target, key, value)


def _copy(document: _Document, operation: Object) -> None:
    source, key = _find(document, _pointer(operation, "from"), "copy", write=False)
    value = _get(source, key)
    target, key = _find(document, _pointer(operation), "copy", write=True)
    document.count_copy(value)
    _insert(target, key, _share(value, document))


def _share(value: Any, document: _Document) -> Any:
    """A copy's containers may be owned: from now on two places hold them, so neither may write in place."""
    if isinstance(value, dict):
        return {key: _share(member, document) for key, member in value.items()}
    return [_share(member, document) for member in value] if isinstance(value, list) else value


def _test(document: _Document, operation: Object) -> None:
    path = _pointer(operation)
    if path == "":
        found = document.root
    else:
        container, key = _find(document, path, "test", write=False)
        found = _get(container, key)
    if not same_json(found, operation.get("value")):
        raise PatchFailed(f"testing value {path} failed: test failed")


def same_json(left: Any, right: Any) -> bool:
    """Equal as JSON: `true` is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    return bool(left == right)


_OPERATIONS: Mapping[str, Callable[[_Document, Object], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
