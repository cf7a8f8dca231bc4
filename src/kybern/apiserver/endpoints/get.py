"""GET of one object: from the cache, which shows every acknowledged write. Answered with no task of its own."""

from collections.abc import Awaitable

from kybern.apiserver import answer, status
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.revisions import wait_for
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.request_info import truthy
from kybern.apiserver.served import Served
from kybern.base.errors import BadRequest
from kybern.transport.exchange import Answer, Response


def get_object(at: Surroundings, call: Call, served: Served) -> Answer | Awaitable[Answer]:
    """200 and the object."""
    request = call.request
    if request.query and truthy(request.parameter("export", "false")):
        raise BadRequest("the export parameter, deprecated since v1.14, is no longer supported")
    waiting = wait_for(at, request.parameter("resourceVersion"))
    if waiting is not None:
        return _get_later(at, call, served, waiting)
    return _get(at, call, served)


async def _get_later(at: Surroundings, call: Call, served: Served, waiting: Awaitable[None]) -> Answer:
    await waiting
    return _get(at, call, served)


def _get(at: Surroundings, call: Call, served: Served) -> Response:
    info = call.info
    version = served.find(info.namespace, info.name)
    if version is None:
        raise status.not_found(served.resource, info.name)
    return answer.stored(call, served, version, at.now())
