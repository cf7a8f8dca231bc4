"""Audit events to another server, in batches (`--audit-webhook-config-file`).

Requests never wait for it: what it cannot take in time is dropped and counted, as upstream's batching mode does.
Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#webhook-backend
"""

import asyncio
import logging
from collections import deque

import orjson

from kybern.apiserver.audit.policy import API_VERSION
from kybern.apiserver.authentication.remote import Remote, RemoteError
from kybern.base.clock import Clock

log = logging.getLogger(__name__)

BUFFER_LIMIT = 10_000
"""Events that may wait (upstream's --audit-webhook-batch-buffer-size)."""
BATCH_LIMIT = 400
BATCH_SECONDS = 30.0
"""How long the first event of a batch waits for others."""
ATTEMPTS = 5
BACKOFF_SECONDS = 10.0
"""Before the second attempt (upstream's --audit-webhook-initial-backoff); half as much again before each further one."""


class BufferFull(OSError):
    """The other server does not keep up."""


class WebhookSink:
    """`run` sends what `write` has been given."""

    def __init__(self, remote: Remote, clock: Clock, *, batch_seconds: float = BATCH_SECONDS) -> None:
        self._remote = remote
        self._clock = clock
        self._batch_seconds = batch_seconds
        self._waiting: deque[bytes] = deque()
        self._some = asyncio.Event()
        self._many = asyncio.Event()

    def write(self, line: bytes) -> None:
        """Raises BufferFull."""
        if len(self._waiting) >= BUFFER_LIMIT:
            raise BufferFull("the audit webhook's buffer is full")
        self._waiting.append(line)
        self._some.set()
        if len(self._waiting) >= BATCH_LIMIT:
            self._many.set()

    def flush(self) -> None:
        """Nothing: what is sent waits for its batch."""

    def close(self) -> None:
        """What still waits is dropped with the process."""

    async def run(self) -> None:
        """For ever; what is left when it is cancelled is sent once more."""
        try:
            while True:
                await self._some.wait()
                try:
                    async with asyncio.timeout(self._batch_seconds):
                        await self._many.wait()
                except TimeoutError:
                    pass  # A batch that is not full goes as it is.
                await self._send(self._take(), ATTEMPTS)
        finally:
            while self._waiting:
                await asyncio.shield(self._send(self._take(), 1))

    def _take(self) -> list[bytes]:
        batch = [self._waiting.popleft() for _ in range(min(BATCH_LIMIT, len(self._waiting)))]
        if not self._waiting:
            self._some.clear()
        if len(self._waiting) < BATCH_LIMIT:
            self._many.clear()
        return batch

    async def _send(self, batch: list[bytes], attempts: int) -> None:
        body = {
            "kind": "EventList",
            "apiVersion": API_VERSION,
            "metadata": {},
            "items": [orjson.Fragment(line) for line in batch],
        }
        pause = BACKOFF_SECONDS
        for attempt in range(attempts):
            try:
                await self._remote.send(body)
                return
            except RemoteError as error:
                log.warning("audit webhook: %s", error)
                if attempt < attempts - 1:
                    await self._clock.sleep(pause)
                    pause *= 1.5
        log.error("audit webhook: %d events are lost", len(batch))
