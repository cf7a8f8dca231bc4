"""One audit event: `audit.k8s.io/v1` Event, as a line of JSON.

Bodies go in as the bytes that they are; they are parsed only where managed fields are to be left out.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from kybern.api import protobuf
from kybern.apiserver import yaml
from kybern.apiserver.audit.policy import API_VERSION, Verdict
from kybern.apiserver.call import Call
from kybern.apiserver.negotiate import JSON, PROTOBUF
from kybern.base.clock import format_micro_time
from kybern.base.errors import BadRequest
from kybern.transport.exchange import Answer, Response


def line(call: Call, verdict: Verdict, stage: str, now: float, seconds: float, answer: Answer | None) -> bytes:
    """`now` in seconds since 1970, `seconds` since the request came."""
    info = call.info
    event: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": API_VERSION,
        "level": verdict.level,
        "auditID": call.audit_id,
        "stage": stage,
        "requestURI": call.request.raw_path + (f"?{call.request.raw_query}" if call.request.raw_query else ""),
        "verb": info.verb,
        "user": (call.impersonator or call.user).info() if call.authenticated else {},
        "sourceIPs": _sources(call),
        "userAgent": call.request.headers.get("user-agent", ""),
    }
    if call.impersonator is not None:
        event["impersonatedUser"] = call.user.info()
    if info.is_resource:
        event["objectRef"] = _reference(call)
    if answer is not None:
        event["responseStatus"] = _status(answer)
    if call.audit_body is not None and info.is_resource:
        event["requestObject"] = _object(call.audit_body, verdict)
    if verdict.with_response and info.is_resource and isinstance(answer, Response) and answer.body:
        body = _object(_joined(answer.body), verdict, answer.content_type)
        if body is not None:
            event["responseObject"] = body
    event["requestReceivedTimestamp"] = format_micro_time(now - seconds)
    event["stageTimestamp"] = format_micro_time(now)
    if call.audit_annotations:
        event["annotations"] = call.audit_annotations
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)


def _sources(call: Call) -> list[str]:
    """Those before the client that it names itself (not to be trusted), then where the connection came from."""
    headers = call.request.headers
    named = [each.strip() for each in headers.get("x-forwarded-for", "").split(",") if each.strip()]
    real = headers.get("x-real-ip", "")
    if real and real not in named:
        named.append(real)
    peer = call.request.peer.rpartition(":")[0].strip("[]")
    return named if named[-1:] == [peer] else [*named, peer]


def _reference(call: Call) -> dict[str, str]:
    """What the path names; what it leaves open, the object that was sent."""
    info, named = call.info, call.audit_named
    reference = {
        "resource": info.resource,
        "namespace": info.namespace or named.get("namespace", ""),
        "name": info.name or named.get("name", ""),
        "uid": named.get("uid", ""),
        "apiGroup": info.group,
        "apiVersion": info.version,
        "resourceVersion": named.get("resourceVersion", ""),
        "subresource": info.subresource,
    }
    return {key: value for key, value in reference.items() if value}


def _status(answer: Answer) -> dict[str, Any]:
    """The code; of an answer that is a Status all that it says, but for its kind."""
    code = 101 if not hasattr(answer, "status") else answer.status
    if isinstance(answer, Response):
        body = answer.body if isinstance(answer.body, bytes) else answer.body[0] if answer.body else b""
        if body.startswith((_STATUS, _BINARY_STATUS)):
            told: dict[str, Any] = _read(_joined(answer.body), answer.content_type)
            return {key: value for key, value in told.items() if key not in ("kind", "apiVersion")} | {"code": code}
    return {"metadata": {}, "code": code}


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


def _object(body: bytes, verdict: Verdict, media: str = JSON) -> Any:
    """None for what is no object."""
    try:
        told = _read(body, media)
    except (ValueError, BadRequest):
        return None
    if verdict.omit_managed_fields:
        _strip(told)
    return told


def _read(body: bytes, media: str) -> Any:
    """Raises ValueError, BadRequest."""
    return protobuf.decode(body)[2] if media == PROTOBUF else orjson.loads(body)


def _strip(obj: Any) -> None:
    for each in (obj, *(obj.get("items") or ())) if isinstance(obj, dict) else ():
        metadata = each.get("metadata") if isinstance(each, dict) else None
        if isinstance(metadata, dict):
            metadata.pop("managedFields", None)


def _joined(body: bytes | Sequence[bytes]) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body)
