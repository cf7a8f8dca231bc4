"""PATCH: JSON patch, merge patch, strategic merge patch. Applied to the newest version, again when others write.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply
"""

from collections.abc import Callable
from typing import Any

import orjson

from kybern.api.openapi.schemas import definition_name
from kybern.api.patch import json_patch, merge_patch, strategic_merge
from kybern.api.resource import Object, Resource
from kybern.apiserver import decode
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.endpoints.update import written
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served
from kybern.base.errors import BadRequest, UnsupportedMediaType
from kybern.transport.exchange import Response

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)

Apply = Callable[[Object, Any], Object]


async def patch_object(at: Surroundings, call: Call, served: Served) -> Response:
    """200 and the patched object."""
    decode.check_write_options(call)
    apply, operations = read_patch(call, served)
    validation = decode.field_validation(call)
    attributes = attributes_of(call, served, "UPDATE", call.info.subresource)

    def edit(old: Object) -> Object:
        patched = apply(old, operations)
        obj, messages = served.codec.convert(patched, validation)
        call.warnings.extend(each for each in messages if each not in call.warnings)
        served.codec.default(obj)
        return decode.complete(served.resource, obj)

    return written(at, call, served, await update(at.life, served, edit, attributes))


def read_patch(call: Call, served: Served, resource: Resource | None = None) -> tuple[Apply, Any]:
    """How to patch, and what with; `resource` is of the kind that is patched. Raises UnsupportedMediaType, BadRequest."""
    resource = resource or served.resource
    media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in PATCH_TYPES:
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: " + ", ".join(PATCH_TYPES)
        )
    try:
        operations = orjson.loads(call.request.body)
    except ValueError as error:
        raise BadRequest(f"error decoding patch: {error}") from None
    if media == JSON_PATCH:
        return json_patch, operations
    if media == MERGE_PATCH:
        return merge_patch, operations
    name = definition_name(resource.group, resource.version, resource.kind)
    assert name is not None

    def strategic(old: Object, patch: Any) -> Object:
        return strategic_merge(old, patch, name)

    return strategic, operations
