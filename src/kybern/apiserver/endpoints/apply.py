"""PATCH with an applied configuration (server-side apply): what it names its manager owns from then on.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ and, for words and order,
k8s.io/apiserver pkg/endpoints/handlers/patch.go, k8s.io/apimachinery util/managedfields.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from kybern.api.fields import apply, conflicts, last_applied, managers, typed
from kybern.api.fields.apply import Applied, Conflicts
from kybern.api.fields.atom import Unkeyed
from kybern.api.fields.managers import Entry, Writer
from kybern.api.fields.versions import Version
from kybern.api.patch import conversion
from kybern.api.resource import Object, Resource
from kybern.api.schema import Codec, duplicates
from kybern.api.schema.inspection import go_value as go_kind
from kybern.apiserver import decode, status, yaml
from kybern.apiserver.audit.event import tell_patch
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.endpoints.update import may_create, written
from kybern.apiserver.objects.tracking import FIELD
from kybern.apiserver.objects.update import check_name, update
from kybern.apiserver.served import Served
from kybern.base.errors import BadRequest, Conflict, Unclassified
from kybern.transport.exchange import Response

APPLY_PATCH = "application/apply-patch+yaml"
_REPEATED = "error converting YAML to JSON: yaml: unmarshal errors:\n"


class ApplyFailed(Unclassified):
    """A configuration that does not fit its type."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is applied, by whom and how."""

    config: Object
    repeated: list[str] = field(repr=False)
    """Keys that it has twice."""
    manager: str
    force: bool
    validation: str


async def apply_object(at: Surroundings, call: Call, served: Served) -> Response:
    """200 and the object; 201 where it was not there (the main endpoint creates, subresources do not)."""
    given = read_configuration(call)
    sub = call.info.subresource
    version = served.fields_version(sub)
    writer = Writer(given.manager, served.resource.api_version, at.life.timestamp(), sub)
    attributes = attributes_of(call, served, "UPDATE", sub)

    def edit(live: Object) -> Object:
        entries = list(live["metadata"].get(FIELD) or ())
        applied = applied_to(served.resource, version, live, entries, given, writer)
        tell_repeated(call, given)
        attributes.sent = lambda: applied.obj
        obj = live if applied.obj is live else _in_form(served, applied.obj, given.config)
        return with_entries(obj, applied.entries)

    def create() -> Object:
        may_create(at, call)
        applied = applied_to(served.resource, version, dict(version.zero), [], given, writer)
        tell_repeated(call, given)
        metadata = applied.obj.get("metadata") or {}
        if metadata.get("uid"):
            why = f"uid mismatch: the provided object specified uid {metadata['uid']}, and no existing object was found"
            raise status.conflict(served.resource, call.info.name, why)
        attributes.sent = lambda: applied.obj
        obj = _in_form(served, applied.obj, given.config)
        check_name(obj["metadata"], call.info.name)
        obj["metadata"].pop("resourceVersion", None)
        return with_entries(obj, applied.entries)

    outcome = await update(
        at.life,
        served,
        edit,
        attributes,
        create_missing=None if sub else create,
        tracks=False,
    )
    return written(at, call, served, outcome)


def read_configuration(call: Call) -> Configuration:
    """Raises BadRequest for what is no object."""
    tell_patch(call)
    config, repeated = _parse(call.request.body)
    if not isinstance(config, dict):
        words = f"json: cannot unmarshal {go_kind(config)} into Go value of type map[string]interface {{}}"
        raise BadRequest(f"error decoding YAML: error unmarshaling JSON: while decoding JSON: {words}")
    force = call.request.parameter("force").lower() not in ("false", "0") if "force" in call.request.query else False
    manager = call.request.parameter("fieldManager")
    return Configuration(config, repeated, manager, force, decode.field_validation(call))


def _parse(body: bytes) -> tuple[Any, list[str]]:
    """JSON, which most clients send, at its own speed; YAML where that fails."""
    if body[:1] == b"{":
        try:
            config = orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
        else:
            if not duplicates.paths(body, orjson.dumps(config)):
                return config, []
    try:
        config, repeated = yaml.load_strict(body)
    except yaml.NoYaml as error:
        raise BadRequest(f"error decoding YAML: error converting YAML to JSON: {error}") from None
    return ({} if config is None else config), repeated


def tell_repeated(call: Call, given: Configuration) -> None:
    """Keys that the configuration has twice: refused, told, or passed over. Raises BadRequest."""
    if not given.repeated or given.validation == "Ignore":
        return
    if given.validation == "Strict":
        lines = "\n".join(f"  {each}" for each in given.repeated)
        raise BadRequest(f"error strict decoding YAML: {_REPEATED}{lines}")
    call.warnings.extend(each for each in given.repeated if each not in call.warnings)


