"""The audit stage: asks the policy what to tell of a request, and tells it at each of its stages.

Without sinks it costs one comparison. Invariant: what fails here is logged and counted, and fails no request.
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, runtime_checkable

from kybern.apiserver.audit.event import line, moment
from kybern.apiserver.audit.policy import (
    NONE,
    REQUEST_RECEIVED,
    RESPONSE_COMPLETE,
    RESPONSE_STARTED,
    Policy,
    Verdict,
)
from kybern.apiserver.audit.verdicts import Verdicts
from kybern.apiserver.call import Call
from kybern.apiserver.user import User
from kybern.base.clock import Clock
from kybern.transport.exchange import Answer, Connection, Stream, Upgrade

log = logging.getLogger(__name__)

NOBODY = User("", ())
NOTHING = Policy((), Verdict(NONE))
"""Without a policy file nothing is told, as upstream."""


class Sink(Protocol):
    """Takes lines; never waits. Raises OSError."""

    def write(self, line: bytes) -> None: ...

    def flush(self) -> None:
        """What was written is out of this process' hands, if it can be without waiting."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Background(Protocol):
    """A sink that sends what it was given while the server runs."""

    async def run(self) -> None:
        """For ever."""
        ...


class Audit:
    """Hooks of the stages."""

    def __init__(self, clock: Clock, sinks: Sequence[Sink] = (), policy: Policy = NOTHING) -> None:
        self._clock = clock
        self._sinks = tuple(sinks)
        self._verdicts = Verdicts(policy)
        self._waiting = 0
        """Events that were told since the last flush."""
        self.events = 0
        """Told so far."""
        self.errors = 0
        """Events that the sink would not take."""

    def received(self, call: Call) -> None:
        """The user is known, nothing else has happened."""
        if not self._sinks:
            return
        verdict = self._verdicts.of(call.user, call.info)
        if verdict.level != NONE:
            call.audit_verdict = verdict
            call.audit_received = self._came(call)
            if REQUEST_RECEIVED not in verdict.omit_stages:
                self._take(call, verdict, REQUEST_RECEIVED, call.audit_received, None)
                self._flush_soon()

    def refused(self, call: Call, answer: Answer) -> None:
        """Nobody knows who sent this: one event, at the stage where the answer goes out."""
        if not self._sinks:
            return
        verdict = self._verdicts.of(NOBODY, call.info)
        if verdict.level != NONE:
            call.audit_verdict = verdict
            call.audit_received = self._came(call)
            self._tell(call, RESPONSE_STARTED, answer)

    def answered(self, call: Call, answer: Answer) -> None:
        """The answer is made; a stream and an upgraded connection are told of again when they end."""
        if call.audit_verdict is None:
            return
        if isinstance(answer, Stream):
            self._tell(call, RESPONSE_STARTED, answer)
            answer.ended = lambda: self._tell(call, RESPONSE_COMPLETE, answer)
        elif isinstance(answer, Upgrade):
            self._tell(call, RESPONSE_STARTED, answer)
            self._follow(call, answer)
        else:
            self._tell(call, RESPONSE_COMPLETE, answer)

    def loops(self) -> Sequence[Coroutine[Any, Any, None]]:
        """To be run for as long as the server runs."""
        return [sink.run() for sink in self._sinks if isinstance(sink, Background)]

    def close(self) -> None:
        for sink in self._sinks:
            try:
                sink.close()
            except OSError as error:
                self._lose(error, self._waiting)

    def _follow(self, call: Call, answer: Upgrade) -> None:
        run = answer.run

        async def followed(connection: Connection) -> None:
            try:
                await run(connection)
            finally:
                self._tell(call, RESPONSE_COMPLETE, answer)

        answer.run = followed

    def _came(self, call: Call) -> bytes:
        """When the request did."""
        return moment(self._clock.now() - (self._clock.monotonic() - call.started))

    def _tell(self, call: Call, stage: str, answer: Answer) -> None:
        """What is told of an answer is with the kernel before the answer goes, as in upstream's blocking mode."""
        verdict = call.audit_verdict
        if verdict is None or stage in verdict.omit_stages:
            return
        self._take(call, verdict, stage, moment(self._clock.now()), answer)
        self._flush()

    def _take(self, call: Call, verdict: Verdict, stage: str, when: bytes, answer: Answer | None) -> None:
        try:
            told = line(call, verdict, stage, when, answer)
        except Exception:
            # A fault in here must fail no request.
            self.errors += 1
            log.exception("an audit event is lost")
            return
        self.events += 1
        self._waiting += 1
        for sink in self._sinks:
            try:
                sink.write(told)
            except OSError as error:
                self._lose(error, 1)

    def _flush_soon(self) -> None:
        """When this turn of the loop ends, for all that came in it: before anything that they write can be durable."""
        if self._waiting == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, 0
        for sink in self._sinks if waiting else ():
            try:
                sink.flush()
            except OSError as error:
                self._lose(error, waiting)

    def _lose(self, error: OSError, events: int) -> None:
        """A full disk, a webhook that does not keep up: upstream's backends drop events too."""
        self.errors += events
        log.error("audit events are lost: %s", error)
