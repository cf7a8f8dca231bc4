"""A typed client of any Kubernetes API server. It holds no state but its transport."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic

import msgspec
import orjson

from kybern.api.types import ResourceName, decode, encode, resource_of
from kybern.base.errors import Unreachable
from kybern.client.answers import error_of, watch_error
from kybern.client.objects import KubeObject, T
from kybern.client.transport import NOTHING, HttpRequest, HttpStream, Transport, read_whole

METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
METADATA_LIST_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

WATCH_LINE_LIMIT = 16 * 1024 * 1024
"""Bytes of one watch event; an object with its managed fields stays below 4 MiB."""


class PatchType(StrEnum):
    """Content types of a patch (RFC 6902, RFC 7386, Kubernetes' own two)."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """One page of a LIST."""

    items: list[T]
    resource_version: str
    continue_: str = ""


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[T]):
    """One event of a watch."""

    type: str
    """ADDED, MODIFIED, DELETED or BOOKMARK (whose object has a resourceVersion only)."""
    object: T


class _ListMeta(msgspec.Struct):
    resource_version: str = msgspec.field(default="", name="resourceVersion")
    continue_: str | None = msgspec.field(default="", name="continue")


class _RawList(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _RawEvent(msgspec.Struct):
    type: str
    object: msgspec.Raw


_decode_list = msgspec.json.Decoder(_RawList).decode
_decode_event = msgspec.json.Decoder(_RawEvent).decode


class Client:
    """Objects in, objects out. Every method raises the classes of `kybern.base.errors`: a StatusError by the
    answer's reason, Unreachable when nothing is known of what the server did."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        """One object. Raises NotFound."""
        return decode(kind, await self.call("GET", path_of(resource_of(kind), namespace, name)))

    async def list(
        self,
        kind: type[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        limit: int = 0,
        continue_: str = "",
        resource: ResourceName | None = None,
    ) -> Listing[T]:
        """Objects of a namespace, or of all. `resource` asks another resource than the kind's own, metadata only."""
        query = _without_empty(
            labelSelector=label_selector,
            fieldSelector=field_selector,
            resourceVersion=resource_version,
            resourceVersionMatch="NotOlderThan" if resource_version else "",
            limit=str(limit) if limit else "",
        )
        if continue_:
            query["continue"] = continue_
            query.pop("resourceVersion", None)
            query.pop("resourceVersionMatch", None)
        path = path_of(resource or resource_of(kind), namespace)
        headers = {"Accept": METADATA_LIST_ONLY} if resource else NOTHING
        raw = _decode_list(await self.call("GET", path, query, headers=headers))
        items = [decode(kind, bytes(item)) for item in raw.items or ()]
        return Listing(items, raw.metadata.resource_version, raw.metadata.continue_ or "")

    async def create(self, obj: T, *, dry_run: bool = False) -> T:
        """Create in the namespace that the object names. Raises AlreadyExists, Invalid, Forbidden."""
        path = path_of(resource_of(type(obj)), obj.metadata.namespace)
        query = {"dryRun": "All"} if dry_run else {}
        return decode(type(obj), await self.call("POST", path, query, encode(obj)))

    async def send(self, obj: KubeObject) -> None:
        """Create, and do not read back what the server made of it. Raises as `create` does."""
        await self.call("POST", path_of(resource_of(type(obj)), obj.metadata.namespace), body=encode(obj))

    async def update(self, obj: T, *, subresource: str = "") -> T:
        """Replace; the object's resourceVersion, if it has one, must be current. Raises Conflict, NotFound."""
        meta = obj.metadata
        path = path_of(resource_of(type(obj)), meta.namespace, meta.name, subresource)
        return decode(type(obj), await self.call("PUT", path, body=encode(obj)))

    async def patch(
        self,
        kind: type[T],
        name: str,
        namespace: str,
        patch: Any,
        *,
        content_type: PatchType = PatchType.MERGE,
        subresource: str = "",
        query: Mapping[str, str] | None = None,
    ) -> T:
        """Change an object; `patch` is JSON-encodable, or bytes as they shall be sent."""
        body = patch if isinstance(patch, bytes) else msgspec.json.encode(patch)
        path = path_of(resource_of(kind), namespace, name, subresource)
        headers = {"Content-Type": content_type.value}
        return decode(kind, await self.call("PATCH", path, query or {}, body, headers))

    async def delete(
        self,
        kind: type[T],
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        propagation_policy: str = "",
        grace_period_seconds: int | None = None,
    ) -> None:
        """Delete. Raises NotFound, and Conflict when the uid or the resourceVersion is another one."""
        path = path_of(resource_of(kind), namespace, name)
        body = delete_options(uid, resource_version, propagation_policy, grace_period_seconds)
        await self.call("DELETE", path, body=body)

    async def delete_collection(
        self, kind: type[T], namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> None:
        """Delete all that match."""
        query = _without_empty(labelSelector=label_selector, fieldSelector=field_selector)
        await self.call("DELETE", path_of(resource_of(kind), namespace), query)

    async def post(self, kind: type[T], name: str, namespace: str, subresource: str, body: msgspec.Struct) -> bytes:
        """Create at a subresource (binding, eviction, token); the body of the answer."""
        return await self.call("POST", path_of(resource_of(kind), namespace, name, subresource), body=encode(body))

    async def watch(
        self,
        kind: type[T],
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = 0,
        resource: ResourceName | None = None,
    ) -> AsyncIterator[WatchEvent[T]]:
        """Every change after `resource_version`, with bookmarks, until the server ends the watch.

        Raises Expired, and Unreachable when the connection breaks.
        """
        query = _without_empty(
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=resource_version,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            timeoutSeconds=str(timeout_seconds) if timeout_seconds else "",
        )
        path = path_of(resource or resource_of(kind), namespace)
        headers = {"Accept": METADATA_ONLY} if resource else NOTHING
        stream = await self.transport.stream(HttpRequest("GET", path, query, headers=headers))
        try:
            if stream.status != 200:
                raise error_of(stream.status, await read_whole(stream))
            async for line in _lines(stream):
                event = _read_event(line)
                if event.type == "ERROR":
                    raise watch_error(event.object)
                yield WatchEvent(event.type, decode(kind, bytes(event.object)))
        finally:
            stream.close()

    async def get_json(self, path: str, *, accept: str = "application/json") -> Any:
        """The parsed answer at any path (discovery, version)."""
        return orjson.loads(await self.call("GET", path, headers={"Accept": accept}))

    async def close(self) -> None:
        """End all connections."""
        await self.transport.close()

    async def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] = NOTHING,
        body: bytes = b"",
        headers: Mapping[str, str] = NOTHING,
    ) -> bytes:
        """The body of the answer at any path, for resources known by name only. Raises as the other methods do."""
        answer = await self.transport.request(HttpRequest(method, path, query, body, headers))
        if answer.status >= 300:
            raise error_of(answer.status, answer.body)
        return answer.body


