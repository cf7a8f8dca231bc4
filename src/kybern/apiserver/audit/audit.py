"""The audit stage: asks the policy what to tell of a request, and tells it at each of its stages.

Without sinks it costs one comparison. Invariant: what fails here is logged and counted, and fails no request.
"""

import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, runtime_checkable

from kybern.apiserver.audit.event import line
from kybern.apiserver.audit.policy import (
    NONE,
    REQUEST_RECEIVED,
    RESPONSE_COMPLETE,
    RESPONSE_STARTED,
    Policy,
    Verdict,
)
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
        self._policy = policy
        self.events = 0
        """Told so far."""
        self.errors = 0
        """Events that the sink would not take."""

    def received(self, call: Call) -> None:
        """The user is known, nothing else has happened."""
        if not self._sinks:
            return
        verdict = self._policy.verdict(call.user, call.info)
        if verdict.level != NONE:
            call.audit_verdict = verdict
            self._tell(call, REQUEST_RECEIVED, None)

    def refused(self, call: Call, answer: Answer) -> None:
        """Nobody knows who sent this: one event, at the stage where the answer goes out."""
        if not self._sinks:
            return
        verdict = self._policy.verdict(NOBODY, call.info)
        if verdict.level != NONE:
            call.audit_verdict = verdict
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
            sink.close()

    def _follow(self, call: Call, answer: Upgrade) -> None:
        run = answer.run

        async def followed(connection: Connection) -> None:
            try:
                await run(connection)
            finally:
                self._tell(call, RESPONSE_COMPLETE, answer)

        answer.run = followed

    def _tell(self, call: Call, stage: str, answer: Answer | None) -> None:
        verdict = call.audit_verdict
        if verdict is None or stage in verdict.omit_stages:
            return
        try:
            seconds = self._clock.monotonic() - call.started
            told = line(call, verdict, stage, self._clock.now(), seconds, answer)
        except Exception:
            # A fault in here must fail no request.
            self.errors += 1
            log.exception("an audit event is lost")
            return
        self.events += 1
        for sink in self._sinks:
            try:
                sink.write(told)
            except OSError as error:
                # A full disk, a webhook that does not keep up: upstream's backends drop events too.
                self.errors += 1
                log.error("an audit event is lost: %s", error)