def applied_to(
    resource: Resource, version: Version, live: Object, entries: list[Entry], given: Configuration, writer: Writer
) -> Applied:
    """The configuration on `live`. Raises BadRequest, Conflict, ApplyFailed."""
    config = given.config
    _check_kind(resource, config)
    metadata = config.get("metadata")
    if isinstance(metadata, dict) and metadata.get(FIELD) is not None:
        raise BadRequest("metadata.managedFields must be nil")
    try:
        applied = _with_upgrade(version, live, entries, given, writer)
    except Conflicts as found:
        raise Conflict(
            conflicts.message(found.conflicts), details={"causes": conflicts.causes(found.conflicts)}
        ) from None
    except typed.Misconverted as fault:
        raise ApplyFailed(f"failed to convert new object: {fault}") from None
    except typed.Mistyped as fault:
        raise ApplyFailed(f"failed to create typed patch object ({_names(config)}): {fault}") from None
    except Unkeyed as fault:
        if not entries and (live.get("metadata") or {}).get("uid"):
            _refuse_live(version, live)
        raise ApplyFailed(f"failed to merge config: {fault}") from None
    if given.manager == last_applied.MANAGER:
        return applied._replace(obj=last_applied.refreshed(applied.obj, config))
    return applied


def _refuse_live(version: Version, live: Object) -> None:
    """An object that nobody is tracked for, as its lists cannot be, is not applied to. Raises ApplyFailed."""
    try:
        typed.check(version.atom, live)
    except typed.Mistyped as fault:
        words = f"failed to create manager for existing fields: failed to convert new object ({_names(live)})"
        raise ApplyFailed(f"{words} to smd typed: {fault}") from None


def _with_upgrade(
    version: Version, live: Object, entries: list[Entry], given: Configuration, writer: Writer
) -> Applied:
    """kubectl takes over, without being asked to force it, what its own annotation says it applied. Raises Conflicts."""
    try:
        return apply.apply(version, live, given.config, entries, writer, force=given.force)
    except Conflicts as found:
        allowed = last_applied.allowed(version, live) if given.manager == last_applied.MANAGER else None
        if allowed is None:
            raise
        beyond = found.beyond(allowed)
        if beyond:
            raise Conflicts(beyond) from None
        return apply.apply(version, live, given.config, entries, writer, force=True)


def _check_kind(resource: Resource, config: Object) -> None:
    api_version, kind = config.get("apiVersion") or "", config.get("kind") or ""
    if api_version != resource.api_version or kind != resource.kind:
        group, slash, version = str(api_version).partition("/")
        shown = f"{group}/{version}" if slash else f"/{group}"
        raise BadRequest(f"invalid object type: {shown}, Kind={kind}")


def _names(config: Object) -> str:
    """`default/web; apps/v1, Kind=Deployment`."""
    metadata = config.get("metadata")
    if not isinstance(metadata, dict):
        metadata = {}
    api_version = config.get("apiVersion", "")
    shown = api_version if "/" in api_version else f"/{api_version}"
    return f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}; {shown}, Kind={config.get('kind', '')}"


def _in_form(served: Served, merged: Object, config: Object) -> Object:
    """The merged object, checked and defaulted. Raises ApplyFailed."""
    return decode.complete(served.resource, in_form(served.codec, merged, config))


def in_form(codec: Codec, merged: Object, config: Object) -> Object:
    """Raises ApplyFailed for values that their types cannot hold."""
    try:
        return codec.complete_applied(dict(merged))
    except BadRequest as error:
        fault = getattr(error, "fault", error.message)
        if codec.name:
            kind = f"{'' if '/' in codec.api_version else '/'}{codec.api_version}, Kind={codec.kind}"
            why = conversion.fault(codec.name, merged)
            narrowed = merged if why else conversion.narrowed(codec.name, merged)
            if narrowed is not merged:
                return in_form(codec, narrowed, config)
            why = why or fault
            fault = f"unable to convert unstructured object to {kind}: {why}"
        raise ApplyFailed(f"failed to convert new object ({_names(config)}) to proper version: {fault}") from None


def with_entries(obj: Object, entries: list[Entry]) -> Object:
    """The object with these managedFields; its metadata is the caller's own."""
    metadata = dict(obj["metadata"])
    if entries:
        metadata[FIELD] = managers.ordered(entries)
    else:
        metadata.pop(FIELD, None)
    return {**obj, "metadata": metadata}
