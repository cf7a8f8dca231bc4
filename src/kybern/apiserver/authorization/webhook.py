"""A webhook that decides who may do what: it is sent a SubjectAccessReview.

Source: https://kubernetes.io/docs/reference/access-authn-authz/webhook/
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from kybern.api.cel import DYN, Environment, compile_expression
from kybern.apiserver.authentication.remote import Remote, RemoteError, review_status
from kybern.apiserver.authorization.configuration import ConfigurationError, Webhook
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import User
from kybern.base.clock import Clock
from kybern.base.errors import KybernError

log = logging.getLogger(__name__)

REMEMBERED_LIMIT = 8192
_STATUS = "io.k8s.api.authorization.v1.SubjectAccessReviewStatus"

Key = tuple[User, str, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """Neither allowed nor denied: no opinion."""

    allowed: bool = False
    denied: bool = False
    reason: str = ""


class WebhookAuthorizer:
    """Remembers answers. Raises ConfigurationError when a match condition is no expression."""

    def __init__(self, told: Webhook, remote: Remote, clock: Clock) -> None:
        self._told = told
        self._remote = remote
        self._clock = clock
        self._known: dict[Key, tuple[Answer, float]] = {}
        environment = Environment({"request": DYN})
        try:
            self._conditions = [compile_expression(each, environment) for each in told.conditions]
        except KybernError as error:
            raise ConfigurationError(f"matchConditions: {error}") from error

    def known(self, user: User, info: RequestInfo) -> Answer | None:
        """What was answered lately."""
        found = self._known.get(_key(user, info))
        return found[0] if found is not None and found[1] > self._clock.monotonic() else None

    async def decide(self, user: User, info: RequestInfo) -> Answer:
        """Ask, unless it is known."""
        known = self.known(user, info)
        if known is not None:
            return known
        spec = _spec(user, info)
        try:
            if not all(each.evaluate({"request": spec}) is True for each in self._conditions):
                return Answer()
            async with asyncio.timeout(self._told.timeout):
                review = {
                    "apiVersion": f"authorization.k8s.io/{self._told.version}",
                    "kind": "SubjectAccessReview",
                    "metadata": {"creationTimestamp": None},
                    "spec": spec,
                    "status": {"allowed": False},
                }
                state = review_status(await self._remote.post(review), _STATUS)
        except (RemoteError, KybernError, TimeoutError) as error:
            log.warning("webhook authorizer: %s", error)
            return Answer(denied=self._told.denies_on_failure, reason=str(error))
        answer = Answer(state.get("allowed", False), state.get("denied", False), state.get("reason", ""))
        if len(self._known) >= REMEMBERED_LIMIT:
            self._known.clear()
        ttl = self._told.authorized_ttl if answer.allowed else self._told.unauthorized_ttl
        self._known[_key(user, info)] = (answer, self._clock.monotonic() + ttl)
        return answer


def _key(user: User, info: RequestInfo) -> Key:
    selector = info.path if not info.is_resource else info.field_selector
    return (user, info.verb, info.group, info.resource, info.subresource, info.namespace, info.name, selector)


def _spec(user: User, info: RequestInfo) -> dict[str, Any]:
    spec: dict[str, Any] = {"user": user.name}
    if user.groups:
        spec["groups"] = list(user.groups)
    if user.extra:
        spec["extra"] = {key: list(values) for key, values in user.extra}
    if user.uid:
        spec["uid"] = user.uid
    if not info.is_resource:
        spec["nonResourceAttributes"] = {"path": info.path, "verb": info.verb}
        return spec
    attributes = {
        "namespace": info.namespace,
        "verb": info.verb,
        "group": info.group,
        "version": info.version,
        "resource": info.resource,
        "subresource": info.subresource,
        "name": info.name,
    }
    spec["resourceAttributes"] = {key: value for key, value in attributes.items() if value}
    if info.field_selector:
        spec["resourceAttributes"]["fieldSelector"] = {"rawSelector": info.field_selector}
    return spec
