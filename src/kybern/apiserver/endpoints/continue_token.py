"""Continue tokens: where the next page of a list starts, and the revision that all its pages show.

Source: apiserver's pkg/storage/continue.go, whose words the refusals have.
"""

import binascii
import posixpath
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson

from kybern.api.schema.syntax import fault
from kybern.base.errors import BadRequest

INCONSISTENT = -1
"""The revision in a token that goes on from wherever the store is now."""
_VERSION = "meta.k8s.io/v1"
_STRANGE = re.compile(r"[^A-Za-z0-9_\-\r\n]")


def token(start: str, revision: int) -> str:
    """What a client hands back to go on."""
    return urlsafe_b64encode(orjson.dumps({"v": _VERSION, "rv": revision, "start": start})).decode().rstrip("=")


def read_token(text: str) -> tuple[str, int]:
    """(start, revision). Raises BadRequest."""
    read = _fields(text)
    start, revision, version = read.get("start") or "", read.get("rv") or 0, read.get("v") or ""
    if version != _VERSION:
        raise _refusal(f": server does not recognize this encoded version {version}")
    if revision.__class__ is not int or not isinstance(start, str):
        raise _refusal(": json: cannot unmarshal value into Go struct field of type storage.continueToken")
    if revision == 0:
        raise _refusal(f": incorrect encoded start resourceVersion (version {_VERSION})")
    if not start:
        raise _refusal(f": encoded start key empty (version {_VERSION})")
    key = start if start.startswith("/") else f"/{start}"
    if key.startswith("//") or posixpath.normpath(key) != key:
        raise _refusal(f": {start}")
    return key[1:], revision


def _fields(text: str) -> dict[str, Any]:
    strange = _STRANGE.search(text)
    if strange is not None:
        raise _refusal(f": illegal base64 data at input byte {strange.start()}")
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise _refusal(f": illegal base64 data at input byte {len(text) - 1}") from None
    try:
        read = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise _refusal(f": {fault(data)}") from None
    if not isinstance(read, dict):
        raise _refusal(": json: cannot unmarshal value into Go value of type storage.continueToken")
    return read


def _refusal(why: str) -> BadRequest:
    return BadRequest(f"invalid continue token: continue key is not valid{why}")
