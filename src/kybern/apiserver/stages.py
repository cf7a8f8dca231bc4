"""The way of a request, one visible list: authenticate, audit, limit, authorise, then the endpoint.

A stage is a function of the call that refuses by raising a StatusError. The limit may have to wait, and so may those who
ask others (webhooks, issuers of tokens); where none has to, a request that is answered from the cache costs no task. What
must happen at the end of every request happens in `finish`.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from inspect import isawaitable

from kybern.apiserver.answer import failed
from kybern.apiserver.audit.audit import Audit
from kybern.apiserver.authentication.authenticator import Authenticator
from kybern.apiserver.authentication.impersonation import impersonated
from kybern.apiserver.authorization.authorizer import Authorizer, forbidden
from kybern.apiserver.call import Call
from kybern.apiserver.deadline import check_timeout
from kybern.apiserver.flow.control import FlowControl
from kybern.apiserver.metrics.metrics import Metrics
from kybern.apiserver.request_info import request_info
from kybern.apiserver.status import NO_SNIFFING, TEXT
from kybern.apiserver.user import ANONYMOUS_USER, User
from kybern.apiserver.warnings import warning_headers
from kybern.base.clock import Clock
from kybern.base.errors import Forbidden, InternalError, NoRepresentation, StatusError
from kybern.base.ids import Ids
from kybern.transport.exchange import Answer, Request, Response, Stream, Upgrade

log = logging.getLogger(__name__)

_IGNORED_TOKEN = "the provided Authorization header contains extra space before the bearer token, and is ignored"
_UNCACHED = ("Cache-Control", "no-cache, private")

Stage = Callable[[Call], Awaitable[None] | None]
Endpoint = Callable[[Call], Answer | Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Gate:
    """What the stages decide by."""

    authenticator: Authenticator
    authorizer: Authorizer
    flow: FlowControl
    audit: Audit

    def authenticate(self, call: Call) -> Awaitable[None] | None:
        user = self.authenticator.authenticate(call.request)
        if isinstance(user, User):
            call.user, call.authenticated = user, True
            if user is ANONYMOUS_USER and _has_misplaced_token(call.request):
                call.warnings.append(_IGNORED_TOKEN)
            return None
        return self._authenticated(call, user)

    async def _authenticated(self, call: Call, user: Awaitable[User]) -> None:
        call.user, call.authenticated = await user, True

    def impersonate(self, call: Call) -> None:
        if "impersonate-user" in call.request.headers or any(
            name.startswith("impersonate-") for name in call.request.headers
        ):
            other = impersonated(call.request, call.info, call.user, self.authorizer.check, forbidden)
            if other is not None:
                call.impersonator, call.user = call.user, other

    def begin_audit(self, call: Call) -> None:
        self.audit.received(call)

    def limit(self, call: Call) -> Awaitable[None] | None:
        return self.flow.enter(call)

    def authorize(self, call: Call) -> Awaitable[None] | None:
        if call.audit_verdict is None or self.authorizer.asks_others:
            return self.authorizer.begin_check(call.user, call.info)
        told = call.audit_annotations
        try:
            self.authorizer.check(call.user, call.info)
        except Forbidden:
            told["authorization.k8s.io/decision"] = "forbid"
            told["authorization.k8s.io/reason"] = self.authorizer.reason(call.user, call.info)
            raise
        told["authorization.k8s.io/decision"] = "allow"
        told["authorization.k8s.io/reason"] = self.authorizer.allowed_by(call.user, call.info)
        return None


class Stages:
    """The handler that the transport calls."""

    def __init__(self, clock: Clock, gate: Gate, endpoint: Endpoint, metrics: Metrics, ids: Ids) -> None:
        self._clock = clock
        self._gate = gate
        self._endpoint = endpoint
        self._metrics = metrics
        self._audit_prefix = ids.uid()[:24]
        self._requests = 0
        self.stages: Sequence[Stage] = (
            gate.authenticate,
            gate.begin_audit,
            gate.impersonate,
            gate.limit,
            gate.authorize,
        )

    def _next_audit_id(self) -> str:
        """Unique, and cheap: what is random about it is the process', the rest counts."""
        self._requests += 1
        return f"{self._audit_prefix}{self._requests:012x}"

    def __call__(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer at once where nothing has to be waited for."""
        call = Call(request, request_info(request), self._clock.monotonic())
        call.audit_id = request.headers.get("audit-id") or self._next_audit_id()
        try:
            if "timeout" in request.query:
                check_timeout(call)
            for index, stage in enumerate(self.stages):
                waiting = stage(call)
                if waiting is not None:
                    return self._later(call, self._resume(call, waiting, self.stages[index + 1 :]))
            answer = self._endpoint(call)
        except Exception as error:
            return self._finish(call, _failed(call, error))
        if isinstance(answer, Response):
            return self._finish(call, answer)
        if isawaitable(answer):
            return self._later(call, answer)
        return self._finish(call, answer)

    async def _resume(self, call: Call, waiting: Awaitable[None], stages: Sequence[Stage]) -> Answer:
        """Go on behind a stage that had to wait."""
        await waiting
        for stage in stages:
            further = stage(call)
            if further is not None:
                await further
        answer = self._endpoint(call)
        return await answer if isawaitable(answer) else answer

    async def _later(self, call: Call, answer: Awaitable[Answer]) -> Answer:
        try:
            return self._finish(call, await answer)
        except Exception as error:
            return self._finish(call, _failed(call, error))
        finally:
            self._gate.flow.leave(call)

    def _finish(self, call: Call, answer: Answer) -> Answer:
        if call.ticket is not None:
            self._gate.flow.leave(call)
        if not isinstance(answer, Upgrade):
            if answer.status >= 400 and answer.content_type == TEXT and NO_SNIFFING not in answer.headers:
                answer.headers = (NO_SNIFFING, *answer.headers)  # Go's http.Error says so to browsers.
            given = answer.headers
            kept = () if given and any(name == "Cache-Control" for name, _ in given) else (_UNCACHED,)
            answer.headers = (("Audit-Id", call.audit_id), *kept, *call.flow_headers, *given)
            if call.warnings:
                answer.headers = [*answer.headers, *warning_headers(call.warnings)]
        status = answer.status if isinstance(answer, Response | Stream) else 101
        self._metrics.observe(call, status, self._clock.monotonic() - call.started)
        if call.authenticated:
            self._gate.audit.answered(call, answer)
        else:
            self._gate.audit.refused(call, answer)
        return answer


def _has_misplaced_token(request: Request) -> bool:
    return request.headers.get("authorization", "").strip().lower().startswith("bearer  ")


def _failed(call: Call, error: Exception) -> Response:
    if isinstance(error, NoRepresentation):
        call.warnings.clear()  # Upstream's router refuses before anything could warn.
    if isinstance(error, StatusError):
        return failed(call.request, error)
    log.error("%s %s failed", call.request.method, call.request.path, exc_info=error)
    return failed(call.request, InternalError(f"Internal error occurred: {type(error).__name__}: {error}"))
