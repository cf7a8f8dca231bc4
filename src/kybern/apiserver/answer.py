"""Objects and lists become answers, in the shape and encoding that the client takes."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from kybern.api import protobuf
from kybern.api.resource import Object, Resource
from kybern.api.table import partial_metadata, table, table_of_one
from kybern.apiserver import binary, negotiate, yaml
from kybern.apiserver.binary import LIST, SLICE
from kybern.apiserver.cache.version import Version
from kybern.apiserver.call import Call
from kybern.apiserver.negotiate import PROTOBUF, YAML, Shape
from kybern.apiserver.served import Served
from kybern.apiserver.status import PageNotFound, failure, status_of
from kybern.base.errors import NotAcceptable, StatusError
from kybern.transport.exchange import Request, Response


def document(call: Call, body: Any, code: int = 200) -> Response:
    """Any JSON value, as JSON or YAML, or protobuf where it is of a kind that has it."""
    shape = negotiate.shape_of(call.request.headers.get("accept", ""))
    return encoded(call, body, shape.media, code)


def encoded(call: Call, body: Any, media: str, code: int = 200) -> Response:
    if media == PROTOBUF and protobuf.is_known(body.get("apiVersion", ""), body.get("kind", "")):
        return Response(code, protobuf.encode(body), content_type=media)
    if media == YAML:
        return Response(code, yaml.dump(body), content_type=media)
    if negotiate.wants_pretty(call.request):
        return Response(code, orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n")
    return Response(code, orjson.dumps(body))


def failed(request: Request, error: StatusError) -> Response:
    """A Status, encoded as the client takes answers; whoever takes nothing that can be had is told in indented JSON."""
    response = failure(error)
    if isinstance(error, PageNotFound):
        return response
    media = negotiate.error_media(request.headers.get("accept", ""))
    if media is None:
        response.body = orjson.dumps(status_of(error), option=orjson.OPT_INDENT_2)  # As it is where nobody encodes.
    elif media == PROTOBUF:
        response.body, response.content_type = protobuf.encode(status_of(error)), media
    elif media == YAML:
        response.body, response.content_type = yaml.dump(status_of(error)), media
    elif negotiate.wants_pretty(request):
        response.body = orjson.dumps(status_of(error), option=orjson.OPT_INDENT_2) + b"\n"
    return response


def stored(call: Call, served: Served, version: Version, now: float, code: int = 200) -> Response:
    """One stored object: the usual shape needs no parsing and no copy."""
    shape = _shape(call, served)
    if shape is negotiate.PLAIN and not negotiate.wants_pretty(call.request):
        return Response(code, served.pieces(version))
    if shape.media == PROTOBUF and shape.kind != LIST:
        return Response(code, binary.one(served, shape, version), PROTOBUF)
    return shaped(call, served, served.parse(version), now, code)


def shaped(call: Call, served: Served, obj: Object, now: float, code: int = 200) -> Response:
    """One object that is at hand parsed."""
    shape = _shape(call, served)
    return encoded(call, in_shape(call, served, shape, obj, now), shape.media, code)


def _shape(call: Call, served: Served, *, streams: bool = False) -> Shape:
    accept = call.request.headers.get("accept", "")
    if accept in negotiate.PLAINLY_ASKED:
        return negotiate.PLAIN
    return negotiate.shape_of(accept, custom=served.resource.is_custom, streams=streams)


def in_shape(call: Call, served: Served, shape: Shape, obj: Object, now: float) -> Object:
    match shape.kind:
        case "Table":
            return make_table(served, [obj], now, call.request.parameter("includeObject"), shape.version)
        case "PartialObjectMetadata":
            return partial_metadata(served.resource, obj, shape.version)
        case "PartialObjectMetadataList":
            raise NotAcceptable(
                f"you requested PartialObjectMetadataList, but the requested object is not a list ({_go_type(served)})"
            )
    return obj


def described(call: Call, resource: Resource, obj: Object, now: float) -> Response:
    """An object of a kind that no path serves by itself (a Scale), in the shape that the client takes."""
    shape = negotiate.shape_of(call.request.headers.get("accept", ""))
    if shape.kind == "Table":
        made = table_of_one(resource, obj, now, call.request.parameter("includeObject"))
        obj = _of_version(made, shape.version)
    elif shape.kind == "PartialObjectMetadata":
        obj = partial_metadata(resource, obj, shape.version)
    return encoded(call, obj, shape.media)


def make_table(
    served: Served,
    objects: Sequence[Object],
    now: float,
    include: str,
    version: str,
    metadata: Object | None = None,
    *,
    headers: bool = True,
) -> Object:
    """meta.k8s.io Table; `metadata` is the list's, without it the single object's resourceVersion is told."""
    if metadata is None:
        made = table_of_one(served.resource, objects[0], now, include, headers=headers)
    else:
        made = table(served.resource, objects, now, include, list_metadata=metadata, headers=headers)
    return _of_version(made, version)


def _of_version(made: Object, version: str) -> Object:
    """A Table, and what its rows show of objects, in a version of meta.k8s.io."""
    if version != "v1":
        made["apiVersion"] = f"meta.k8s.io/{version}"
        for row in made["rows"] or ():
            shown = row["object"]
            if shown is not None and shown["kind"] == "PartialObjectMetadata":
                shown["apiVersion"] = made["apiVersion"]
    return made


def unprepared(call: Call, served: Served, versions: Sequence[Version]) -> list[Version]:
    """Those whose messages a list in protobuf has to wait for, where they are many (see `binary.prepare`)."""
    if PROTOBUF not in call.request.headers.get("accept", "") or len(versions) <= SLICE or served.resource.is_custom:
        return []
    shape = _shape(call, served, streams=True)
    if shape.media != PROTOBUF or shape.kind != "Object" or served.converted:
        return []
    missing = [each for each in versions if not each.message]
    return missing if len(missing) > SLICE else []


def listed(call: Call, served: Served, versions: Sequence[Version], metadata: Object, now: float) -> Response:
    """A list. In the usual shape the objects' bytes are joined; items of built-in kinds carry no kind of their own."""
    shape = _shape(call, served, streams=True)
    pretty = negotiate.wants_pretty(call.request)
    if shape is negotiate.PLAIN and not pretty and served.as_stored:
        return Response(200, _joined(served, versions, _of_list(served, metadata)))
    if shape.media == PROTOBUF and shape.kind != "PartialObjectMetadata":
        return Response(200, binary.many(served, shape, versions, metadata), PROTOBUF)
    parse: Callable[[Version], Object] = served.parse
    body: Object
    match shape.kind:
        case "Table":
            include = call.request.parameter("includeObject")
            body = make_table(served, [parse(each) for each in versions], now, include, shape.version, metadata)
        case "PartialObjectMetadataList":
            items = [partial_metadata(served.resource, parse(each), shape.version) for each in versions]
            body = {
                "kind": shape.kind,
                "apiVersion": f"meta.k8s.io/{shape.version}",
                "metadata": metadata,
                "items": items or None,  # As Go has an empty list.
            }
        case "PartialObjectMetadata":
            raise NotAcceptable(
                f"you requested PartialObjectMetadata, but the requested object is a list ({_go_type(served)}List)"
            )
        case _:
            parsed = map(parse, versions)
            items = list(parsed) if served.items_have_kind else [_item(each) for each in parsed]
            api_version = served.resource.api_version
            shown = _of_list(served, metadata)
            body = {"kind": served.list_kind, "apiVersion": api_version, "metadata": shown, "items": items}
    return encoded(call, body, shape.media)


def _of_list(served: Served, metadata: Object) -> Object:
    """Lists of custom resources, which upstream keeps as maps, say that nothing follows."""
    return {"continue": "", **metadata} if served.resource.is_custom else metadata


def _go_type(served: Served) -> str:
    """Upstream's name of an object's type, which two of its refusals tell."""
    resource = served.resource
    if resource.is_custom:
        return "*unstructured.Unstructured"
    package = "core" if resource.kind == "Event" else resource.group.partition(".")[0] or "core"
    return f"*{package}.{resource.kind}"


def _item(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}


def _joined(served: Served, versions: Sequence[Version], metadata: Object) -> Sequence[bytes]:
    resource = served.resource
    head = b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (
        served.list_kind.encode(),
        resource.api_version.encode(),
        orjson.dumps(metadata),
    )
    if not versions:
        return (head, b"]}")
    begin = served.head if served.items_have_kind else b"{"
    pieces = [b"," + begin] * (2 * len(versions))
    pieces[0] = head + begin
    pieces[1::2] = [version.tail for version in versions]
    pieces.append(b"]}")
    return pieces
