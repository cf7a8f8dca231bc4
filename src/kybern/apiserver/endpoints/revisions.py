"""resourceVersions in requests: what a read must have seen.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

import asyncio
from collections.abc import Awaitable

from kybern.api.validation.field import quote
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.status import Unclassified, too_large_revision, unavailable
from kybern.base.errors import BadRequest
from kybern.storage.backend import StoreUnavailable

FRESH_SECONDS = 3.0
"""How long a read waits for a revision that is not there yet."""
_DIGITS = 20
"""A number of more digits has no place in 64 bits, and is not read: that costs more with each digit."""
_REVISION_LIMIT = 2**64 - 1
_INTEGER_LIMIT = 2**63


class NotARevision(Unclassified):
    """Upstream passes its storage's error on, but for lists."""


def revision_of(text: str) -> int:
    """A resourceVersion as a number; "" is 0. Raises NotARevision, in the words of upstream's versioner."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise _not_a_revision(text, "invalid syntax")
    revision = int(text) if len(text) <= _DIGITS else _REVISION_LIMIT + 1
    if revision > _REVISION_LIMIT:
        raise _not_a_revision(text, "value out of range")
    return revision


def _not_a_revision(text: str, why: str) -> NotARevision:
    shown = quote(text)
    return NotARevision(f"resourceVersion: Invalid value: {shown}: strconv.ParseUint: parsing {shown}: {why}")


def wait_for(at: Surroundings, resource_version: str) -> Awaitable[None] | None:
    """Something to await before a read is as fresh as asked; None: it is already."""
    if not resource_version:
        return _wait_newest(at) if at.shared_store else None
    revision = revision_of(resource_version)
    return None if revision <= at.cache.revision else _wait_revision(at, revision)


async def _wait_newest(at: Surroundings) -> None:
    try:
        newest = await at.backend.current_revision()
    except StoreUnavailable as error:
        raise unavailable(error) from None
    waiting = at.cache.wait(newest)
    if waiting is not None:
        await waiting


async def _wait_revision(at: Surroundings, revision: int) -> None:
    waiting = at.cache.wait(revision)
    if waiting is None:
        return
    try:
        async with asyncio.timeout(FRESH_SECONDS):
            await waiting
    except TimeoutError:
        raise too_large_revision(revision, at.cache.revision) from None


def integer(text: str) -> int:
    """A number in the query, as Go's strconv.ParseInt reads it. Raises BadRequest."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise BadRequest(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    number = int(text) if len(digits) <= _DIGITS else _INTEGER_LIMIT
    if not -_INTEGER_LIMIT <= number < _INTEGER_LIMIT:
        raise BadRequest(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    return number
