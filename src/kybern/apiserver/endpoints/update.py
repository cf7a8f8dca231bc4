"""PUT of an object or of one of its plain subresources (status, resize, ephemeralcontainers, approval, finalize)."""

from dataclasses import replace

from kybern.api.resource import Object
from kybern.apiserver import answer, decode
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.create import place
from kybern.apiserver.objects.life import Outcome
from kybern.apiserver.objects.owners import single_owners
from kybern.apiserver.objects.update import Preconditions, check_name, update
from kybern.apiserver.served import Served
from kybern.apiserver.status import CREATED
from kybern.transport.exchange import Response


async def update_object(at: Surroundings, call: Call, served: Served) -> Response:
    """200 and the object (201 where the update created it)."""
    decode.check_write_options(call)
    obj = decode.body_object(call, served)
    sub = call.info.subresource
    attributes = attributes_of(call, served, "UPDATE", sub)
    decode.tell_empties(call, attributes)
    place(served, obj["metadata"], attributes.namespace)
    check_name(obj["metadata"], attributes.name)
    single_owners(obj, attributes, admitted=False)
    preconditions = Preconditions(uid=obj["metadata"].get("uid") or None)

    def edit(old: Object) -> Object:
        return dict(obj, metadata=dict(obj["metadata"]))

    creating = served.resource.create_on_update and not sub

    def create() -> Object:
        may_create(at, call)
        made = edit(obj)
        if not attributes.dry_run:
            made["metadata"].pop("resourceVersion", None)  # A version of what is gone is none of the new object.
        return made

    outcome = await update(
        at.life,
        served,
        edit,
        attributes,
        preconditions=preconditions,
        create_missing=create if creating else None,
    )
    return written(at, call, served, outcome)


def may_create(at: Surroundings, call: Call) -> None:
    """Who makes an object by updating it must be allowed to create it. Raises Forbidden."""
    if at.authorizer is not None:
        at.authorizer.check(call.user, replace(call.info, verb="create"))


def written(at: Surroundings, call: Call, served: Served, outcome: Outcome) -> Response:
    """The answer to an update or a patch."""
    code = CREATED if outcome.created else 200
    if outcome.version is not None:
        return answer.stored(call, served, outcome.version, at.now(), code)
    return answer.shaped(call, served, outcome.obj, at.now(), code)
