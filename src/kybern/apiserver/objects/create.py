"""A new object: admitted, completed by the server, validated, committed.

Order and words are upstream's (k8s.io/apiserver pkg/registry/rest/create.go).
"""

from asyncio import CancelledError

from kybern.api.resource import Change, Object
from kybern.api.validation import validate_create
from kybern.apiserver import status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.commit import Changed
from kybern.apiserver.objects.effects import Taken
from kybern.apiserver.objects.life import Life, Outcome
from kybern.apiserver.objects.owners import single_owners
from kybern.apiserver.objects.sent import told
from kybern.apiserver.objects.tracking import FIELD, check_admitted, track_create
from kybern.apiserver.served import Served
from kybern.base.errors import AlreadyExists, BadRequest, Unclassified

NAME_ATTEMPTS = 8
"""Tries to generate a name that is free."""
NAME_PREFIX_LIMIT = 58
"""Characters of generateName that are kept: 63 less the suffix."""

_SERVERS_OWN = ("selfLink", "deletionTimestamp", "deletionGracePeriodSeconds")
"""Of the metadata that a client sends; uid and creationTimestamp are set anew."""


async def create(life: Life, served: Served, obj: Object, attributes: Attributes, *, tracks: bool = True) -> Outcome:
    """Store a decoded and defaulted object. Raises StatusError. Without `tracks` it carries its managedFields already."""
    metadata = obj["metadata"]
    place(served, metadata, attributes.namespace)
    for name in _SERVERS_OWN:
        metadata.pop(name, None)
    if tracks:
        single_owners(obj, attributes, admitted=False)
        track_create(served, obj, attributes, life.timestamp())
    owners = metadata.get(FIELD)
    await life.admission.mutate(attributes, obj, None)
    check_admitted(obj, owners, attributes)
    single_owners(obj, attributes, admitted=True)
    prefix = "" if metadata.get("name") else metadata.get("generateName", "")
    if not prefix:
        return await _make(life, served, obj, attributes)
    metadata["name"] = _free_name(life, served, metadata.get("namespace", ""), prefix)
    key = served.cache.prefix + served.key(metadata.get("namespace", ""), metadata["name"])
    life.generated.add(key)
    try:
        return await _make(life, served, obj, attributes)
    finally:
        life.generated.discard(key)


async def _make(life: Life, served: Served, obj: Object, attributes: Attributes) -> Outcome:
    """An object that is admitted and named. Raises StatusError."""
    metadata = obj["metadata"]
    metadata["uid"] = life.ids.uid()
    metadata["creationTimestamp"] = life.timestamp()
    effect = life.effect(served)
    taken = None if effect is None else await effect.begin(obj, None, dry_run=attributes.dry_run)
    storing = False
    try:
        await _settle(life, served, obj, attributes)
        storing = True
        outcome = await _store(life, served, obj, attributes)
    except BaseException as error:
        await abandon(attributes, taken, stands=storing and isinstance(error, CancelledError))
        if not isinstance(error, Changed):
            raise
        if metadata.get("generateName"):
            raise _not_unique(served, metadata["name"]) from None
        raise status.already_exists(served.resource, metadata["name"], going=_is_going(served, metadata)) from None
    attributes.keep_holds()
    if taken is not None:
        await taken.keep()
    return outcome


async def abandon(attributes: Attributes, taken: Taken | None, *, stands: bool) -> None:
    """Give back what a write took that failed; one that was cancelled on its way to the store `stands` all the same."""
    if stands:
        attributes.keep_holds()
    else:
        await attributes.release_holds()
    if taken is not None:
        await (taken.keep() if stands else taken.undo())


def _is_going(served: Served, metadata: Object) -> bool:
    """Whether what has the name already waits for its finalizers or its grace period."""
    version = served.find(metadata.get("namespace", ""), metadata["name"])
    return version is not None and bool(served.parse(version)["metadata"].get("deletionTimestamp"))


async def _settle(life: Life, served: Served, obj: Object, attributes: Attributes) -> None:
    """Run the kind's rules and the plugins that only judge. Raises StatusError."""
    user, metadata = attributes.user, obj["metadata"]
    change = Change(life.clock.now(), "", user.name, user.uid, user.groups, dict(user.extra))
    served.resource.prepare_create(obj, change)
    faults = validate_create(served.resource, obj)
    if faults:
        faults = told(faults, served, obj, attributes, lambda whole: validate_create(served.resource, whole))
        raise status.invalid(served.resource, metadata.get("name", ""), faults, obj.get("kind", ""))
    attributes.name = metadata["name"]
    attributes.warnings.extend(served.resource.warnings(obj, None))
    await life.admission.validate(attributes, obj, None)


def _free_name(life: Life, served: Served, namespace: str, prefix: str) -> str:
    """A generated name that nothing has or is about to get. Raises AlreadyExists when several in turn are taken."""
    for _ in range(NAME_ATTEMPTS):
        name = prefix[:NAME_PREFIX_LIMIT] + life.ids.suffix()
        key = served.key(namespace, name)
        if key not in served.cache.objects and served.cache.prefix + key not in life.generated:
            return name
    raise _not_unique(served, name)


def _not_unique(served: Served, name: str) -> AlreadyExists:
    return AlreadyExists(
        f'{served.resource.group_resource} "{name}" already exists, the server was not able to generate a unique name '
        "for the object",
        details={"name": name, "kind": served.resource.plural, "retryAfterSeconds": 1},
    )


def place(served: Served, metadata: Object, namespace: str) -> None:
    """The namespace of the path is the object's. Raises BadRequest."""
    if not served.resource.namespaced:
        metadata.pop("namespace", None)
        return
    given = metadata.get("namespace") or ""
    if given and given != namespace:
        raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
    metadata["namespace"] = namespace


async def _store(life: Life, served: Served, obj: Object, attributes: Attributes) -> Outcome:
    """Only here a resourceVersion is in the way: a dry run shows the client's, and what is no number is dropped."""
    metadata = obj["metadata"]
    if not attributes.dry_run:
        given = metadata.pop("resourceVersion", "")
        if given.isdecimal() and int(given):
            raise Unclassified("resourceVersion should not be set on objects to be created")
    if served.find(metadata.get("namespace", ""), metadata["name"]) is not None:
        raise Changed
    if attributes.dry_run:
        return Outcome(served.read_back(obj), created=True)
    return Outcome(obj, await life.committer.put(served, obj, expected=0), created=True)
