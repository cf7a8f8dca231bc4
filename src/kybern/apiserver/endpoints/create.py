"""POST of an object."""

from kybern.apiserver import answer, decode
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.create import create
from kybern.apiserver.served import Served
from kybern.apiserver.status import CREATED
from kybern.transport.exchange import Response


async def create_object(at: Surroundings, call: Call, served: Served) -> Response:
    """201 and the object."""
    decode.check_write_options(call)
    obj = decode.body_object(call, served)
    attributes = attributes_of(call, served, "CREATE")
    decode.tell_empties(call, attributes)
    outcome = await create(at.life, served, obj, attributes)
    if outcome.version is not None:
        return answer.stored(call, served, outcome.version, at.now(), CREATED)
    return answer.shaped(call, served, outcome.obj, at.now(), CREATED)
