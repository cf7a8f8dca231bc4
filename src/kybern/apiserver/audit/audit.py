"""The audit stage: asks the policy what to tell of a request, and tells it at each of its stages.

Without a sink it costs one comparison. Invariant: what fails here is logged and counted, and fails no request.
"""

import logging
from typing import Protocol

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
from kybern.base.clock import Clock
from kybern.transport.exchange import Answer, Connection, Stream, Upgrade

log = logging.getLogger(__name__)

NOTHING = Policy((), Verdict(NONE))
"""Without a policy file nothing is told, as upstream."""


class Sink(Protocol):
    """Takes lines; never waits. Raises OSError."""

    def write(self, line: bytes) -> None: ...

    def close(self) -> None: ...


class Audit:
    """Hooks of the stages."""

    def __init__(self, clock: Clock, sink: Sink | None = None, policy: Policy = NOTHING) -> None:
        self._clock = clock
        self._sink = sink
        self._policy = policy
        self.events = 0
        """Told so far."""
        self.errors = 0
        """Events that the sink would not take."""

    def received(self, call: Call) -> None:
        """The user is known, nothing else has happened."""
        if self._sink is None:
            return
        verdict = self._policy.verdict(call.user, call.info)
        if verdict.level != NONE:
            call.audit_verdict = verdict
            self._tell(call, REQUEST_RECEIVED, None)

    def answered(self, call: Call, answer: Answer) -> None:
        """The answer is made; a stream and an upgraded connection are told of again when they end."""
        if self._sink is None or call.audit_verdict is None:
            return
        if isinstance(answer, Stream):
            self._tell(call, RESPONSE_STARTED, answer)
            answer.ended = lambda: self._tell(call, RESPONSE_COMPLETE, answer)
        elif isinstance(answer, Upgrade):
            self._tell(call, RESPONSE_STARTED, answer)
            self._follow(call, answer)
        else:
            self._tell(call, RESPONSE_COMPLETE, answer)

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()

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
        if self._sink is None or verdict is None or stage in verdict.omit_stages:
            return
        try:
            seconds = self._clock.monotonic() - call.started
            self._sink.write(line(call, verdict, stage, self._clock.now(), seconds, answer))
            self.events += 1
        except Exception:
            # A full disk or a fault in here must not fail requests: upstream's backends drop events too.
            self.errors += 1
            log.exception("an audit event is lost")
