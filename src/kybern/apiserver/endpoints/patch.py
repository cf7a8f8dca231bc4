"""PATCH: JSON patch, merge patch, strategic merge patch, apply. Made anew on the newest version when others write.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from kybern.api.openapi.schemas import definition_name
from kybern.api.patch import conversion, reading
from kybern.api.patch.reading import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, Patch
from kybern.api.resource import Object, Resource
from kybern.api.schema import Codec
from kybern.api.schema.codec import TYPE_META, CannotHandle
from kybern.api.schema.inspection import go_value as go_kind
from kybern.api.structural.codec import CustomCodec
from kybern.api.validation.field import invalid
from kybern.apiserver import decode, negotiate, status
from kybern.apiserver.audit.event import tell_patch
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.apply import APPLY_PATCH, apply_object
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.endpoints.update import written
from kybern.apiserver.objects.tracking import FIELD
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served
from kybern.base.errors import BadRequest, NoRoute
from kybern.transport.exchange import Response

_NO_KIND = Resource("", "", "", "", False)
_EMPTYING = (b"[]", b'"remove"', b'"move"', b'"$')
"""What stands in each patch that may leave an empty list."""


async def patch_object(at: Surroundings, call: Call, served: Served) -> Response:
    """200 and the patched object; 201 where an apply created it."""
    media = patch_media(call, served.resource)
    decode.check_write_options(call, applies=media == APPLY_PATCH)
    if media == APPLY_PATCH:
        return await apply_object(at, call, served)
    if served.find(call.info.namespace, call.info.name) is None:
        raise status.not_found(served.resource, call.info.name)  # Nobody reads a patch of nothing.
    patch = read_patch(call, media, served.resource)
    attributes = attributes_of(call, served, "UPDATE", call.info.subresource)
    attributes.sent_lists = any(mark in call.request.body for mark in _EMPTYING)

    def edit(old: Object) -> Object:
        changed = patch.apply(old)
        attributes.sent = lambda: changed
        return decode.complete(served.resource, in_form(call, served.codec, patch, changed, old))

    return written(at, call, served, await update(at.life, served, edit, attributes))


def patch_media(call: Call, resource: Resource) -> str:
    """The kind of patch; custom resources know no strategic merge. Raises UnsupportedMediaType.

    Built-in kinds have a route for each kind of patch; what none takes is refused before the handler sees it.
    """
    media = call.request.headers.get("content-type", "").partition(";")[0]
    supported = [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH]
    if not _definition(resource):
        supported.remove(STRATEGIC_PATCH)
    elif media.strip() not in supported:
        raise NoRoute("415: Unsupported Media Type")
    if media not in supported:
        raise negotiate.unsupported(", ".join(supported))
    return media


def read_patch(call: Call, media: str, resource: Resource) -> Patch:
    """What to change; `resource` is of the kind that is patched. Raises BadRequest."""
    strict = decode.field_validation(call) != "Ignore"
    tell_patch(call)
    return reading.read(media, call.request.body, _definition(resource), strict=strict)


def _definition(resource: Resource) -> str:
    return definition_name(resource.group, resource.version, resource.kind) or ""


def patched(call: Call, codec: Codec, patch: Patch, old: Object) -> Object:
    """`old` with the patch, checked and defaulted. Raises BadRequest, Invalid, what the patch raises."""
    return in_form(call, codec, patch, patch.apply(old), old)


def in_form(call: Call, codec: Codec, patch: Patch, changed: Any, old: Object) -> Object:
    """What the patch made of `old`, checked and defaulted. Raises BadRequest, Invalid."""
    validation = decode.field_validation(call)
    shown = patch.shown
    if not isinstance(changed, dict):
        fault = f"json: cannot unmarshal {go_kind(changed)} into Go value of type {TYPE_META}"
        raise _refusal(shown(changed, old), f"couldn't get version/kind; json parse error: {fault}")
    _check_custom_kind(codec, changed, old)
    try:
        obj, messages = codec.complete(dict(changed), "Ignore" if validation == "Ignore" else "Warn")
    except BadRequest as error:
        fault = _fault(error)
        if patch.definition:
            reason = conversion.fault(patch.definition, changed)
            narrowed = changed if reason else conversion.narrowed(patch.definition, changed)
            if narrowed is not changed:
                return in_form(call, codec, patch, narrowed, old)
            fault = reason or fault
        else:
            fault = _first_fault(codec, changed) or fault
        raise _refusal(_shown(shown, changed, old), fault) from None
    if messages and patch.definition:
        messages = conversion.unknown(patch.definition, changed)
    elif len(messages) > 1:
        messages = codec.convert(_in_order(changed), "Warn")[1]
    findings = [*patch.findings, *messages]
    if findings and validation == "Strict":
        raise _refusal(shown(changed, old), "strict decoding error: " + ", ".join(findings))
    call.warnings.extend(each for each in findings if each not in call.warnings)
    if codec.keeps_empty_lists and (changed.get("metadata") or {}).get(FIELD) == []:
        obj["metadata"][FIELD] = []
    return obj


def _fault(error: BadRequest) -> str:
    return error.fault if isinstance(error, CannotHandle) else error.message


def _first_fault(codec: Codec, changed: Object) -> str:
    """The fault that comes first in the document, as it would be written; "" where it cannot be."""
    try:
        codec.convert(_in_order(changed), "Ignore")
    except BadRequest as error:
        return _fault(error)
    except (TypeError, RecursionError):
        return ""
    return ""


def _in_order(changed: Object) -> Object:
    """As JSON that a patch went through has its members: by name. Raises TypeError for what is too deep."""
    ordered: Object = orjson.loads(orjson.dumps(changed, option=orjson.OPT_SORT_KEYS))
    return ordered


def _check_custom_kind(codec: Codec, changed: Object, old: Object) -> None:
    """A custom resource of another kind or version is refused by its rules, under the name that it took."""
    kind, api_version = changed.get("kind"), changed.get("apiVersion")
    if isinstance(codec, CustomCodec) and isinstance(kind, str) and isinstance(api_version, str) and kind:
        wanted = (("kind", kind, codec.kind), ("apiVersion", api_version, codec.api_version))
        faults = [invalid(key, given, f"must be {own}") for key, given, own in wanted if given != own]
        if faults:
            group = api_version.rpartition("/")[0]
            raise status.invalid(replace(_NO_KIND, group=group, kind=kind), old["metadata"]["name"], faults)


def _shown(shown: Callable[[Any, Object], str], changed: Object, old: Object) -> str:
    """What is too deep to be written is not shown."""
    try:
        return shown(changed, old)
    except (TypeError, RecursionError):
        return ""


def _refusal(shown: str, fault: str) -> Exception:
    """422 of no kind, as upstream's."""
    return status.invalid(_NO_KIND, "", [invalid("patch", shown, fault)])
