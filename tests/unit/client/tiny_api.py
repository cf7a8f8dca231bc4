"""An API in memory, just large enough to try transports and informers on: no validation, no defaults, no tables."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson

from kybern.transport.exchange import Answer, Request, Response, Stream


class TinyApi:
    """Objects by path. `faults` are answers to give first, `forget` compacts the history."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.history: list[tuple[int, str, str, dict[str, Any]]] = []
        self.revision = 10
        self.oldest = 0
        self.faults: list[Response] = []
        self.requests: list[tuple[str, str]] = []
        self.lag_seconds: dict[str, float] = {}
        """How late the watches of a resource are."""
        self._changed = asyncio.Condition()
        self._generation = 0

    async def handle(self, request: Request) -> Answer:
        self.requests.append((request.method, request.path))
        if self.faults:
            return self.faults.pop(0)
        match request.method:
            case "POST":
                return await self._create(request)
            case "PUT" | "PATCH":
                return await self._write(request)
            case "DELETE":
                return await self._delete(request)
            case _ if request.parameter("watch"):
                return self._watch(request)
            case _:
                return self._read(request)

    async def put(self, path: str, obj: dict[str, Any], event: str = "MODIFIED") -> dict[str, Any]:
        self.revision += 1
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        self.objects[path] = obj
        await self._tell(event, path, obj)
        return obj

    async def remove(self, path: str) -> None:
        self.revision += 1
        obj = self.objects.pop(path)
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        await self._tell("DELETED", path, obj)

    async def forget(self) -> None:
        """Compact all history and end every watch."""
        self.oldest = self.revision
        self.history.clear()
        await self.end_watches()

    async def end_watches(self) -> None:
        async with self._changed:
            self._generation += 1
            self._changed.notify_all()

    async def _tell(self, event: str, path: str, obj: dict[str, Any]) -> None:
        async with self._changed:
            self.history.append((self.revision, event, path, obj))
            self._changed.notify_all()

    async def _create(self, request: Request) -> Response:
        obj = orjson.loads(request.body)
        if not obj["metadata"].get("name"):
            obj["metadata"]["name"] = f"{obj['metadata'].get('generateName', '')}{self.revision:05d}"
        path = f"{request.path}/{obj['metadata']['name']}"
        if path in self.objects:
            return status(409, "AlreadyExists", f"{path} already exists")
        obj["metadata"].setdefault("uid", f"uid-{self.revision}")
        return Response(201, orjson.dumps(await self.put(path, obj, "ADDED")))

    async def _write(self, request: Request) -> Response:
        path = request.path.removesuffix("/status")
        old = self.objects.get(path)
        if old is None:
            return status(404, "NotFound", f"{path} not found")
        new = orjson.loads(request.body)
        if request.method == "PATCH":
            new = merged(old, new)
        elif new["metadata"].get("resourceVersion") not in (None, old["metadata"]["resourceVersion"]):
            return status(409, "Conflict", "the object has been modified")
        if {**new, "metadata": 0} == {**old, "metadata": 0} and request.method == "PUT":
            return Response(200, orjson.dumps(old))
        return Response(200, orjson.dumps(await self.put(path, new)))

    async def _delete(self, request: Request) -> Response:
        if request.path not in self.objects:
            return status(404, "NotFound", f"{request.path} not found")
        await self.remove(request.path)
        return Response(200, b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"}')

    def _read(self, request: Request) -> Response:
        if request.path in self.objects:
            return Response(200, orjson.dumps(self.objects[request.path]))
        if int(request.parameter("resourceVersion") or "0") > self.revision:
            return status(504, "Timeout", "Too large resource version")
        if request.path.rpartition("/")[2].endswith("s"):
            found = [obj for path, obj in sorted(self.objects.items()) if below(path, request.path)]
            start = int(request.parameter("continue", "0"))
            limit = int(request.parameter("limit", "0")) or len(found) or 1
            more = str(start + limit) if start + limit < len(found) else ""
            meta = {"resourceVersion": str(self.revision), "continue": more}
            return Response(
                200, orjson.dumps({"kind": "List", "metadata": meta, "items": found[start : start + limit]})
            )
        return status(404, "NotFound", f"{request.path} not found")

    def _watch(self, request: Request) -> Answer:
        after = int(request.parameter("resourceVersion", "0"))
        if after > self.revision:
            return status(504, "Timeout", f"Too large resource version: {after}, current: {self.revision}")
        return Stream(self._events(request.path, after))

    async def _events(self, collection: str, after: int) -> AsyncIterator[bytes]:
        if after < self.oldest:
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
            yield orjson.dumps({"type": "ERROR", "object": gone}) + b"\n"
            return
        generation = self._generation
        while generation == self._generation:
            await asyncio.sleep(self.lag_seconds.get(collection.rpartition("/")[2], 0))
            for revision, event, path, obj in self.history:
                if revision > after and below(path, collection):
                    yield orjson.dumps({"type": event, "object": obj}) + b"\n"
            after = max(after, self.revision)
            async with self._changed:
                if generation == self._generation and after == self.revision:
                    await self._changed.wait()


def below(path: str, collection: str) -> bool:
    """Whether the object at `path` is of the collection, be that of one namespace or of all."""
    prefix, _, plural = collection.rpartition("/")
    return path.rpartition("/")[0] == collection or (
        "/namespaces/" not in prefix and path.startswith(f"{prefix}/namespaces/") and f"/{plural}/" in path
    )


def merged(old: Any, patch: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(patch, dict):
        return patch
    result = dict(old)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(old.get(name), value)
    return result


def status(code: int, reason: str, message: str) -> Response:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }
    return Response(code, orjson.dumps(body))
