"""PUT of an object or of one of its plain subresources (status, resize, ephemeralcontainers, approval, finalize)."""

from kybern.api.resource import Object
from kybern.apiserver import answer, decode
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.life import Outcome
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served
from kybern.apiserver.status import CREATED
from kybern.transport.exchange import Response


async def update_object(at: Surroundings, call: Call, served: Served) -> Response:
    """200 and the object (201 where the update created it)."""
    decode.check_write_options(call)
    obj = decode.body_object(call, served)
    sub = call.info.subresource
    attributes = attributes_of(call, served, "UPDATE", sub)

    def edit(old: Object) -> Object:
        return dict(obj, metadata=dict(obj["metadata"]))

    creating = served.resource.create_on_update and not sub
    outcome = await update(at.life, served, edit, attributes, create_missing=(lambda: obj) if creating else None)
    return written(at, call, served, outcome)


def written(at: Surroundings, call: Call, served: Served, outcome: Outcome) -> Response:
    """The answer to an update or a patch."""
    code = CREATED if outcome.created else 200
    if outcome.version is not None:
        return answer.stored(call, served, outcome.version, at.now(), code)
    return answer.shaped(call, served, outcome.obj, at.now(), code)
