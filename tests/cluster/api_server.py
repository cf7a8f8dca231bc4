"""An API server in this process, spoken to with bare requests: what a test sends and gets is what a client would."""

import asyncio
import inspect
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import orjson

from kybern.apiserver.config import ApiServerConfig
from kybern.apiserver.server import ApiServer
from kybern.apiserver.user import User, authenticated
from kybern.base.clock import SystemClock
from kybern.base.ids import RandomIds
from kybern.storage.backend import Backend
from kybern.storage.memory import MemoryBackend
from kybern.transport.exchange import Request, Stream

TIMEOUT_SECONDS = 60
ADMIN = authenticated("admin", ("system:masters",))
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
CORE = "/api/v1/namespaces/default"


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: Any
    """Parsed JSON, or the text of what is none."""
    warnings: list[str]

    @property
    def message(self) -> str:
        return str(self.body["message"])


class Watch:
    """The events of a watch, one at a time."""

    def __init__(self, stream: Stream) -> None:
        self._pieces = stream.pieces
        self._events: list[Any] = []

    async def next(self) -> Any:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not self._events:
                self._events += [orjson.loads(line) for line in (await anext(self._pieces)).splitlines()]
        return self._events.pop(0)

    async def take(self, count: int) -> list[tuple[str, str]]:
        """(type, name) of the next events."""
        events = [await self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]

    async def ended(self) -> bool:
        try:
            await self.next()
        except StopAsyncIteration:
            return True
        return False


class Api:
    """One server, asked as a user."""

    def __init__(self, server: ApiServer, user: User | None = ADMIN) -> None:
        self.server = server
        self.user = user

    def as_user(self, user: User | None) -> "Api":
        return Api(self.server, user)

    async def raw(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: str
    ) -> Any:
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        sent = {"content-type": "application/json", "accept": "application/json", **(headers or {})}
        named = {key.rstrip("_"): [value] for key, value in query.items()}
        context = {} if self.user is None else {"user": self.user}
        answer = self.server(Request(method, path, named, sent, data, "127.0.0.1:1", path, context=context))
        if inspect.isawaitable(answer):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await answer
        return answer

    async def __call__(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: str
    ) -> Answer:
        answer = await self.raw(method, path, body, headers, **query)
        data = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
        warnings = [value.split(" ", 2)[2][1:-1] for name, value in answer.headers if name == "Warning"]
        try:
            return Answer(answer.status, orjson.loads(data), warnings)
        except orjson.JSONDecodeError:
            return Answer(answer.status, data.decode(), warnings)

    async def patch(self, path: str, patch: Any, kind: str = MERGE, **query: str) -> Answer:
        return await self("PATCH", path, patch, {"content-type": kind}, **query)

    async def watch(self, path: str, headers: Mapping[str, str] | None = None, **query: str) -> Watch:
        stream = await self.raw("GET", path, None, headers, watch="1", **query)
        assert isinstance(stream, Stream), stream
        return Watch(stream)

    async def create(self, path: str, body: Any) -> Any:
        """The created object; it must succeed."""
        answer = await self("POST", path, body)
        assert answer.status == 201, answer
        return answer.body

    async def get(self, path: str) -> Any:
        answer = await self("GET", path)
        assert answer.status == 200, answer
        return answer.body

    async def names(self, path: str, **query: str) -> str:
        """Names of a list, with blanks between."""
        answer = await self("GET", path, **query)
        assert answer.status == 200, answer
        return " ".join(item["metadata"]["name"] for item in answer.body["items"])


@asynccontextmanager
async def api_server(backend: Backend | None = None, **options: Any) -> AsyncIterator[Api]:
    """A started server with the ServiceAccount default/default; `options` are ApiServerConfig's."""
    server = ApiServer(
        ApiServerConfig(**options), backend or MemoryBackend(), SystemClock(), RandomIds(random.Random(1))
    )
    await server.start()
    api = Api(server)
    try:
        await api("POST", f"{CORE}/serviceaccounts", {"metadata": {"name": "default"}})
        yield api
    finally:
        await server.stop()


def pod(name: str, **spec: Any) -> dict[str, Any]:
    labels = spec.pop("labels", {})
    containers = [{"name": "c", "image": "example.com/app:v1"}]
    return {"metadata": {"name": name, "labels": labels}, "spec": {"containers": containers, **spec}}


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": data}
