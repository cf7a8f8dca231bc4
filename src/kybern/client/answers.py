"""From an answer that is no success to the exception that components know."""

from typing import Any

import msgspec
import orjson

from kybern.base.errors import (
    BY_REASON,
    BadRequest,
    Conflict,
    Expired,
    Forbidden,
    Gone,
    InternalError,
    Invalid,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    RequestEntityTooLarge,
    ServiceUnavailable,
    StatusError,
    Timeout,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
)

_BY_CODE: dict[int, type[StatusError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    406: NotAcceptable,
    409: Conflict,
    410: Gone,
    413: RequestEntityTooLarge,
    415: UnsupportedMediaType,
    422: Invalid,
    429: TooManyRequests,
    503: ServiceUnavailable,
    504: Timeout,
}
"""For answers without a `metav1.Status`: from proxies between, or from upstream's early stages."""


def error_of(status: int, body: bytes) -> StatusError:
    """The error that an answer means, by its Status' reason, else by its code."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    if isinstance(parsed, dict) and parsed.get("kind") == "Status":
        return status_error(parsed, status)
    text = body[:1024].decode(errors="replace").strip()
    return _BY_CODE.get(status, InternalError)(text or f"the server answered {status}")


def status_error(status: dict[str, Any], code: int = 0) -> StatusError:
    """The error that a `metav1.Status` in JSON form tells."""
    kind = BY_REASON.get(status.get("reason") or "") or _BY_CODE.get(status.get("code") or code, InternalError)
    return kind(status.get("message") or "", details=status.get("details") or {})


def watch_error(raw: msgspec.Raw) -> StatusError:
    """The error that an ERROR event of a watch tells; Gone counts as Expired, for both mean: list anew."""
    error = status_error(orjson.loads(bytes(raw)))
    if isinstance(error, Gone):
        return Expired(error.message, details=error.details)
    return error
