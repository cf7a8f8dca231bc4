"""Passes a request on to a place and its answer back, upgrades included."""

from collections.abc import Mapping

from kybern.apiserver.call import Call
from kybern.apiserver.proxy.backend import HOP_BY_HOP, BackendAnswer, Place, ask, splice
from kybern.base.errors import BadRequest, InternalError, ServiceUnavailable, StatusError, Unreachable
from kybern.transport.exchange import Answer, Connection, Stream, Upgrade

_OWN = HOP_BY_HOP | {"host", "authorization", "content-length", "cookie"}
_IMPERSONATE = "impersonate-"


def passed_headers(call: Call) -> dict[str, str]:
    """What of the client's headers the other side may see: credentials stay here."""
    headers = {
        name: value
        for name, value in call.request.headers.items()
        if name not in _OWN and not name.startswith(_IMPERSONATE)
    }
    upgrade = call.request.headers.get("upgrade")
    if upgrade:
        headers |= {"connection": "Upgrade", "upgrade": upgrade}
    return headers


async def pass_on(call: Call, place: Place, target: str, *, method: str = "", checked: bool = False) -> Answer:
    """`checked`: an answer that is no success becomes a Status, as for logs; else it goes back as it is.

    Raises InternalError, ServiceUnavailable, BadRequest.
    """
    request = call.request
    headers = {**passed_headers(call), **forwarded(call)}
    try:
        answer = await ask(place, method or request.method, target, headers, request.body)
    except Unreachable as error:
        if checked:
            raise InternalError(f'Get "https://{place.netloc}{target}": {error}') from None
        raise ServiceUnavailable(f"error trying to reach service: {error}") from None
    if answer.upgraded:
        return _switched(answer)
    if checked and answer.status >= 400:
        raise _refused(answer.status, (await answer.whole()).decode(errors="replace"))
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


def _refused(code: int, text: str) -> StatusError:
    text = text.strip()
    if code == 400:
        return BadRequest(text)
    return InternalError(f"Internal error occurred: {text}" if code == 500 else f"the server answered {code}: {text}")
