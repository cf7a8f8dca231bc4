"""One call of one webhook: asked, answered, and what of it becomes an error in upstream's words."""

from dataclasses import dataclass
from typing import Any

from kybern.api.resource import Object, Resource
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.webhooks.answer import Unreadable
from kybern.apiserver.admission.webhooks.hooks import Hook
from kybern.apiserver.admission.webhooks.review import (
    Unacceptable,
    UnusablePatch,
    Verdict,
    question,
    verdict,
    version_of,
)
from kybern.apiserver.status import GivenStatus
from kybern.apiserver.webhooks.client import CallFailed, WebhookClient
from kybern.base.errors import BadRequest, InternalError, StatusError
from kybern.base.ids import Ids

_SAFE = ("None", "NoneOnDryRun")
LAST_CODE = 999
"""HTTP has none above; upstream breaks the connection where a webhook wants one."""


class NotCalled(Exception):
    """The webhook gave no valid answer: its failurePolicy decides."""

    def __init__(self, message: str, code: int = 503) -> None:
        super().__init__(message)
        self.code = code
        """That it is counted under."""


@dataclass(frozen=True, slots=True)
class Caller:
    client: WebhookClient
    ids: Ids

    async def ask(
        self,
        hook: Hook,
        attributes: Attributes,
        wanted: Resource,
        obj: Object | None,
        old: Object | None,
        *,
        mutating: bool,
    ) -> list[Any] | None:
        """The patch that it wants, if it allows. Raises NotCalled, StatusError (it refuses)."""
        if attributes.dry_run and hook.spec.get("sideEffects") not in _SAFE:
            raise BadRequest(f'admission webhook "{hook.name}" does not support dry run')
        found = await self._call(hook, attributes, wanted, obj, old, mutating=mutating)
        for key, value in found.annotations.items():
            attributes.annotations[f"{hook.name}/{key}"] = value
        for text in found.warnings:
            attributes.warn(text)
        if not found.allowed:
            raise refusal(hook.name, found.result)
        return found.patch

    async def _call(
        self,
        hook: Hook,
        attributes: Attributes,
        wanted: Resource,
        obj: Object | None,
        old: Object | None,
        *,
        mutating: bool,
    ) -> Verdict:
        uid = self.ids.uid()
        try:
            version = version_of(hook.spec)
        except Unacceptable as error:
            raise NotCalled(f"could not create admission objects: {error}", 400) from None
        body = question(uid, version, attributes, wanted, obj, old)
        try:
            answer = await self.client.post(hook.spec["clientConfig"], body, hook.timeout_seconds)
        except CallFailed as error:
            raise NotCalled(f"failed to call webhook: {error}", error.status or 503) from None
        try:
            return verdict(answer, uid, version, mutating=mutating)
        except Unreadable as error:
            raise NotCalled(f"failed to call webhook: {error}") from None
        except UnusablePatch as error:
            raise NotCalled(str(error)) from None
        except Unacceptable as error:
            raise NotCalled(f"received invalid webhook response: {error}") from None


def failure(hook: Hook, error: NotCalled) -> StatusError:
    """What a write fails with when a webhook must be called and cannot."""
    text = f'failed calling webhook "{hook.name}": {error}'
    return InternalError(f"Internal error occurred: {text}", details={"causes": [{"message": text}]})


def refusal(name: str, result: Object | None) -> GivenStatus:
    """The webhook's own status, said to be its."""
    said = dict(result or {})
    denied = f'admission webhook "{name}" denied the request'
    explained = said.get("message") or said.get("reason")
    said["message"] = f"{denied}: {explained}" if explained else f"{denied} without explanation"
    code = said.get("code")
    said["code"] = code if isinstance(code, int) and 400 <= code <= LAST_CODE else 400
    if said.get("status") in (None, "", "Success"):
        said["status"] = "Failure"
    return GivenStatus(said)
