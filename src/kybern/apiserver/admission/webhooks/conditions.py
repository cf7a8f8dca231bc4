"""Match conditions of webhooks. Loaded when a webhook first has some: CEL is not for free."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from kybern.api.policies import Expression, Failed, condition_programs, conditions_hold
from kybern.api.resource import Object, Resource
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.policies.values import Values
from kybern.apiserver.admission.versions import Versions
from kybern.apiserver.admission.webhooks.hooks import Hook
from kybern.apiserver.authorization.authorizer import Authorizer


class Conditions:
    """Compiled once for each hook."""

    def __init__(self, authorizer: Authorizer, versions: Versions) -> None:
        self._values = Values(authorizer)
        self._versions = versions
        self._compiled: WeakKeyDictionary[Hook, Sequence[Expression]] = WeakKeyDictionary()

    def hold(
        self, hook: Hook, wanted: Resource, attributes: Attributes, obj: Object | None, old: Object | None
    ) -> bool:
        """Raises Forbidden where a condition fails and failures must not be ignored."""
        programs = self._compiled.get(hook)
        if programs is None:
            programs = self._compiled[hook] = condition_programs(hook.spec["matchConditions"])
        shown, before = self._versions.shown(attributes, wanted, obj), self._versions.shown(attributes, wanted, old)
        values = self._values.of(attributes, wanted, shown, before)
        try:
            return conditions_hold(programs, values, hook.fails_open)
        except Failed as failure:
            raise attributes.forbidden(obj, str(failure)) from None
