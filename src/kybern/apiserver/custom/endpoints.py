"""What is special about the endpoints of custom resources: scale, verbs while terminating, and conversion ahead."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from kybern.api.resource import Object
from kybern.apiserver import answer, negotiate, status
from kybern.apiserver.call import Call
from kybern.apiserver.custom.conversion import Unconverted
from kybern.apiserver.custom.definition import TERMINATING
from kybern.apiserver.custom.scale import ScaleEndpoint
from kybern.apiserver.custom.served import CustomServed
from kybern.apiserver.endpoints.create import create_object
from kybern.apiserver.endpoints.patch import patch_object
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.endpoints.update import update_object
from kybern.apiserver.endpoints.watch import watch_objects
from kybern.apiserver.negotiate import Shape
from kybern.apiserver.served import Served, partial
from kybern.transport.exchange import Answer, Request, Stream

Endpoint = Callable[[Surroundings, Call, Any], Answer | Awaitable[Answer]]
ROUNDS_LIMIT = 100
"""Conversions that one request may ask for."""


def special(served: CustomServed) -> Mapping[str, Mapping[str, Endpoint]]:
    """Subresource or "" -> verb -> endpoint, where it is another than the general one."""
    found: dict[str, Mapping[str, Endpoint]] = {}
    if served.version.scale is not None:
        found["scale"] = ScaleEndpoint(served.version.scale).endpoints()
    if served.definition.is_true(TERMINATING):
        # Discovery tells of them no more, but what has finalizers must be let go.
        found[""] = {"create": create_object, "update": update_object, "patch": patch_object}
    if served.converter is not None:
        found[""] = {**found.get("", {}), "watch": watch_converted}
    return found


def converting(endpoint: Endpoint) -> Endpoint:
    """The endpoint, run again whenever it has met a form that a webhook had to make."""

    async def answered(at: Surroundings, call: Call, served: CustomServed) -> Answer:
        assert served.converter is not None
        told = len(call.warnings)
        for _ in range(ROUNDS_LIMIT):
            del call.warnings[told:]
            try:
                made = endpoint(at, call, served)
                return await made if inspect.isawaitable(made) else made
            except Unconverted as missing:
                wanted = [missing.obj]
                if call.info.verb in ("list", "deletecollection"):
                    wanted += _all_stored(call, served)
                await served.converter.convert(wanted, missing.api_version)
        raise status.conflict(served.resource, call.info.name)

    return answered


def _all_stored(call: Call, served: CustomServed) -> list[Object]:
    """What a LIST may need, as it is stored."""
    cache = served.cache
    versions = [cache.objects[key] for key in cache.keys_in(call.info.namespace)]
    return [_stored(served, each) for each in versions]


def _stored(served: CustomServed, version: Any) -> Object:
    kind, api_version = served.resource.kind.encode(), served.cache.api_version_of(version).encode()
    obj: Object = version.parse(b'{"kind":"%b","apiVersion":"%b",' % (kind, api_version))
    return obj


async def watch_converted(at: Surroundings, call: Call, served: CustomServed) -> Answer:
    """A watch of stored objects, each converted on its way out."""
    shape = negotiate.shape_of(call.request.headers.get("accept", ""))
    plain = _with_accept(call.request, negotiate.JSON)
    raw = Raw(served)
    made = watch_objects(at, replace(call, request=plain), raw)
    stream = await made if inspect.isawaitable(made) else made
    if isinstance(stream, Stream):
        return Stream(_converted(stream.pieces, at, call, served, shape))
    return stream


def _with_accept(request: Request, accept: str) -> Request:
    headers = {**request.headers, "accept": accept}
    return replace(request, headers=headers)


class Raw(Served):
    """Objects as they are stored, whatever their version."""

    def __init__(self, served: CustomServed) -> None:
        super().__init__(served.resource, served.cache)
        self._served = served

    def plain(self, version: Any) -> bytes:
        """The object itself, in the version in which it is stored."""
        return orjson.dumps(_stored(self._served, version))


async def _converted(
    pieces: Any, at: Surroundings, call: Call, served: CustomServed, shape: Shape
) -> AsyncIterator[bytes]:
    assert served.converter is not None
    first = True
    async for piece in pieces:
        events = [orjson.loads(line) for line in piece.splitlines()]
        objects = [event["object"] for event in events if event["type"] in ("ADDED", "MODIFIED", "DELETED")]
        made = iter(await served.converter.convert(objects, served.resource.api_version))
        lines = []
        for event in events:
            if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                event["object"] = _shown(served.shape(next(made)), at, call, served, shape, headers=first)
                first = False
            elif event["type"] == "BOOKMARK" and shape.kind != "Object":
                event["object"] |= {"kind": shape.kind, "apiVersion": f"meta.k8s.io/{shape.version}"}
            lines.append(orjson.dumps(event) + b"\n")
        yield b"".join(lines)


def _shown(obj: Object, at: Surroundings, call: Call, served: CustomServed, shape: Shape, *, headers: bool) -> Object:
    match shape.kind:
        case "Object":
            return obj
        case "Table":
            include = call.request.parameter("includeObject")
            return answer.make_table(served, [obj], at.now(), include, shape.version, headers=headers)
        case _:
            return partial(obj, shape.version)
