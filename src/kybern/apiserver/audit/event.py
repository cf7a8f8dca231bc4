"""One audit event: `audit.k8s.io/v1` Event, as a line of JSON.

Bodies go in as the bytes that they are; they are parsed only where managed fields are to be left out.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from kybern.api import protobuf
from kybern.apiserver import yaml
from kybern.apiserver.audit.policy import API_VERSION, Verdict
from kybern.apiserver.call import Call
from kybern.base.clock import format_micro_time
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
        "user": (call.impersonator or call.user).info(),
        "sourceIPs": _sources(call),
        "userAgent": call.request.headers.get("user-agent", ""),
    }
    if call.impersonator is not None:
        event["impersonatedUser"] = call.user.info()
    if info.is_resource:
        event["objectRef"] = _reference(call)
    if answer is not None:
        event["responseStatus"] = _status(answer)
    if verdict.with_request and info.is_resource and call.request.body:
        body = _request_body(call)
        if body is not None:
            event["requestObject"] = _object(body, verdict)
    if verdict.with_response and info.is_resource and isinstance(answer, Response) and answer.body:
        event["responseObject"] = _object(_joined(answer.body), verdict)
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
    info = call.info
    reference = {
        "resource": info.resource,
        "namespace": info.namespace,
        "name": info.name,
        "apiGroup": info.group,
        "apiVersion": info.version,
        "subresource": info.subresource,
    }
    return {key: value for key, value in reference.items() if value}


def _status(answer: Answer) -> dict[str, Any]:
    """The code; of a failure all that its Status says, but for its kind."""
    code = 101 if not hasattr(answer, "status") else answer.status
    if isinstance(answer, Response) and code >= 400:
        try:
            told: dict[str, Any] = orjson.loads(_joined(answer.body))
            if told.get("kind") == "Status":
                return {key: value for key, value in told.items() if key not in ("kind", "apiVersion")}
        except ValueError:
            return {"metadata": {}, "status": "Failure", "code": code}
    return {"metadata": {}, "code": code}


def _request_body(call: Call) -> Any:
    """JSON bytes, or the object that other encodings hold; None for what cannot be read."""
    media = call.request.headers.get("content-type", "").partition(";")[0].strip()
    body = call.request.body
    try:
        if media == "application/vnd.kubernetes.protobuf":
            return protobuf.decode(body)[2]
        if media.endswith("yaml"):
            return yaml.load(body)
        return orjson.Fragment(orjson.dumps(orjson.loads(body)))
    except (ValueError, TypeError):
        return None


def _object(body: Any, verdict: Verdict) -> Any:
    if isinstance(body, bytes):
        try:
            body = orjson.loads(body)
        except ValueError:
            return None
    if verdict.omit_managed_fields:
        if isinstance(body, orjson.Fragment):
            body = orjson.loads(orjson.dumps(body))
        _strip(body)
    return body


def _strip(obj: Any) -> None:
    for each in (obj, *(obj.get("items") or ())) if isinstance(obj, dict) else ():
        metadata = each.get("metadata") if isinstance(each, dict) else None
        if isinstance(metadata, dict):
            metadata.pop("managedFields", None)


def _joined(body: bytes | Sequence[bytes]) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body)
