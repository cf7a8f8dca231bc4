"""A changed object: compared with what is stored, admitted, validated, committed if it differs.

Order and words are upstream's (k8s.io/apiserver pkg/registry/rest/update.go, generic/registry/store.go).
"""

from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import orjson

from kybern.api.resource import Change, Object
from kybern.api.validation import validate_subresource_update, validate_update
from kybern.api.validation.field import invalid, quote
from kybern.apiserver import status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.cache.version import Version
from kybern.apiserver.commit import Changed
from kybern.apiserver.etcd_layout import place_of
from kybern.apiserver.objects.create import abandon, create, place
from kybern.apiserver.objects.life import Life, Outcome, remove
from kybern.apiserver.objects.owners import single_owners
from kybern.apiserver.objects.sent import has_empties, told
from kybern.apiserver.objects.tracking import FIELD, check_admitted, keep_times, track_update
from kybern.apiserver.served import Served
from kybern.base.errors import AlreadyExists, BadRequest, Unclassified

ATTEMPTS = 1000
"""Tries of a write while others write in between: only other processes can make it more than a few."""

_REVISION_LIMIT = 2**64

Edit = Callable[[Object], Object]
"""The stored object (a copy, the edit's own) -> what it should be. Runs again when someone else wrote meanwhile."""


@dataclass(frozen=True, slots=True)
class Preconditions:
    """Of the request; None means any. What is empty fits nothing."""

    uid: str | None = None
    resource_version: str | None = None

    def check(self, served: Served, name: str, version: Version, old: Object, *, dry_run: bool = False) -> None:
        """Raises Conflict, in the words of upstream's store, which for a dry run leaves its prefix out of the key."""
        uid, revision = old["metadata"].get("uid", ""), str(version.revision)
        if self.uid is not None and self.uid != uid:
            why = f"UID in precondition: {self.uid}, UID in object meta: {uid}"
        elif self.resource_version is not None and self.resource_version != revision:
            why = (
                f"ResourceVersion in precondition: {self.resource_version}, ResourceVersion in object meta: {revision}"
            )
        else:
            return
        place = f"{'' if dry_run else '/registry'}/{place_of(served.resource)}"
        key = f"{place}/{served.key(old['metadata'].get('namespace', ''), name)}"
        fault = (
            f"invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: {why}"
        )
        raise status.conflict(served.resource, name, f"StorageError: {fault}")


ANY = Preconditions()


async def update(
    life: Life,
    served: Served,
    edit: Edit,
    attributes: Attributes,
    *,
    preconditions: Preconditions = ANY,
    create_missing: Callable[[], Object] | None = None,
    rules: str | None = None,
    tracks: bool = True,
) -> Outcome:
    """Change the object named by `attributes`. Raises StatusError.

    `rules` names the subresource whose rules hold, where that is not the one of `attributes` ("": the object's own).
    Without `tracks` the edit itself settles who owns which fields.
    """
    rules = attributes.subresource if rules is None else rules
    async with life.turns.of(served.cache.prefix + served.key(attributes.namespace, attributes.name)) as turn:
        for _ in range(ATTEMPTS):
            try:
                if served.find(attributes.namespace, attributes.name) is None:
                    return await _create(life, served, create_missing, attributes, tracks=tracks)
                return await _attempt(life, served, edit, attributes, preconditions, rules, tracks=tracks)
            except Changed:
                await turn.contend()
    raise status.conflict(served.resource, attributes.name)


async def _create(
    life: Life, served: Served, make: Callable[[], Object] | None, attributes: Attributes, *, tracks: bool
) -> Outcome:
    """One try to create what is missing. Raises Changed where someone else was quicker, StatusError."""
    if make is None:
        raise status.not_found(served.resource, attributes.name)
    attributes.operation = "CREATE"
    try:
        return await create(life, served, make(), attributes, tracks=tracks)
    except AlreadyExists:
        if served.find(attributes.namespace, attributes.name) is None:
            raise
        attributes.operation = "UPDATE"
        raise Changed from None


async def _attempt(
    life: Life,
    served: Served,
    edit: Edit,
    attributes: Attributes,
    preconditions: Preconditions,
    rules: str,
    *,
    tracks: bool,
) -> Outcome:
    """One try, on what is stored now. Raises Changed, StatusError."""
    version = served.find(attributes.namespace, attributes.name)
    assert version is not None
    old = served.parse(version)
    preconditions.check(served, attributes.name, version, old, dry_run=attributes.dry_run)
    new = edit(served.parse(version))
    _revise(served, new, version, attributes)
    _keep(new, old)
    if tracks:
        track_update(served, new, old, attributes, life.timestamp())
    await _mutate(life, new, old, attributes)
    effect = None if rules else life.effect(served)
    taken = None if effect is None else await effect.begin(new, old, dry_run=attributes.dry_run)
    storing = False
    try:
        await _settle(life, served, new, old, attributes, rules)
        storing = True
        outcome = await _store(life, served, new, old, version, attributes)
    except BaseException as error:
        await abandon(attributes, taken, stands=storing and isinstance(error, CancelledError))
        raise
    attributes.keep_holds()
    if taken is not None:
        await (taken.undo() if outcome.deleted else taken.keep())
    return outcome