def path_of(resource: ResourceName, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """`/api/v1/namespaces/default/pods/web-0/status`."""
    path = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    if namespace and resource.namespaced:
        path += f"/namespaces/{namespace}"
    path += f"/{resource.plural}"
    if name:
        path += f"/{name}"
    return f"{path}/{subresource}" if subresource else path


def delete_options(
    uid: str = "", resource_version: str = "", propagation_policy: str = "", grace_period_seconds: int | None = None
) -> bytes:
    """A `metav1.DeleteOptions` body."""
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
    preconditions = _without_empty(uid=uid, resourceVersion=resource_version)
    if preconditions:
        options["preconditions"] = preconditions
    if propagation_policy:
        options["propagationPolicy"] = propagation_policy
    if grace_period_seconds is not None:
        options["gracePeriodSeconds"] = grace_period_seconds
    return orjson.dumps(options)


def _read_event(line: bytes) -> _RawEvent:
    """Raises Unreachable for what is no event: the connection was cut within it, or something stands between."""
    try:
        return _decode_event(line)
    except msgspec.DecodeError as error:
        raise Unreachable(f"the watch broke off within an event: {error}") from None


async def _lines(stream: HttpStream) -> AsyncIterator[bytes]:
    rest = b""
    while piece := await stream.read():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line:
                yield line
        assert len(rest) <= WATCH_LINE_LIMIT, "a watch event without end"
    if rest.strip():
        yield rest


def _without_empty(**parameters: str) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if value}
