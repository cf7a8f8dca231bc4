"""The contract of `storage/backend.py` on etcd v3. Values are stored as they come."""

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

from kybern.base.clock import Clock, SystemClock
from kybern.storage.backend import Compacted, Entry, Event, Mismatch, Page, StoreUnavailable, check_size
from kybern.storage.etcd.client import EtcdClient, HistoryGone, InTheFuture, TlsFiles
from kybern.storage.etcd.expiry import Expiry
from kybern.storage.etcd.layout import Layout, Moved
from kybern.storage.etcd.messages import DELETE, EQUAL, MESSAGES, MOD

log = logging.getLogger(__name__)

FIRST_REVISION = 1
FIRST_KEY = b"\1"
"""Where all keys begin: etcd refuses the empty one, and what starts with a zero byte is the markers' (expiry.py)."""
RECONNECT_SECONDS = 0.5
"""After which a watch that broke is taken up again where it was."""

_Range, _Txn, _Op, _Compare = (MESSAGES[name] for name in ("RangeRequest", "TxnRequest", "RequestOp", "Compare"))
_Put, _Delete = MESSAGES["PutRequest"], MESSAGES["DeleteRangeRequest"]
_Watch, _Create, _Compaction = (MESSAGES[name] for name in ("WatchRequest", "WatchCreateRequest", "CompactionRequest"))


