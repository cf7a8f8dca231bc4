"""ConfigMap and Secret: keys, sizes, what each type of Secret must hold, and immutability."""

import base64
import json
from collections.abc import Iterator, Mapping

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import each_invalid, forbidden, immutable, invalid, required, too_long

SIZE_LIMIT_BYTES = 1024 * 1024
_FROZEN = "field is immutable when `immutable` is set"
_REQUIRED_KEYS: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_ACCOUNT = "kubernetes.io/service-account.name"


def validate_config_map(obj: Object) -> Iterator[FieldError]:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    for key in data:
        yield from each_invalid(f"data[{key}]", key, names.config_key(key))
        if key in binary:
            yield invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    for key in binary:
        yield from each_invalid(f"binaryData[{key}]", key, names.config_key(key))
    if sum(map(names.size, data.values())) + sum(map(decoded_size, binary.values())) > SIZE_LIMIT_BYTES:
        yield too_long("[]", SIZE_LIMIT_BYTES)  # How Go prints the path of the whole object.


def validate_config_map_update(new: Object, old: Object) -> Iterator[FieldError]:
    yield from _frozen(new, old, "data", "binaryData")


def _frozen(new: Object, old: Object, *keys: str) -> Iterator[FieldError]:
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        yield forbidden("immutable", _FROZEN)
    for key in keys:
        if (new.get(key) or {}) != (old.get(key) or {}):
            yield forbidden(key, _FROZEN)


def decoded_size(encoded: str) -> int:
    """Bytes behind base64."""
    return len(encoded) // 4 * 3 - encoded[-2:].count("=")


def validate_secret(obj: Object) -> Iterator[FieldError]:
    data = obj.get("data") or {}
    for key in data:
        yield from each_invalid(f"data[{key}]", key, names.config_key(key))
    if sum(map(decoded_size, data.values())) > SIZE_LIMIT_BYTES:
        yield too_long("data", SIZE_LIMIT_BYTES)
    kind = obj.get("type") or ""
    if kind == "kubernetes.io/service-account-token":
        if not (obj["metadata"].get("annotations") or {}).get(_ACCOUNT):
            yield required(f"metadata.annotations[{_ACCOUNT}]")
    elif kind == "kubernetes.io/basic-auth":
        if "username" not in data and "password" not in data:
            yield required("data[username]")
            yield required("data[password]")
    elif kind == "kubernetes.io/ssh-auth" and not data.get("ssh-privatekey"):
        yield required("data[ssh-privatekey]")
    for key in _REQUIRED_KEYS.get(kind, ()):
        if key not in data:
            yield required(f"data[{key}]")
        elif key.startswith(".docker"):
            yield from _docker_config(f"data[{key}]", data[key])


def _docker_config(path: str, encoded: str) -> Iterator[FieldError]:
    try:
        text = base64.b64decode(encoded).decode()
        parsed = json.loads(text)
    except ValueError:
        yield invalid(path, "<secret contents redacted>", _go_json_error(base64.b64decode(encoded)))
        return
    if parsed is not None and not isinstance(parsed, dict):
        kind = {str: "string", list: "array", bool: "bool"}.get(type(parsed), "number")
        detail = f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        yield invalid(path, "<secret contents redacted>", detail)


def _go_json_error(text: bytes) -> str:
    """encoding/json's words for the two faults that people meet."""
    stripped = text.strip()
    if not stripped:
        return "unexpected end of JSON input"
    first = stripped[:1].decode(errors="replace")
    if first in "{[":
        return "unexpected end of JSON input"
    return f"invalid character '{first}' looking for beginning of value"


def validate_secret_update(new: Object, old: Object) -> Iterator[FieldError]:
    yield from immutable("type", new.get("type"), old.get("type"))
    yield from _frozen(new, old, "data")
