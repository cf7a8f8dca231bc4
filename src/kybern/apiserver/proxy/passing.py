"""Passes a request on to a place and its answer back, upgrades included.

Source: k8s.io/apimachinery/pkg/util/proxy and, for clients of the newest WebSocket protocol, streamtranslator.go of
k8s.io/apiserver.
"""

from collections.abc import Mapping, Sequence

import orjson

from kybern.api.validation.field import quote
from kybern.apiserver.call import Call
from kybern.apiserver.proxy.backend import HOP_BY_HOP, BackendAnswer, Place, ask, splice
from kybern.apiserver.status import Unclassified, status_of
from kybern.base.errors import BadRequest, InternalError, NotFound, ServiceUnavailable, StatusError, Unreachable
from kybern.transport.exchange import Answer, Connection, Response, Stream, Upgrade
from kybern.transport.websocket import WebSocket, accept

V5 = "v5.channel.k8s.io"
_ERROR_CHANNEL = b"\x03"
_TEXT = "text/plain; charset=utf-8"
_WORDS_BYTES = 2048
"""What is told of the words of a refusal."""

_OWN = HOP_BY_HOP | {"host", "authorization", "content-length", "cookie"}
_IMPERSONATE = "impersonate-"
_REMOTE = "x-remote-"
"""What only a front proxy says."""


def passed_headers(call: Call) -> dict[str, str]:
    """What of the client's headers the other side may see: credentials stay here."""
    headers = {
        name: value
        for name, value in call.request.headers.items()
        if name not in _OWN and not name.startswith((_IMPERSONATE, _REMOTE))
    }
    upgrade = call.request.headers.get("upgrade")
    if upgrade:
        headers |= {"connection": "Upgrade", "upgrade": upgrade}
    return headers


async def pass_on(
    call: Call, place: Place, target: str, more: Sequence[tuple[str, str]] = (), *, redirects: bool = True
) -> Answer:
    """The answer goes back as it is. `more`: further headers; `redirects`: may the other side send the client elsewhere.

    Raises ServiceUnavailable.
    """
    request = call.request
    headers = [*passed_headers(call).items(), *forwarded(call).items(), *more]
    try:
        answer = await ask(place, request.method, target, headers, request.body)
    except Unreachable as error:
        raise ServiceUnavailable(f"error trying to reach service: {error}") from None
    wanted, told = request.headers.get("upgrade", ""), answer.header("upgrade")
    if answer.upgraded and wanted.lower() != told.lower():
        answer.reader.close()
        return Response(
            503, f'backend tried to switch protocol "{told}" when "{wanted}" was requested\n'.encode(), _TEXT
        )
    if answer.upgraded:
        return _switched(answer)
    if not redirects and 300 <= answer.status < 400 and answer.header("location"):
        answer.reader.close()
        return Response(502, b"the backend attempted to redirect this request, which is not permitted", _TEXT)
    return _as_it_is(answer)


async def fetch(call: Call, place: Place, target: str) -> Stream:
    """The GET of a log; an answer that is no success becomes a Status. Raises StatusError."""
    try:
        answer = await ask(place, "GET", target, forwarded(call))
    except Unreachable as error:
        raise Unclassified(f'Get "https://{place.netloc}{target}": {error}') from None
    if answer.status >= 400:
        raise _refused(call, answer.status, (await answer.beginning(_WORDS_BYTES)).decode(errors="replace"))
    return _as_it_is(answer)


async def pass_upgrade(call: Call, place: Place, target: str) -> Answer:
    """Only for clients that upgrade. A refusal goes back as it is; clients that speak V5 have been upgraded by then
    upstream, so that they read it on the channel for errors. Raises BadRequest, Unclassified."""
    request = call.request
    if not request.headers.get("upgrade"):
        raise BadRequest("Upgrade request required")
    protocols = [name.strip() for name in request.headers.get("sec-websocket-protocol", "").split(",")]
    try:
        answer = await ask(place, request.method, target, {**passed_headers(call), **forwarded(call)}, request.body)
    except Unreachable as error:
        if V5 in protocols:
            return _told(call, f'error sending request: Post "https://{place.netloc}{target}": {error}')
        raise Unclassified(f"error dialing backend: {error}") from None
    if answer.upgraded:
        return _switched(answer)
    if V5 in protocols:
        words = (await answer.beginning(_WORDS_BYTES)).decode(errors="replace").strip()
        return _told(call, f"unable to upgrade connection: {words}")
    return _as_it_is(answer)


def _told(call: Call, text: str) -> Answer:
    """An upgrade that says nothing but what went wrong."""
    error = InternalError(f"Internal error occurred: {text}", details={"causes": [{"message": text}]})

    async def serve(websocket: WebSocket) -> None:
        await websocket.send(_ERROR_CHANNEL + orjson.dumps(status_of(error)))

    return accept(call.request, (V5,), serve, required=True)


def _as_it_is(answer: BackendAnswer) -> Stream:
    kept = [(name, value) for name, value in answer.headers if name.lower() not in _ANSWERS_OWN]
    return Stream(answer.pieces(), answer.status, answer.header("content-type"), kept)


_ANSWERS_OWN = HOP_BY_HOP | {"content-length", "content-type", "date"}


def forwarded(call: Call) -> Mapping[str, str]:
    address = call.request.peer.rpartition(":")[0]
    before = call.request.headers.get("x-forwarded-for")
    return {"x-forwarded-for": f"{before}, {address}" if before else address}


def _switched(answer: BackendAnswer) -> Upgrade:
    async def run(client: Connection) -> None:
        await splice(client, answer)

    own = ("upgrade", "connection", "date", "content-length")
    kept = [(name, value) for name, value in answer.headers if name.lower() not in own]
    return Upgrade(answer.header("upgrade") or "websocket", run, kept)


def _refused(call: Call, code: int, text: str) -> StatusError:
    """As GenericHttpResponseChecker of k8s.io/apiserver has it."""
    if code == 400:
        return BadRequest(text)
    if code == 500:
        return InternalError(f"Internal error occurred: {text}", details={"causes": [{"message": text}]})
    about = f"( pods/log {call.info.name})"
    cause = {"reason": "UnexpectedServerResponse", "message": text}
    details = {"name": call.info.name, "kind": "pods/log", "causes": [cause]}
    if code == 404:
        return NotFound(f"the server could not find the requested resource {about}", details=details)
    return InternalError(
        f"an error on the server ({quote(text)}) has prevented the request from succeeding {about}", details=details
    )
