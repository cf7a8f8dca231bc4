"""A store that upstream's API server has written to as well: values leave it in this server's form, whatever theirs is.

Upstream keeps built-in kinds as protobuf, and JSON with other keys first; it reads what is written here, which is JSON.
Invariant: what comes out begins as this server's own values do; values of resources that are not built in pass as they
are.
"""

from collections.abc import AsyncIterator, Iterable, Sequence

import orjson

from kybern.api import protobuf
from kybern.api.registry import find_kind
from kybern.api.resource import Resource
from kybern.api.schema import codec
from kybern.apiserver.cache.cache import ROOT
from kybern.apiserver.cache.version import encode, head
from kybern.apiserver.custom import beta_definition
from kybern.base.errors import InternalError, KybernError
from kybern.storage.backend import Backend, Entry, Event, Mismatch, Page


class StoredForms:
    """Wraps `inner`; `resources` are the built-in ones in the versions in which they are stored."""

    def __init__(self, inner: Backend, resources: Iterable[Resource]) -> None:
        self._inner = inner
        self._rows = {row.group_resource: (row, head(row.api_version, row.kind)) for row in resources}

    @property
    def revision(self) -> int:
        return self._inner.revision

    async def current_revision(self) -> int:
        return await self._inner.current_revision()

    async def get(self, key: str, *, revision: int = 0) -> Entry | None:
        entry = await self._inner.get(key, revision=revision)
        return None if entry is None else self._entry(entry)

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        page = await self._inner.range(prefix, start=start, limit=limit, revision=revision)
        return Page([self._entry(each) for each in page.entries], page.revision, page.more, page.remaining)

    async def put(self, key: str, value: bytes, *, expected: int, ttl_seconds: int = 0, trail: bool = True) -> int:
        try:
            return await self._inner.put(key, value, expected=expected, ttl_seconds=ttl_seconds, trail=trail)
        except Mismatch as mismatch:
            raise self._mismatch(mismatch) from None

    async def delete(self, key: str, *, expected: int) -> int:
        try:
            return await self._inner.delete(key, expected=expected)
        except Mismatch as mismatch:
            raise self._mismatch(mismatch) from None

    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[Sequence[Event]]:
        async for batch in self._inner.watch(prefix, after=after):
            yield [self._event(each) for each in batch]

    async def compact(self, revision: int) -> None:
        await self._inner.compact(revision)

    async def close(self) -> None:
        await self._inner.close()

    def _entry(self, entry: Entry) -> Entry:
        value = self._form(entry.key, entry.value)
        return entry if value is entry.value else Entry(entry.key, value, entry.revision)

    def _event(self, event: Event) -> Event:
        values = [None if each is None else self._form(event.key, each) for each in (event.value, event.previous)]
        return Event(event.key, event.revision, *values)

    def _mismatch(self, mismatch: Mismatch) -> Mismatch:
        return Mismatch(mismatch.key, None if mismatch.current is None else self._entry(mismatch.current))

    def _form(self, key: str, value: bytes) -> bytes:
        row, begin = self._rows.get(key[len(ROOT) :].partition("/")[0], (None, b""))
        if row is None or value.startswith(begin):
            return value
        try:
            return _own_form(row, value)
        except (KybernError, ValueError) as error:
            raise InternalError(f'Internal error occurred: unable to decode key "{key}": {error}') from None


def _own_form(stored: Resource, value: bytes) -> bytes:
    """An object as this server would have stored it: in that version, with what decoding makes of it."""
    obj = protobuf.decode(value)[2] if value.startswith(protobuf.MAGIC) else orjson.loads(value)
    if obj["apiVersion"] == beta_definition.API_VERSION:
        obj = beta_definition.from_beta(obj)
    group, _, version = obj["apiVersion"].rpartition("/")
    row = find_kind(group, version, obj["kind"])
    if row is not None and row.storage_version is not None:
        obj = row.to_storage(obj)
    obj |= {"kind": stored.kind, "apiVersion": stored.api_version}
    codec(stored.api_version, stored.kind).default(obj)
    if stored.default is not None:
        stored.default(obj)
    return encode(obj)
