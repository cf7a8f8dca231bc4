"""Many custom resources that a webhook converts, listed, watched, deleted: chosen by their fields as they are converted.

The cache knows fields of objects as they are stored; a selector's fields are those of the version that was asked for.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from kybern.api import protobuf
from kybern.api.resource import Object
from kybern.api.selectors import FieldSelector, SelectorError, check_fields, parse_fields
from kybern.api.table import partial_metadata
from kybern.apiserver import answer, negotiate
from kybern.apiserver.cache.version import Version
from kybern.apiserver.call import Call
from kybern.apiserver.custom.served import CustomServed
from kybern.apiserver.decode import delete_options
from kybern.apiserver.endpoints.delete import delete_all
from kybern.apiserver.endpoints.list import list_objects
from kybern.apiserver.endpoints.list_options import list_options
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.endpoints.watch import STREAMED, watch_objects
from kybern.apiserver.negotiate import PROTOBUF, Shape
from kybern.apiserver.served import Served
from kybern.apiserver.status import status_of
from kybern.base.errors import BadRequest, StatusError
from kybern.transport.exchange import Answer, Request, Stream

_CHANGES = ("ADDED", "MODIFIED", "DELETED")


def as_stored(served: CustomServed, version: Version) -> Object:
    """The object in the version in which it is stored."""
    kind, api_version = served.resource.kind.encode(), served.cache.api_version_of(version).encode()
    return version.parse(b'{"kind":"%b","apiVersion":"%b",' % (kind, api_version))


def _fields(call: Call, served: CustomServed) -> tuple[FieldSelector, FieldSelector]:
    """(what can be asked of stored objects, what only of converted ones). Raises BadRequest."""
    try:
        asked = parse_fields(call.request.parameter("fieldSelector"))
    except SelectorError as error:
        raise BadRequest(str(error)) from None
    check_fields(asked, served.resource)
    own = tuple(one for one in asked.requirements if one.field in served.resource.selectable_fields)
    return FieldSelector(tuple(one for one in asked.requirements if one not in own)), FieldSelector(own)


def _asking(call: Call, selector: FieldSelector, accept: str | None = None) -> Call:
    """The call with another field selector."""
    request: Request = call.request
    query = {key: value for key, value in request.query.items() if key not in ("fieldSelector", "limit", "continue")}
    if selector.requirements:
        query["fieldSelector"] = [str(selector)]
    headers = request.headers if accept is None else {**request.headers, "accept": accept}
    return replace(call, request=replace(request, query=query, headers=headers))


def _is_selected(served: CustomServed, obj: Object, selector: FieldSelector) -> bool:
    read = served.resource.selectable_fields
    return selector.matches(lambda name: read[name](obj))


def list_converted(at: Surroundings, call: Call, served: CustomServed) -> Answer | Awaitable[Answer]:
    """As every list; selected by fields of the version it comes whole."""
    stored, own = _fields(call, served)
    if not own.requirements:
        return list_objects(at, call, served)
    return _list_selected(at, call, served, stored, own)


async def _list_selected(
    at: Surroundings, call: Call, served: CustomServed, stored: FieldSelector, own: FieldSelector
) -> Answer:
    found = await _selected(call, served, stored, own)
    return answer.listed(call, served, found, {"resourceVersion": str(at.cache.revision)}, at.now())


async def delete_converted(at: Surroundings, call: Call, served: CustomServed) -> Answer:
    """As every deletion of a collection; selected by the fields of the version."""
    stored, own = _fields(call, served)
    return await delete_all(at, call, served, await _selected(call, served, stored, own), delete_options(call))


async def _selected(call: Call, served: CustomServed, stored: FieldSelector, own: FieldSelector) -> Sequence[Version]:
    assert served.converter is not None
    versions = served.cache.select(list_options(_asking(call, stored), served).selection)
    if not own.requirements:
        return versions
    made = await served.converter.convert([as_stored(served, each) for each in versions], served.resource.api_version)
    pairs = zip(versions, made, strict=True)
    return [version for version, obj in pairs if _is_selected(served, served.shape(obj), own)]


async def watch_converted(at: Surroundings, call: Call, served: CustomServed) -> Answer:
    """A watch of stored objects, each converted on its way out."""
    shape = negotiate.watch_shape_of(call.request.headers.get("accept", ""), custom=True)
    stored, own = _fields(call, served)
    made = watch_objects(at, _asking(call, stored, negotiate.JSON), Raw(served))
    stream = await made if inspect.isawaitable(made) else made
    if not isinstance(stream, Stream):
        return stream
    return Stream(_Events(at, call, served, shape, own).follow(stream.pieces), content_type=STREAMED[shape.media])


class Raw(Served):
    """Objects as they are stored, whatever their version."""

    def __init__(self, served: CustomServed) -> None:
        super().__init__(served.resource, served.cache)
        self._served = served

    def parse(self, version: Version) -> Object:
        return as_stored(self._served, version)

    def plain(self, version: Version) -> bytes:
        """The object itself, in the version in which it is stored."""
        return orjson.dumps(as_stored(self._served, version))


class _Events:
    """The events of one watch, converted."""

    def __init__(self, at: Surroundings, call: Call, served: CustomServed, shape: Shape, own: FieldSelector) -> None:
        self._at = at
        self._call = call
        self._served = served
        self._shape = shape
        self._own = own
        self._seen: set[tuple[str, str]] = set()
        """What the client knows of: objects enter and leave by fields that only conversion shows."""
        self._first = True

    async def follow(self, pieces: Any) -> AsyncIterator[bytes]:
        """Lines; a conversion that fails ends them with an error."""
        try:
            async for piece in pieces:
                try:
                    yield await self._lines([orjson.loads(line) for line in piece.splitlines()])
                except StatusError as error:
                    yield self._encoded({"type": "ERROR", "object": status_of(error)})
                    return
        finally:
            await pieces.aclose()

    async def _lines(self, events: list[Object]) -> bytes:
        assert self._served.converter is not None
        objects = [event["object"] for event in events if event["type"] in _CHANGES]
        made = iter(await self._served.converter.convert(objects, self._served.resource.api_version))
        lines = []
        for event in events:
            if event["type"] in _CHANGES:
                obj = self._served.shape(next(made))
                event["type"] = self._type(event["type"], obj)
                event["object"] = self._shown(obj)
            elif event["type"] == "BOOKMARK":
                metadata = event["object"]["metadata"]
                metadata["name"] = ""
                event["object"] = self._shown(event["object"])
                del metadata["name"]  # It was there for the cells of a Table.
            if event["type"]:
                lines.append(self._encoded(event))
        return b"".join(lines)

    def _encoded(self, event: Object) -> bytes:
        if self._shape.media == PROTOBUF:
            return protobuf.event(event["type"].encode(), protobuf.encode(event["object"]))
        return orjson.dumps(event) + b"\n"

    def _type(self, given: str, obj: Object) -> str:
        """The type for this client, "" where it is told nothing."""
        if not self._own.requirements:
            return given
        key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        known = key in self._seen
        if given != "DELETED" and _is_selected(self._served, obj, self._own):
            self._seen.add(key)
            return "MODIFIED" if known else "ADDED"
        self._seen.discard(key)
        return "DELETED" if known else ""

    def _shown(self, obj: Object) -> Object:
        match self._shape.kind:
            case "Object":
                return obj
            case "Table":
                include, first = self._call.request.parameter("includeObject"), self._first
                self._first = False
                return answer.make_table(
                    self._served, [obj], self._at.now(), include, self._shape.version, headers=first
                )
            case _:
                return partial_metadata(self._served.resource, obj, self._shape.version)
