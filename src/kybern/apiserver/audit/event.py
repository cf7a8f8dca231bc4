"""One audit event: `audit.k8s.io/v1` Event, as a line of JSON.

What all events of a request have in common is made once. Bodies go in as the bytes that they are; they are parsed only
where managed fields are to be left out, or where they are not known to be JSON in one line.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import orjson

from kybern.api import protobuf
from kybern.apiserver import yaml
from kybern.apiserver.audit.policy import API_VERSION, Verdict
from kybern.apiserver.call import Call
from kybern.apiserver.negotiate import PROTOBUF
from kybern.apiserver.user import User
from kybern.base.clock import format_micro_time
from kybern.base.errors import BadRequest
from kybern.transport.exchange import Answer, Response

REMEMBERED_LIMIT: Final = 4096
"""Users, and connections, whose part of an event is remembered."""


def line(call: Call, verdict: Verdict, stage: str, moment: bytes, answer: Answer | None) -> bytes:
    """`moment`: when the stage was reached, in JSON; `call.audit_received` tells when the request came."""
    if call.audit_opening is None:
        call.audit_opening = _opening(call, verdict)
    head, request = call.audit_opening
    pieces = [head, stage.encode(), request]
    is_resource = call.info.is_resource
    if call.impersonator is not None:
        pieces += b',"impersonatedUser":', _user(call.user)
    if is_resource:
        pieces += b',"objectRef":', orjson.dumps(_reference(call))
    if answer is not None:
        pieces += b',"responseStatus":', _status(answer)
    if is_resource and call.audit_body is not None:
        pieces += b',"requestObject":', _sent(call.audit_body, verdict)
    if is_resource and verdict.with_response and isinstance(answer, Response) and answer.body:
        body = _answered(answer, verdict)
        if body:
            pieces += b',"responseObject":', body
    pieces += b',"requestReceivedTimestamp":', call.audit_received, b',"stageTimestamp":', moment
    if call.audit_annotations:
        pieces += b',"annotations":', orjson.dumps(call.audit_annotations)
    pieces.append(b"}\n")
    return b"".join(pieces)


def moment(seconds: float) -> bytes:
    """A time in JSON; `seconds` since 1970."""
    return b'"%b"' % format_micro_time(seconds).encode()


def _opening(call: Call, verdict: Verdict) -> tuple[bytes, bytes]:
    """What all events of a request have before their stage, and right after it."""
    request = call.request
    uri = f"{request.raw_path}?{request.raw_query}" if request.raw_query else request.raw_path
    user = _user(call.impersonator or call.user) if call.authenticated else b"{}"
    headers = request.headers
    origin = _origin(
        request.peer,
        headers.get("x-forwarded-for", ""),
        headers.get("x-real-ip", ""),
        headers.get("user-agent", ""),
    )
    head = b'{"kind":"Event","apiVersion":"%b","level":"%b","auditID":%b,"stage":"' % (
        API_VERSION.encode(),
        verdict.level.encode(),
        orjson.dumps(call.audit_id),
    )
    rest = b'","requestURI":%b,"verb":%b,"user":%b,%b' % (orjson.dumps(uri), orjson.dumps(call.info.verb), user, origin)
    return head, rest


@lru_cache(maxsize=REMEMBERED_LIMIT)
def _user(user: User) -> bytes:
    return orjson.dumps(user.info())


@lru_cache(maxsize=REMEMBERED_LIMIT)
def _origin(peer: str, forwarded: str, real: str, agent: str) -> bytes:
    """The members `sourceIPs` and `userAgent`. Sources are those before the client that it names itself (not to be
    trusted), then where the connection came from."""
    named = [each.strip() for each in forwarded.split(",") if each.strip()]
    if real and real not in named:
        named.append(real)
    address = peer.rpartition(":")[0].strip("[]")
    sources = named if named[-1:] == [address] else [*named, address]
    return orjson.dumps({"sourceIPs": sources, "userAgent": agent})[1:-1]


def _reference(call: Call) -> dict[str, str]:
    """What the path names; what it leaves open, the object that was sent."""
    info, named = call.info, call.audit_named
    reference = {
        "resource": info.resource,
        "namespace": info.namespace or named.get("namespace"),
        "name": info.name or named.get("name"),
        "uid": named.get("uid"),
        "apiGroup": info.group,
        "apiVersion": info.version,
        "resourceVersion": named.get("resourceVersion"),
        "subresource": info.subresource,
    }
    return {key: value for key, value in reference.items() if value}


def _status(answer: Answer) -> bytes:
    """The code; of an answer that is a Status all that it says, but for its kind."""
    code = 101 if not hasattr(answer, "status") else answer.status
    if isinstance(answer, Response):
        body = answer.body if isinstance(answer.body, bytes) else answer.body[0] if answer.body else b""
        if body.startswith((_STATUS, _BINARY_STATUS)):
            told: dict[str, Any] = _read(_joined(answer.body), answer.content_type)
            said = {key: value for key, value in told.items() if key not in ("kind", "apiVersion")}
            return orjson.dumps(said | {"code": code})
    return b'{"metadata":{},"code":%d}' % code


_STATUS = b'{"kind":"Status",'
_BINARY_STATUS = protobuf.opening("v1", "Status")


def tell_patch(call: Call) -> None:
    """Keep a patch for the audit, as it was sent: JSON, or YAML that is told as JSON. One that is none is not told."""
    if call.audit_verdict is None or not call.audit_verdict.with_request:
        return
    body = call.request.body
    with suppress(ValueError, TypeError):
        try:
            call.audit_body = orjson.dumps(orjson.loads(body))
        except orjson.JSONDecodeError:
            call.audit_body = orjson.dumps(yaml.load(body))


def _sent(body: bytes, verdict: Verdict) -> bytes:
    """What the request asks for, as it is kept: JSON of ours."""
    return _without_managers(orjson.loads(body)) if verdict.omit_managed_fields else body


def _answered(answer: Response, verdict: Verdict) -> bytes:
    """The object that was answered; b"" where it is none. Pieces come from the cache, and are JSON in one line."""
    body = answer.body
    if not (isinstance(body, bytes) or verdict.omit_managed_fields):
        return b"".join(body)
    try:
        told = _read(_joined(body), answer.content_type)
    except (ValueError, BadRequest):
        return b""
    if told is None:
        return b""
    return _without_managers(told) if verdict.omit_managed_fields else orjson.dumps(told)


def _read(body: bytes, media: str) -> Any:
    """Raises ValueError, BadRequest."""
    return protobuf.decode(body)[2] if media == PROTOBUF else orjson.loads(body)


def _without_managers(obj: Any) -> bytes:
    for each in (obj, *(obj.get("items") or ())) if isinstance(obj, dict) else ():
        metadata = each.get("metadata") if isinstance(each, dict) else None
        if isinstance(metadata, dict):
            metadata.pop("managedFields", None)
    return orjson.dumps(obj)


def _joined(body: bytes | Sequence[bytes]) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body)