async def _mutate(life: Life, new: Object, old: Object, attributes: Attributes) -> None:
    """Run the plugins that may change the object. Raises StatusError."""
    owners = new["metadata"].get(FIELD)
    await life.admission.mutate(attributes, new, old)
    check_admitted(new, owners, attributes)
    single_owners(new, attributes, admitted=True)


def _revise(served: Served, new: Object, version: Version, attributes: Attributes) -> None:
    """Compare names and the resourceVersion, which must be that of `version` where it is given. Raises StatusError."""
    metadata = new["metadata"]
    place(served, metadata, attributes.namespace)
    name = check_name(metadata, attributes.name)
    given = metadata.get("resourceVersion") or ""
    current = str(version.revision)
    if given == current:
        return
    revision = _revision(given)
    if revision and revision != version.revision:
        raise status.conflict(served.resource, name)
    if not revision and not served.resource.unconditional_update:
        fault = invalid("metadata.resourceVersion", 0, "must be specified for an update")
        # Upstream has only the resource's name here, and puts it where the kind's should stand.
        raise status.invalid(replace(served.resource, kind=served.resource.plural), name, [fault])
    metadata["resourceVersion"] = current


def _revision(given: str) -> int:
    """0 where none is asked for. Raises Unclassified for what is no revision: upstream passes on Go's error."""
    if not given:
        return 0
    if not (given.isascii() and given.isdecimal()):
        raise Unclassified(f"strconv.ParseUint: parsing {quote(given)}: invalid syntax")
    if int(given) >= _REVISION_LIMIT:
        raise Unclassified(f"strconv.ParseUint: parsing {quote(given)}: value out of range")
    return int(given)


def check_name(metadata: Object, name: str) -> str:
    """The object's name, which must be the URL's. Raises BadRequest."""
    given: str = metadata.get("name") or ""
    if not given:
        raise BadRequest(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if given != name:
        raise BadRequest(f"the name of the object ({given}) does not match the name on the URL ({name})")
    return given


def _keep(new: Object, old: Object) -> None:
    """Put back what no client changes; what it adds or makes another stays, for validation to refuse."""
    metadata, kept = new["metadata"], old["metadata"]
    if not metadata.get("uid"):
        metadata["uid"] = kept["uid"]
    for key in ("creationTimestamp", "deletionTimestamp"):
        if key in kept:
            metadata[key] = kept[key]
    if metadata.get("deletionGracePeriodSeconds") is None and "deletionGracePeriodSeconds" in kept:
        metadata["deletionGracePeriodSeconds"] = kept["deletionGracePeriodSeconds"]
    metadata.pop("selfLink", None)


async def _settle(life: Life, served: Served, new: Object, old: Object, attributes: Attributes, sub: str) -> None:
    """Run the kind's rules and the plugins that only judge. Raises StatusError."""
    resource = served.resource
    hooks = served.subresources[sub] if sub else resource
    change = Change(
        life.clock.now(), sub, attributes.user.name, has_empties=lambda: has_empties(served, new, attributes)
    )
    hooks.prepare_update(new, old, change)
    if resource.is_custom or not _same(served, new, old):  # A custom one may be invalid by now.
        judge = partial(validate_subresource_update, resource, sub) if sub else partial(validate_update, resource)
        faults = judge(new, old)
        attributes.warnings.extend(resource.tolerated())
        if faults:
            faults = told(faults, served, new, attributes, lambda whole: judge(whole, old))
            raise status.invalid(resource, attributes.name, faults)
    if not sub:
        attributes.warnings.extend(each for each in resource.warnings(new, old) if each not in attributes.warnings)
    keep_times(new, old)
    await life.admission.validate(attributes, new, old)


async def _store(
    life: Life, served: Served, new: Object, old: Object, version: Version, attributes: Attributes
) -> Outcome:
    if _same(served, new, old) and not life.committer.is_stale(served, version):
        return Outcome(old, version)
    if _is_finished(served, new, old):
        if not attributes.dry_run:
            await remove(life, served, version, old)
        return Outcome(new, deleted=True)
    if attributes.dry_run:
        return Outcome(served.read_back(new))
    return Outcome(new, await life.committer.put(served, new, expected=version.revision))


def _same(served: Served, new: Object, old: Object) -> bool:
    """Whether nothing changed. In what no schema types, true is not 1, though Python has them equal."""
    if new != old:
        return False
    sort = orjson.OPT_SORT_KEYS
    return not served.fields_version("").may_change or orjson.dumps(new, option=sort) == orjson.dumps(old, option=sort)


def _is_finished(served: Served, new: Object, old: Object) -> bool:
    """Whether the update took away the last thing that held back a deletion."""
    if new["metadata"].get("finalizers") or not old["metadata"].get("deletionTimestamp"):
        return False
    if served.resource.kind == "Namespace" and (new.get("spec") or {}).get("finalizers"):
        return False
    return not old["metadata"].get("deletionGracePeriodSeconds")
