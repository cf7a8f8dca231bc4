"""MutatingAdmissionWebhook and ValidatingAdmissionWebhook.

Mutating ones are called one after another, each sees what those before it changed; validating ones all at once.
Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

import asyncio
import logging
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import orjson

from kybern.api.patch import json_patch
from kybern.api.patch.rfc6902 import PatchFailed
from kybern.api.resource import Object, Resource
from kybern.api.schema.codec import CannotHandle
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.matching import is_exempt, selects_namespace, selects_object
from kybern.apiserver.admission.metrics import ADMIT, CALLING, INTERNAL, NO_ERROR, VALIDATING, AdmissionMetrics
from kybern.apiserver.admission.reinvocation import Reinvocation
from kybern.apiserver.admission.versions import Versions, replace
from kybern.apiserver.admission.webhooks.calling import Caller, NotCalled, failure
from kybern.apiserver.admission.webhooks.hooks import Hook, Hooks
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.status import GivenStatus
from kybern.base.errors import InternalError, StatusError

if TYPE_CHECKING:
    from kybern.apiserver.admission.webhooks.conditions import Conditions

log = logging.getLogger(__name__)

MUTATED = "mutation.webhook.admission.k8s.io/"
PATCHED = "patch.webhook.admission.k8s.io/"
VALIDATED = "validating.webhook.admission.k8s.io/"
FAILED_OPEN = "failed-open."


class Dynamic(Plugin):
    """What both have in common."""

    def __init__(
        self,
        hooks: Hooks,
        lookup: Lookup,
        versions: Versions,
        caller: Caller,
        authorizer: Authorizer,
        metrics: AdmissionMetrics,
    ) -> None:
        self._hooks = hooks
        self._lookup = lookup
        self._versions = versions
        self._caller = caller
        self._authorizer = authorizer
        self._metrics = metrics
        self._conditions: Conditions | None = None

    def _concerned(self, attributes: Attributes) -> Sequence[tuple[Hook, Resource]]:
        if not self._hooks.any or is_exempt(attributes):
            return ()
        return self._hooks.concerned(attributes)

    def _selects(
        self, hook: Hook, wanted: Resource, attributes: Attributes, obj: Object | None, old: Object | None
    ) -> bool:
        """Whether selectors and conditions let the webhook be called. Raises StatusError."""
        if not selects_object(hook.match.objects, obj, old):
            return False
        if not selects_namespace(hook.match.namespaces, self._lookup, attributes, obj):
            return False
        if not hook.spec.get("matchConditions"):
            return True
        if self._conditions is None:
            from kybern.apiserver.admission.webhooks.conditions import Conditions

            self._conditions = Conditions(self._authorizer, self._versions)
        return self._conditions.hold(hook, wanted, attributes, obj, old)

    @contextmanager
    def _counted(self, hook: Hook, kind: str, operation: str) -> Iterator[None]:
        """Around one call: what came of it goes into the metrics."""
        started, metrics = self._metrics.now(), self._metrics
        code, error_type = 200, ""
        try:
            yield
        except NotCalled as error:
            code, error_type = error.code, "" if hook.fails_open else CALLING
            if hook.fails_open:
                metrics.failed_open(hook.name, kind)
            raise
        except GivenStatus as error:
            code, error_type = error.code, NO_ERROR
            raise
        except StatusError:
            code, error_type = 0, INTERNAL
            raise
        finally:
            if error_type:
                metrics.refused(hook.name, kind, operation, error_type, code)
            metrics.called(started, hook.name, kind, operation, code, rejected=bool(error_type))


class MutatingAdmissionWebhook(Dynamic):
    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> Awaitable[None] | None:
        concerned = self._concerned(attributes)
        return self._mutate(concerned, attributes, obj, old) if concerned else None

    def mutate_deletion(self, attributes: Attributes, old: Object) -> Awaitable[None] | None:
        concerned = self._concerned(attributes)
        return self._mutate(concerned, attributes, None, old) if concerned else None

    async def _mutate(
        self,
        concerned: Sequence[tuple[Hook, Resource]],
        attributes: Attributes,
        obj: Object | None,
        old: Object | None,
    ) -> None:
        turn = attributes.reinvocation = attributes.reinvocation or Reinvocation()
        turn.begin(self, obj)
        for hook, wanted in concerned:
            if not self._selects(hook, wanted, attributes, obj, old):
                continue
            if not turn.takes(self, hook):
                continue
            changed = await self._call(hook, wanted, attributes, obj, old, turn.round)
            turn.called(self, hook, changed=changed, again=hook.is_reinvoked)
        turn.end(self, obj)

    async def _call(
        self,
        hook: Hook,
        wanted: Resource,
        attributes: Attributes,
        obj: Object | None,
        old: Object | None,
        turn: int,
    ) -> bool:
        """Whether it changed the object. Raises StatusError."""
        shown, before = self._versions.shown(attributes, wanted, obj), self._versions.shown(attributes, wanted, old)
        mark = f"round_{turn}_index_{hook.index}"
        changed = False
        try:
            with self._counted(hook, ADMIT, attributes.operation):
                patch = await self._caller.ask(hook, attributes, wanted, shown, before, mutating=True)
                if patch:
                    changed = self._apply(hook, wanted, attributes, obj, shown, patch)
                    if attributes.tells_bodies:
                        attributes.annotations[PATCHED + mark] = _patched(hook, patch)
        except NotCalled as error:
            if not hook.fails_open:
                raise failure(hook, error) from None
            log.warning("%s: %s", hook.name, error)
            attributes.annotations[f"{FAILED_OPEN}{MUTATED}{mark}"] = hook.name
        finally:
            told = {"configuration": hook.configuration, "webhook": hook.name, "mutated": changed}
            attributes.annotations[MUTATED + mark] = orjson.dumps(told).decode()
        return changed

    def _apply(
        self,
        hook: Hook,
        wanted: Resource,
        attributes: Attributes,
        obj: Object | None,
        shown: Object | None,
        patch: list[object],
    ) -> bool:
        """Raises InternalError."""
        if obj is None or shown is None:
            raise _internal(
                f'admission webhook "{hook.name}" attempted to modify the object, which is not supported for this '
                "operation"
            )
        try:
            new = self._versions.taken(attributes, wanted, obj, json_patch(shown, patch))
        except StatusError as error:
            raise _internal(_fault(error)) from None
        if new == obj:
            return False
        replace(obj, new)
        return True


class ValidatingAdmissionWebhook(Dynamic):
    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> Awaitable[None] | None:
        concerned = self._concerned(attributes)
        return self._validate(concerned, attributes, obj, old) if concerned else None

    async def _validate(
        self,
        concerned: Sequence[tuple[Hook, Resource]],
        attributes: Attributes,
        obj: Object | None,
        old: Object | None,
    ) -> None:
        selected = [each for each in concerned if self._selects(*each, attributes, obj, old)]
        calls = [self._call(index, hook, wanted, attributes, obj, old) for index, (hook, wanted) in enumerate(selected)]
        errors = [error for error in await asyncio.gather(*calls) if error is not None]
        if errors:
            raise errors[0]

    async def _call(
        self,
        index: int,
        hook: Hook,
        wanted: Resource,
        attributes: Attributes,
        obj: Object | None,
        old: Object | None,
    ) -> StatusError | None:
        shown, before = self._versions.shown(attributes, wanted, obj), self._versions.shown(attributes, wanted, old)
        try:
            with self._counted(hook, VALIDATING, attributes.operation):
                await self._caller.ask(hook, attributes, wanted, shown, before, mutating=False)
        except NotCalled as error:
            if not hook.fails_open:
                return failure(hook, error)
            log.warning("%s: %s", hook.name, error)
            attributes.annotations[f"{FAILED_OPEN}{VALIDATED}round_0_index_{index}"] = hook.name
        except StatusError as error:
            return error
        return None


def _fault(error: StatusError) -> str:
    """Why a patch was not applied, without the words for clients that send patches or objects themselves."""
    if isinstance(error, PatchFailed):
        return error.detail
    return error.fault if isinstance(error, CannotHandle) else error.message


def _patched(hook: Hook, patch: list[object]) -> str:
    told = {"configuration": hook.configuration, "webhook": hook.name, "patch": patch, "patchType": "JSONPatch"}
    return orjson.dumps(told).decode()


def _internal(text: str) -> InternalError:
    return InternalError(f"Internal error occurred: {text}", details={"causes": [{"message": text}]})
