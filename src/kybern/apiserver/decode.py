"""Bodies and query options become checked values, or BadRequest, UnsupportedMediaType, Invalid in upstream's words."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from kybern.api import protobuf
from kybern.api.resource import FieldError, Object, Resource
from kybern.api.schema import Codec, codec, syntax
from kybern.api.schema.codec import TYPE_META, CannotHandle
from kybern.api.schema.inspection import go_value
from kybern.api.schema.syntax import summary
from kybern.api.validation.field import forbidden, not_supported, required, too_long
from kybern.api.validation.field import invalid as bad_value
from kybern.apiserver import yaml
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.revisions import integer
from kybern.apiserver.negotiate import PROTOBUF, YAML, body_media, unsupported
from kybern.apiserver.objects.delete import DeleteOptions
from kybern.apiserver.objects.tracking import FIELD, MANAGER_LIMIT
from kybern.apiserver.objects.update import Preconditions
from kybern.apiserver.request_info import truthy
from kybern.apiserver.served import Served
from kybern.apiserver.status import invalid
from kybern.base.errors import BadRequest

REPEATED = "yaml: unmarshal errors:\n"
"""How go-yaml begins its list of keys that a mapping has twice."""
FIELD_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
PROPAGATION_POLICIES = ("Foreground", "Background", "Orphan")


def body_object(call: Call, served: Served, codec: Codec | None = None, resource: Resource | None = None) -> Object:
    """The object in the body: checked, pruned, defaulted. What was pruned becomes warnings."""
    codec = codec or served.codec
    resource = resource or served.resource
    validation = field_validation(call)
    body = call.request.body
    media = body_media(call.request)
    if media == YAML:
        obj, messages = _from_yaml(resource, codec, body, validation)
    elif media == PROTOBUF:
        obj, messages = codec.complete(_from_protobuf(resource, body), validation)
    else:
        obj, messages = codec.admit(body, validation)
    call.warnings.extend(messages)
    complete(resource, obj)
    if (
        codec.keeps_empty_lists
        and FIELD.encode() in body
        and FIELD not in obj["metadata"]
        and _resets_owners(media, body)
    ):
        obj["metadata"][FIELD] = []
    call.tell_object(obj)
    return obj


def tell_empties(call: Call, attributes: Attributes) -> None:
    """Where the body may hold empty lists or maps, let the write look at it once more."""
    body = call.request.body
    attributes.sent_lists = b"[]" in body or b"resourceFieldRef" in body
    if attributes.sent_lists or b"{}" in body:
        attributes.sent = lambda: _given(body_media(call.request), body)


def _given(media: str, body: bytes) -> Any:
    """A body as it was written, which once was found to be no nonsense; protobuf has no empty lists."""
    if media == PROTOBUF:
        return None
    return yaml.load(body) if media == YAML else orjson.loads(body)


def _resets_owners(media: str, body: bytes) -> bool:
    """Whether the body says `managedFields: []`, which decoding takes for nothing."""
    return ((_given(media, body) or {}).get("metadata") or {}).get(FIELD) == []


def complete(resource: Resource, obj: Object) -> Object:
    """Defaults that need code."""
    if obj.get("metadata") is None:
        obj["metadata"] = {}
    if resource.default is not None:
        resource.default(obj)
    return obj


def _from_yaml(resource: Resource, codec: Codec, body: bytes, validation: str) -> tuple[Object, list[str]]:
    """A YAML body; keys that it has twice count as duplicate fields of JSON do. Raises BadRequest."""
    given, repeated = _mapping(resource, body)
    obj, messages = codec.convert(given, "Warn" if repeated and validation == "Strict" else validation)
    if repeated and validation == "Strict":
        raise codec.refusal([REPEATED + "\n".join(f"  {each}" for each in repeated), *messages])
    codec.default(obj)
    return obj, messages if validation == "Ignore" else repeated + messages


def _mapping(resource: Resource, body: bytes) -> tuple[Object, list[str]]:
    """A YAML body, and the keys that it has twice. Raises BadRequest."""
    try:
        loaded, repeated = yaml.load_strict(body)
    except yaml.NoYaml as error:
        raise unrecognized(resource, str(error), body) from None
    if not isinstance(loaded, dict):
        if loaded is None:
            return {}, []
        raise unrecognized(resource, not_an_object(loaded), body)
    return loaded, repeated


def not_an_object(value: Any) -> str:
    """What upstream says of a document that is no object."""
    kind = go_value(value)
    return (
        f"couldn't get version/kind; json parse error: json: cannot unmarshal {kind} into Go value of type {TYPE_META}"
    )


def _from_protobuf(resource: Resource, body: bytes) -> Object:
    """A protobuf body. Raises BadRequest, and UnsupportedMediaType for kinds that have no protobuf."""
    if not protobuf.is_known(resource.api_version, resource.kind):
        raise unsupported()
    _, _, obj = protobuf.decode(body, resource.api_version, resource.kind)
    return obj


def unrecognized(resource: Resource, words: str, body: bytes) -> BadRequest:
    return BadRequest(
        f"the object provided is unrecognized (must be of type {resource.kind}): {words} ({summary(body)})"
    )


def field_validation(call: Call) -> str:
    """Ignore, Warn or Strict."""
    given = call.request.parameter("fieldValidation") or "Warn"
    if given not in FIELD_VALIDATIONS:
        raise _bad_options(call, [not_supported("fieldValidation", given, FIELD_VALIDATIONS)])
    return given


def check_write_options(call: Call, *, applies: bool = False) -> None:
    """dryRun, fieldManager, fieldValidation, force. Raises Invalid, UnsupportedMediaType."""
    query = call.request.query
    if call.info.verb == "create":
        body_media(call.request)  # Creations are refused for their body's encoding first.
    if not query:
        if applies:
            raise _bad_options(call, [required("fieldManager", "is required for apply patch")])
        return
    manager = call.request.parameter("fieldManager")
    faults: list[FieldError] = []
    if applies and not manager:
        faults.append(required("fieldManager", "is required for apply patch"))
    if call.info.verb == "patch" and not applies and "force" in query:
        faults.append(forbidden("force", "may not be specified for non-apply patch"))
    faults += _manager_faults(manager)
    if any(value != "All" for value in query.get("dryRun", ())):
        faults.append(not_supported("dryRun", list(query["dryRun"]), ("All",)))
    validation = call.request.parameter("fieldValidation")
    if validation and validation not in FIELD_VALIDATIONS:
        faults.append(not_supported("fieldValidation", validation, FIELD_VALIDATIONS))
    if faults:
        raise _bad_options(call, faults)


def _manager_faults(manager: str) -> Iterator[FieldError]:
    if len(manager.encode()) > MANAGER_LIMIT:
        yield too_long("fieldManager", MANAGER_LIMIT)
    for index, character in enumerate(manager):
        if not character.isprintable():
            position = len(manager[:index].encode())
            yield bad_value(
                "fieldManager", manager, f"invalid character U+{ord(character):04X} (at position {position})"
            )


_OPTIONS = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}


def _bad_options(call: Call, faults: list[FieldError], kind: str = "") -> Exception:
    kind = kind or _OPTIONS.get(call.info.verb, "DeleteOptions")
    options = Resource("meta.k8s.io", "v1", kind, "", False)
    return invalid(options, "", faults)


def delete_options(call: Call) -> DeleteOptions:
    """From the body, where there is one, else from the query."""
    raw = _delete_body(call) if call.request.body else _delete_query(call)
    if call.request.body:
        call.tell_object({**raw, "kind": "DeleteOptions", "apiVersion": "meta.k8s.io/__internal"})
    check_delete_options(call, raw)
    policy, orphans = raw.get("propagationPolicy"), raw.get("orphanDependents")
    if orphans is not None:
        policy = "Orphan" if orphans else "Background"
    wanted = raw.get("preconditions") or {}
    preconditions = Preconditions(wanted.get("uid"), wanted.get("resourceVersion"))
    seconds = raw.get("gracePeriodSeconds")
    return DeleteOptions(seconds, policy or "", preconditions, raw)


def check_delete_options(call: Call, raw: Mapping[str, Any]) -> None:
    """Raises Invalid."""
    policy, orphans = raw.get("propagationPolicy"), raw.get("orphanDependents")
    faults = []
    if policy is not None and orphans is not None:
        detail = "orphanDependents and deletionPropagation cannot be both set"
        faults.append(bad_value("propagationPolicy", policy, detail))
    if policy is not None and policy not in PROPAGATION_POLICIES:
        faults.append(not_supported("propagationPolicy", policy, (*PROPAGATION_POLICIES, "nil")))
    if any(each != "All" for each in raw.get("dryRun") or ()):
        faults.append(not_supported("dryRun", raw["dryRun"], ("All",)))
    if faults:
        raise _bad_options(call, faults, "DeleteOptions")


def _delete_body(call: Call) -> dict[str, Any]:
    options = Resource("", "v1", "DeleteOptions", "", False)
    media = body_media(call.request)
    if media == YAML:
        raw = _from_plain_yaml(call.request.body)
    elif media == PROTOBUF:
        raw = _from_protobuf(options, call.request.body)
    else:
        try:
            raw = orjson.loads(call.request.body)
        except ValueError:
            fault = syntax.fault(call.request.body)
            raise BadRequest(f"couldn't get version/kind; json parse error: {fault}") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise BadRequest(not_an_object(raw))
    if str(raw.get("apiVersion") or "").count("/") > 1:
        raise BadRequest(f"unexpected GroupVersion string: {raw['apiVersion']}")
    if raw.get("kind") not in (None, "", "DeleteOptions"):
        raise BadRequest(_not_options(str(raw["kind"]), raw.get("apiVersion") or "meta.k8s.io/v1"))
    raw["apiVersion"] = "v1"  # Every group has them, and Go's typed clients write their own.
    try:
        converted, _ = codec("v1", "DeleteOptions").convert(raw, "Ignore")
    except CannotHandle as error:
        raise BadRequest(error.fault) from None
    return converted


_UNVERSIONED = frozenset(("Status", "APIVersions", "APIGroup", "APIGroupList", "APIResourceList"))
"""What the scheme of options knows besides them, as v1."""


def _not_options(kind: str, version: str) -> str:
    if version == "v1" and kind in _UNVERSIONED:
        return f"converting (v1.{kind}) to (v1.DeleteOptions): unknown conversion"
    return (
        f'no kind "{kind}" is registered for version "{version}" in scheme '
        '"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"'
    )


def _from_plain_yaml(body: bytes) -> Any:
    """Options are told of without what was sent. Raises BadRequest."""
    try:
        return yaml.load(body)
    except yaml.NoYaml as error:
        raise BadRequest(str(error)) from None


def _delete_query(call: Call) -> dict[str, Any]:
    query: Mapping[str, Any] = call.request.query
    raw: dict[str, Any] = {name: query[name][0] for name in ("propagationPolicy",) if name in query}
    if "dryRun" in query:
        raw["dryRun"] = list(query["dryRun"])
    if "orphanDependents" in query:
        raw["orphanDependents"] = truthy(query["orphanDependents"][0])
    if "gracePeriodSeconds" in query:
        raw["gracePeriodSeconds"] = integer(query["gracePeriodSeconds"][0])
    return raw
