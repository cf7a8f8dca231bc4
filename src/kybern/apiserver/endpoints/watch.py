"""WATCH: initial events where asked for, then what the cache hands out.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes and
#streaming-lists.
"""

import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice

import orjson

from kybern.api import protobuf
from kybern.api.resource import Object
from kybern.api.table import check_include
from kybern.apiserver import answer, negotiate
from kybern.apiserver.binary import BinaryForm
from kybern.apiserver.cache.cache import BOOKMARK_SECONDS
from kybern.apiserver.cache.change import (
    ADDED,
    BOOKMARK,
    Bookmark,
    Change,
    Form,
    bookmark_metadata,
    bookmarks,
    event_line,
    event_of,
)
from kybern.apiserver.cache.selection import Selection
from kybern.apiserver.cache.version import Version
from kybern.apiserver.cache.watcher import Watcher
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.list_options import ListOptions, list_options
from kybern.apiserver.endpoints.revisions import revision_of, wait_for
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.negotiate import JSON, PROTOBUF, Shape
from kybern.apiserver.proxy.websocket_stream import asks_for_websocket, watch_messages
from kybern.apiserver.served import Served
from kybern.apiserver.status import status_of
from kybern.base.errors import Expired, StatusError, Timeout
from kybern.transport.exchange import Answer, Stream

STREAMED = {JSON: JSON, PROTOBUF: f"{PROTOBUF};stream=watch"}
_jitter = random.Random()
"""Only spreads the ends of watches; nothing depends on its values."""


def watch_objects(at: Surroundings, call: Call, served: Served) -> Answer | Awaitable[Answer]:
    """200 and a stream of events."""
    options = list_options(call, served)
    shape = negotiate.watch_shape_of(call.request.headers.get("accept", ""), custom=served.resource.is_custom)
    if shape.media == PROTOBUF and asks_for_websocket(call.request):
        shape = replace(shape, media=JSON)  # A message of text holds an event there.
    revision = revision_of(options.resource_version)
    if shape.kind == "Table":
        check_include(call.request.parameter("includeObject"))
    waiting = wait_for(at, options.resource_version if revision else "")
    if waiting is not None:
        return _watch_later(at, call, served, options, shape, waiting)
    return _carried(call, _begin(at, call, served, options, shape))


async def _watch_later(
    at: Surroundings, call: Call, served: Served, options: ListOptions, shape: Shape, waiting: Awaitable[None]
) -> Answer:
    try:
        await waiting
    except Timeout as error:
        return _carried(call, _refused(error, shape))
    return _carried(call, _begin(at, call, served, options, shape))


def _carried(call: Call, stream: Stream) -> Answer:
    return watch_messages(call.request, stream) if asks_for_websocket(call.request) else stream


def _refused(error: StatusError, shape: Shape) -> Stream:
    """Past the checks of what was asked, a watch fails within its stream, as upstream's do."""
    watcher = Watcher(Selection(), _no_form, deadline=0.0)
    status = status_of(error)
    if shape.media == PROTOBUF:
        watcher.begin((protobuf.event(b"ERROR", protobuf.encode(status)),))
    else:
        watcher.begin((event_line(b"ERROR", orjson.dumps(status)),))
    watcher.end()
    return Stream(watcher, content_type=STREAMED[shape.media])


def _no_form(version: Version) -> bytes:
    raise AssertionError("a refused watch sees no object")


def _begin(at: Surroundings, call: Call, served: Served, options: ListOptions, shape: Shape) -> Stream:
    cache = served.cache
    revision = revision_of(options.resource_version)
    # Without a word about initial events, those who begin nowhere have them too (the old paths with /watch/).
    fresh = options.send_initial_events if options.send_initial_events is not None else revision == 0
    try:
        changes = () if fresh or not revision else list(cache.since(revision))
    except Expired as expired:
        return _refused(expired, shape)
    form, bookmark = forms_of(call, served, shape, at)
    now = at.clock.monotonic()
    seconds = options.timeout_seconds or _jitter.uniform(at.watch_seconds, 2 * at.watch_seconds)
    watcher = Watcher(options.selection, form, deadline=now + seconds, bookmark=bookmark if options.bookmarks else None)
    watcher.next_bookmark = now + BOOKMARK_SECONDS
    if fresh:
        end = watcher.bookmark if options.send_initial_events else None
        lines = _initial(cache.select(options.selection), form, end, at.cache.revision)
    else:
        lines = _missed(changes, watcher)
    # The first is made now: of a Table's events it has the columns, and no change may come before it.
    watcher.begin(chain(list(islice(lines, 1)), lines))
    cache.fanout.add(watcher)
    watcher.on_close = cache.fanout.remove
    return Stream(watcher, content_type=STREAMED[shape.media])


def _initial(versions: Iterable[Version], form: Form, end: Bookmark | None, revision: int) -> Iterator[bytes]:
    for version in versions:
        yield event_of(ADDED, form, version)
    if end is not None:
        yield end(revision, True)


def _missed(changes: Iterable[Change], watcher: Watcher) -> Iterator[bytes]:
    for change in changes:
        kind = change.type_for(watcher.selection)
        if kind is not None:
            yield change.line(kind, watcher.form)
            change.forget_lines()


def forms_of(call: Call, served: Served, shape: Shape, at: Surroundings) -> tuple[Form, Bookmark]:
    """How objects and bookmarks are encoded for this watch; watches of the same form share the encoded events."""
    if shape.media == PROTOBUF:
        binary = served.binary_forms.get(shape)
        if binary is None:
            binary = served.binary_forms[shape] = BinaryForm(served, shape)
        return binary, binary.bookmark
    match shape.kind:
        case "Object":
            return served.plain_form, bookmarks(served.head)
        case "Table":
            tables = TableForm(served, call.request.parameter("includeObject"), shape.version, at.now)
            return tables.encode, tables.bookmark
        case _:
            head = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/%b",' % shape.version.encode()
            return served.partial_form(shape.version), bookmarks(head)


class TableForm:
    """The Tables of one watch: only the first that is sent carries the column definitions."""

    def __init__(self, served: Served, include: str, version: str, now: Callable[[], float]) -> None:
        self._served = served
        self._include = include
        self._version = version
        self._now = now
        self._headers = True

    def encode(self, version: Version) -> bytes:
        """The Table of one object."""
        return orjson.dumps(self._table(self._served.parse(version), self._include))

    def bookmark(self, revision: int, initial_end: bool) -> bytes:
        """A row without values; that initial events end here stands in its metadata, whatever was asked to be shown."""
        resource = self._served.resource
        metadata = {"name": "", **bookmark_metadata(revision, initial_end)}
        empty = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        made = self._table(empty, "" if initial_end and self._include != "Object" else self._include)
        del metadata["name"]  # It is there for the cells; the row shows the same metadata.
        return event_line(BOOKMARK, orjson.dumps(made))

    def _table(self, obj: Object, include: str) -> Object:
        made = answer.make_table(self._served, [obj], self._now(), include, self._version, headers=self._headers)
        self._headers = False
        return made