class EtcdBackend:
    """The layout says where in etcd keys lie."""

    def __init__(self, client: EtcdClient, clock: Clock, layout: Layout) -> None:
        self._client = client
        self._clock = clock
        self._prefix = layout.prefix
        self._outer = layout.outer
        self._inner = layout.inner
        self._revision = FIRST_REVISION
        self._oldest = 0
        """History before this revision is known to be compacted."""
        self._expiry = Expiry(clock, self._prefix, self._markers, self._end)

    @classmethod
    def of(
        cls,
        urls: Sequence[str],
        *,
        clock: Clock | None = None,
        layout: Layout | None = None,
        tls: TlsFiles | None = None,
    ) -> "EtcdBackend":
        """Not connected yet. Raises OSError, ValueError."""
        return cls(EtcdClient(urls, tls), clock or SystemClock(), layout or Moved())

    @classmethod
    async def open(
        cls,
        urls: Sequence[str],
        *,
        clock: Clock | None = None,
        layout: Layout | None = None,
        tls: TlsFiles | None = None,
    ) -> "EtcdBackend":
        """Connect to the first member that answers. Raises StoreUnavailable, OSError, ValueError."""
        backend = cls.of(urls, clock=clock, layout=layout, tls=tls)
        try:
            for attempt in range(len(urls)):
                try:
                    await backend.current_revision()
                    break
                except StoreUnavailable:
                    if attempt == len(urls) - 1:
                        raise
            await backend._expiry.start()
        except BaseException:
            await backend.close()
            raise
        return backend

    @property
    def revision(self) -> int:
        return self._revision

    async def current_revision(self) -> int:
        answer = await self._client.call(
            "KV/Range", _Range(key=self._prefix or FIRST_KEY, count_only=True), "RangeResponse"
        )
        self._advance(answer.header.revision)
        return int(answer.header.revision)

    async def get(self, key: str, *, revision: int = 0) -> Entry | None:
        answer = await self._range(_Range(key=self._outer(key), revision=revision), revision)
        return self._entry(answer.kvs[0]) if answer.kvs else None

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        first, end = self._outer(prefix), _end_of(self._outer(prefix))
        if start and start > prefix:
            first = self._outer(start)
        if end != b"\0" and first >= end:
            return Page([], revision or await self.current_revision(), False, 0)
        request = _Range(key=first or FIRST_KEY, range_end=end, limit=limit, revision=revision)
        answer = await self._range(request, revision)
        entries = [self._entry(each) for each in answer.kvs]
        return Page(entries, revision or answer.header.revision, answer.more, answer.count - len(entries))

    async def put(self, key: str, value: bytes, *, expected: int, ttl_seconds: int = 0, trail: bool = True) -> int:
        check_size(key, value)
        outer = self._outer(key)
        marker = self._expiry.marker(outer, ttl_seconds) if ttl_seconds else None
        known = self._expiry.known(outer)
        done = [_Op(request_put=_Put(key=outer, value=value))]
        if known is not None and known != marker:
            done.append(_Op(request_delete_range=_Delete(key=known)))
        if marker is not None:
            done.append(_Op(request_put=_Put(key=marker)))
        revision = await self._write(key, outer, expected, done)
        if marker is not None or known is not None:
            self._expiry.written(outer, marker, revision)
        return revision

    async def delete(self, key: str, *, expected: int) -> int:
        outer = self._outer(key)
        if expected == 0:
            raise Mismatch(key, await self.get(key))
        known = self._expiry.known(outer)
        done = [_Op(request_delete_range=_Delete(key=outer))]
        if known is not None:
            done.append(_Op(request_delete_range=_Delete(key=known)))
        revision = await self._write(key, outer, expected, done)
        self._expiry.written(outer, None, revision)
        return revision

    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[Sequence[Event]]:
        cursor, key = max(after, FIRST_REVISION), self._outer(prefix)
        while True:
            self._client.check_open()
            if cursor < self._oldest:
                raise Compacted(self._oldest)
            create = _Create(key=key, range_end=_end_of(key), start_revision=cursor, progress_notify=True, prev_kv=True)
            try:
                async for answer in self._client.watch(_Watch(create_request=create)):
                    if answer.compact_revision:
                        self._oldest = max(self._oldest, answer.compact_revision)
                        raise Compacted(answer.compact_revision)
                    if answer.canceled:
                        raise StoreUnavailable(f"etcd: the watch was cancelled: {answer.cancel_reason}")
                    events = [self._event(each) for each in answer.events if each.kv.mod_revision > cursor]
                    if answer.created:
                        continue
                    cursor = max(cursor, answer.header.revision if not events else events[-1].revision)
                    self._advance(cursor)
                    yield events
            except StoreUnavailable as error:
                self._client.check_open()
                log.warning("watch: %s; going on at revision %d", error, cursor)
            await self._clock.sleep(RECONNECT_SECONDS)

    async def compact(self, revision: int) -> None:
        try:
            await self._client.call("KV/Compact", _Compaction(revision=revision), "CompactionResponse")
        except InTheFuture:
            raise _future(revision, self._revision) from None
        except HistoryGone:
            return  # Somebody has compacted further already.
        self._oldest = max(self._oldest, revision)

    async def close(self) -> None:
        self._expiry.stop()
        await self._client.close()

    async def _range(self, request: Any, revision: int) -> Any:
        if revision and revision < self._oldest:
            self._client.check_open()
            raise Compacted(self._oldest)
        try:
            answer = await self._client.call("KV/Range", request, "RangeResponse")
        except InTheFuture:
            raise _future(revision, await self.current_revision()) from None
        except HistoryGone:
            raise Compacted(await self._ask_oldest()) from None
        self._advance(answer.header.revision)
        return answer

    async def _ask_oldest(self) -> int:
        """Where history begins: a watch from the first revision is told."""
        create = _Create(key=self._prefix or FIRST_KEY, start_revision=FIRST_REVISION)
        async for answer in self._client.watch(_Watch(create_request=create)):
            if answer.compact_revision:
                self._oldest = max(self._oldest, answer.compact_revision)
                break
            if not answer.created:
                break
        return self._oldest

    async def _write(self, key: str, outer: bytes, expected: int, done: list[Any]) -> int:
        """Carry `done` out if the key's revision is `expected`. Raises Mismatch, StoreUnavailable."""
        compare = _Compare(result=EQUAL, target=MOD, key=outer, mod_revision=expected)
        request = _Txn(compare=[compare], success=done, failure=[_Op(request_range=_Range(key=outer))])
        answer = await self._client.call("KV/Txn", request, "TxnResponse")
        self._advance(answer.header.revision)
        if answer.succeeded:
            return int(answer.header.revision)
        found = answer.responses[0].response_range.kvs
        raise Mismatch(key, self._entry(found[0]) if found else None)

    async def _markers(self, prefix: bytes) -> list[tuple[bytes, int]]:
        answer = await self._client.call("KV/Range", _Range(key=prefix, range_end=_end_of(prefix)), "RangeResponse")
        return [(each.key, each.mod_revision) for each in answer.kvs]

    async def _end(self, key: bytes, marker: bytes, revision: int) -> bool:
        """Delete a key that is over, with its marker, unless someone wrote either since."""
        compares = [_Compare(result=EQUAL, target=MOD, key=each, mod_revision=revision) for each in (key, marker)]
        done = [_Op(request_delete_range=_Delete(key=each)) for each in (key, marker)]
        answer = await self._client.call("KV/Txn", _Txn(compare=compares, success=done), "TxnResponse")
        self._advance(answer.header.revision)
        return bool(answer.succeeded)

    def _advance(self, revision: int) -> None:
        self._revision = max(self._revision, revision)

    def _entry(self, found: Any) -> Entry:
        return Entry(self._inner(found.key), found.value, found.mod_revision)

    def _event(self, told: Any) -> Event:
        deleted = told.type == DELETE
        previous = told.prev_kv.value if told.HasField("prev_kv") else None
        return Event(self._inner(told.kv.key), told.kv.mod_revision, None if deleted else told.kv.value, previous)


def _end_of(prefix: bytes) -> bytes:
    """The first key after all that start with `prefix`; etcd takes a zero byte for the end of all keys."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b"\0"


def _future(revision: int, newest: int) -> ValueError:
    return ValueError(f"revision {revision} lies in the future: the newest is {newest}")
