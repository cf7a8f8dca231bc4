"""resourceVersions in requests: what a read must have seen.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

import asyncio
from collections.abc import Awaitable

from kybern.api.resource import Resource
from kybern.api.validation.field import invalid
from kybern.apiserver import status
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.status import too_large_revision, unavailable
from kybern.base.errors import BadRequest
from kybern.storage.backend import StoreUnavailable

FRESH_SECONDS = 3.0
"""How long a read waits for a revision that is not there yet."""


def revision_of(text: str) -> int:
    """A resourceVersion as a number; "" is 0. Raises Invalid."""
    if not text:
        return 0
    if not text.isdecimal():
        options = Resource("", "v1", "ListOptions", "", False)
        raise status.invalid(options, "", [invalid("resourceVersion", text, "must be a valid resource version")])
    return int(text)


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


def integer(text: str, name: str) -> int:
    """A number in the query. Raises BadRequest."""
    if not text:
        return 0
    try:
        return int(text)
    except ValueError:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
