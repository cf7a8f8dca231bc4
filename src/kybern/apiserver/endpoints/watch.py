"""WATCH: initial events where asked for, then what the cache hands out.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes and
#streaming-lists.
"""

import random
from collections.abc import Awaitable, Iterable, Iterator

import orjson

from kybern.apiserver import answer, negotiate
from kybern.apiserver.cache.cache import BOOKMARK_SECONDS, bookmark
from kybern.apiserver.cache.change import ADDED, Change, Form, event_line
from kybern.apiserver.cache.version import Version
from kybern.apiserver.cache.watcher import Watcher
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.list_options import ListOptions, list_options
from kybern.apiserver.endpoints.revisions import revision_of, wait_for
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.negotiate import Shape
from kybern.apiserver.proxy.websocket_stream import asks_for_websocket, watch_messages
from kybern.apiserver.served import Served
from kybern.apiserver.status import status_of
from kybern.base.errors import Expired, NotAcceptable
from kybern.transport.exchange import Answer, Stream

_jitter = random.Random()
"""Only spreads the ends of watches; nothing depends on its values."""


def watch_objects(at: Surroundings, call: Call, served: Served) -> Answer | Awaitable[Answer]:
    """200 and a stream of events."""
    options = list_options(call, served)
    shape = negotiate.shape_of(call.request.headers.get("accept", ""))
    if shape.media != negotiate.JSON:
        raise NotAcceptable(f"only the following media types are accepted: {negotiate.JSON};stream=watch")
    revision = revision_of(options.resource_version)
    waiting = wait_for(at, options.resource_version if revision else "")
    if waiting is not None:
        return _watch_later(at, call, served, options, shape, revision, waiting)
    return _carried(call, _begin(at, call, served, options, shape, revision))


async def _watch_later(
    at: Surroundings,
    call: Call,
    served: Served,
    options: ListOptions,
    shape: Shape,
    revision: int,
    waiting: Awaitable[None],
) -> Answer:
    await waiting
    return _carried(call, _begin(at, call, served, options, shape, revision))


def _carried(call: Call, stream: Stream) -> Answer:
    return watch_messages(call.request, stream) if asks_for_websocket(call.request) else stream


def _begin(at: Surroundings, call: Call, served: Served, options: ListOptions, shape: Shape, revision: int) -> Stream:
    cache = served.cache
    form = form_of(call, served, shape, at)
    seconds = options.timeout_seconds or _jitter.uniform(*at.watch_seconds)
    now = at.clock.monotonic()
    head = _bookmark_head(served, shape) if options.bookmarks else b""
    watcher = Watcher(options.selection, form, deadline=now + seconds, bookmark_head=head)
    watcher.next_bookmark = now + BOOKMARK_SECONDS
    fresh = options.send_initial_events if options.send_initial_events is not None else revision == 0
    try:
        changes = () if fresh or not revision else list(cache.since(revision))
    except Expired as expired:
        line = event_line(b"ERROR", orjson.dumps(status_of(expired)))
        watcher.begin((line,))
        watcher.end()
        return Stream(watcher)
    if fresh:
        versions = cache.select(options.selection)
        end = head if options.send_initial_events else b""
        watcher.begin(_initial(versions, form, end, at.cache.revision))
    else:
        watcher.begin(_missed(changes, watcher))
    cache.fanout.add(watcher)
    watcher.on_close = cache.fanout.remove
    return Stream(watcher)


def _initial(versions: Iterable[Version], form: Form, bookmark_head: bytes, revision: int) -> Iterator[bytes]:
    for version in versions:
        yield event_line(ADDED, form(version))
    if bookmark_head:
        yield bookmark(bookmark_head, revision, initial_end=True)


def _missed(changes: Iterable[Change], watcher: Watcher) -> Iterator[bytes]:
    for change in changes:
        kind = change.type_for(watcher.selection)
        if kind is not None:
            yield change.line(kind, watcher.form)
            change.forget_lines()


def _bookmark_head(served: Served, shape: Shape) -> bytes:
    if shape.kind == "Object":
        return served.head
    kind = "Table" if shape.kind == "Table" else "PartialObjectMetadata"
    return b'{"kind":"%b","apiVersion":"meta.k8s.io/%b",' % (kind.encode(), shape.version.encode())


def form_of(call: Call, served: Served, shape: Shape, at: Surroundings) -> Form:
    """How versions are encoded for this watch; watches of the same form share the encoded events."""
    match shape.kind:
        case "Object":
            return served.plain_form
        case "Table":
            return _table_form(served, call.request.parameter("includeObject"), shape.version, at)
        case _:
            return served.partial_form(shape.version)


def _table_form(served: Served, include: str, version: str, at: Surroundings) -> Form:
    """Only the first event of a watch carries the column definitions."""
    first = True

    def form(each: Version) -> bytes:
        nonlocal first
        made = answer.make_table(served, [served.parse(each)], at.now(), include, version, headers=first)
        first = False
        return orjson.dumps(made)

    return form
