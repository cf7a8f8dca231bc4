"""LIST: the newest objects from the cache; pages and exact revisions stay consistent through the store's history.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from bisect import bisect_left
from collections.abc import Awaitable, Sequence
from inspect import isawaitable
from typing import Any, NamedTuple

from kybern.apiserver import answer, binary
from kybern.apiserver.cache.version import Version
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.continue_token import INCONSISTENT, read_token, token
from kybern.apiserver.endpoints.list_options import EXACT, ListOptions, list_options
from kybern.apiserver.endpoints.revisions import NotARevision, revision_of, wait_for
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.served import Served
from kybern.apiserver.status import ContinueExpired, unavailable
from kybern.base.errors import BadRequest, Expired
from kybern.storage.backend import Compacted, StoreUnavailable
from kybern.transport.exchange import Answer

PAST_PAGE = 500
"""Entries of the past that are read from the store at once."""


class Page(NamedTuple):
    """A list, or a part of one."""

    versions: Sequence[Version]
    revision: int
    next_start: str = ""
    """The key from which the next page starts; "" at the end."""
    remaining: int | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """The list's own."""
        told: dict[str, Any] = {"resourceVersion": str(self.revision)}
        if self.next_start:
            told["continue"] = token(self.next_start, self.revision)
            if self.remaining is not None:
                told["remainingItemCount"] = self.remaining
        return told


def list_objects(at: Surroundings, call: Call, served: Served) -> Answer | Awaitable[Answer]:
    """200 and a list. Without an answer from the past no task is needed."""
    page = page_of(at, served, list_options(call, served))
    if isinstance(page, Page):
        return _answer(at, call, served, page)
    return _answer_later(at, call, served, page)


def page_of(at: Surroundings, served: Served, options: ListOptions) -> Page | Awaitable[Page]:
    """What a list shows. Raises, at once or when awaited, BadRequest, Expired, Timeout, ServiceUnavailable."""
    if options.continue_:
        start, revision = read_token(options.continue_)
        if options.resource_version and options.resource_version != "0":
            raise BadRequest("specifying resource version is not allowed when using continue")
        return _continue(at, served, options, start, revision)
    revision = _revision(options)
    exact = options.match == EXACT or (options.limit and revision and not options.match)
    if exact:
        return _at_revision(at, served, options, revision)
    waiting = wait_for(at, options.resource_version)
    if waiting is not None:
        return _newest_later(at, served, options, waiting)
    return _newest(at, served, options)


def _revision(options: ListOptions) -> int:
    try:
        return revision_of(options.resource_version)
    except NotARevision as error:
        raise BadRequest(f"invalid resource version: {error.message}") from None


async def _newest_later(at: Surroundings, served: Served, options: ListOptions, waiting: Awaitable[None]) -> Page:
    await waiting
    return _newest(at, served, options)


def _newest(at: Surroundings, served: Served, options: ListOptions, start: str = "", revision: int = 0) -> Page:
    """What the cache has, from a key on; `revision` is what the list calls itself (the cache's)."""
    found = served.cache.select(options.selection)
    if start:
        found = found[bisect_left(found, start, key=lambda version: version.key) :]
    limit = 0 if options.resource_version == "0" else options.limit
    cut = bool(limit) and (len(found) > limit or (len(found) == limit and _goes_on(served, options, found[-1].key)))
    remaining = len(found) - limit if cut and options.selection.everything else None
    return Page(
        found[:limit] if cut else found,
        revision or at.cache.revision,
        found[limit - 1].key + "\0" if cut else "",
        remaining,
    )


def _goes_on(served: Served, options: ListOptions, last: str) -> bool:
    """Whether anything follows, selected or not: upstream's page ends where it is full, and does not look further."""
    keys = served.cache.keys_in(options.selection.namespace)
    return bool(keys) and keys[-1] > last


async def _at_revision(at: Surroundings, served: Served, options: ListOptions, revision: int) -> Page:
    waiting = wait_for(at, options.resource_version)
    if waiting is not None:
        await waiting
    try:
        if await _is_as_then(at, served, revision):
            return _newest(at, served, options, "", revision)
        return await _past(at, served, options, "", revision)
    except Compacted:
        raise Expired("The resourceVersion for the provided list is too old.") from None


async def _continue(at: Surroundings, served: Served, options: ListOptions, start: str, revision: int) -> Page:
    waiting = wait_for(at, str(revision) if revision > 0 else "")
    if waiting is not None:
        await waiting
    if revision < 0:
        return _newest(at, served, options, start)
    try:
        if await _is_as_then(at, served, revision):
            return _newest(at, served, options, start, revision)
        return await _past(at, served, options, start, revision)
    except Compacted:
        raise ContinueExpired(token(start, INCONSISTENT)) from None


async def _is_as_then(at: Surroundings, served: Served, revision: int) -> bool:
    """Whether nothing of the kind changed since. Raises Compacted: history ends for all kinds alike, as etcd's does."""
    if served.cache.changed > revision:
        return False
    if revision < at.cache.revision:
        try:
            await at.backend.range(served.cache.prefix, limit=1, revision=revision)
        except StoreUnavailable as error:
            raise unavailable(error) from None
    return True


async def _past(at: Surroundings, served: Served, options: ListOptions, start: str, revision: int) -> Page:
    """Read the store as it was. Raises Compacted, ServiceUnavailable."""
    cache, selection = served.cache, options.selection
    prefix = cache.prefix + (f"{selection.namespace}/" if selection.namespace else "")
    found: list[Version] = []
    position = cache.prefix + start if start else ""
    while True:
        try:
            page = await at.backend.range(prefix, start=position, limit=PAST_PAGE, revision=revision)
        except StoreUnavailable as error:
            raise unavailable(error) from None
        for index, entry in enumerate(page.entries):
            version = cache.version_of(entry.key[len(cache.prefix) :], entry.value, entry.revision)
            if options.limit and len(found) == options.limit:
                rest = len(page.entries) - index + page.remaining if selection.everything else None
                return Page(found, revision, found[-1].key + "\0", rest)
            if selection.takes(version):
                found.append(version)
        if not page.more:
            return Page(found, revision)
        position = page.entries[-1].key + "\0"


async def _answer_later(at: Surroundings, call: Call, served: Served, page: Awaitable[Page]) -> Answer:
    answer = _answer(at, call, served, await page)
    return await answer if isawaitable(answer) else answer


def _answer(at: Surroundings, call: Call, served: Served, page: Page) -> Answer | Awaitable[Answer]:
    metadata = page.metadata
    missing = answer.unprepared(call, served, page.versions)
    if missing:
        return _prepared(at, call, served, page.versions, missing, metadata)
    return answer.listed(call, served, page.versions, metadata, at.now())


async def _prepared(
    at: Surroundings,
    call: Call,
    served: Served,
    versions: Sequence[Version],
    missing: Sequence[Version],
    metadata: dict[str, Any],
) -> Answer:
    await binary.prepare(served, missing)
    return answer.listed(call, served, versions, metadata, at.now())
