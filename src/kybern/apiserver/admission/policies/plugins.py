"""MutatingAdmissionPolicy and ValidatingAdmissionPolicy in the chain: what evaluates is loaded with the first policy that
is bound, for CEL takes time and memory that most servers never need."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.matching import CONFIGURATION_GROUP, is_exempt
from kybern.apiserver.admission.metrics import AdmissionMetrics
from kybern.apiserver.admission.versions import Versions
from kybern.apiserver.authorization.authorizer import Authorizer


class Bound:
    """Whether any policy of a kind is bound, and who evaluates it then."""

    def __init__(self, kind: str, lookup: Lookup, *parts: Any) -> None:
        """`kind`: `mutating` or `validating`."""
        self._bindings = lookup.cache(f"{kind}admissionpolicybindings.{CONFIGURATION_GROUP}").objects
        self._make: Callable[[], Any] = lambda: _made(kind, lookup, *parts)
        self._plugin: Any = None

    def plugin(self, attributes: Attributes) -> Any:
        """None: there is nothing to evaluate."""
        if not self._bindings or is_exempt(attributes):
            return None
        if self._plugin is None:
            self._plugin = self._make()
        return self._plugin


def _made(kind: str, *parts: Any) -> Any:
    return import_module(f"kybern.apiserver.admission.policies.{kind}").make(*parts)


class MutatingAdmissionPolicy(Plugin):
    def __init__(self, lookup: Lookup, versions: Versions, authorizer: Authorizer) -> None:
        self._bound = Bound("mutating", lookup, versions, authorizer)

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        plugin = self._bound.plugin(attributes)
        if plugin is not None:
            plugin.mutate(attributes, obj, old)


class ValidatingAdmissionPolicy(Plugin):
    def __init__(self, lookup: Lookup, versions: Versions, authorizer: Authorizer, metrics: AdmissionMetrics) -> None:
        self._bound = Bound("validating", lookup, versions, authorizer, metrics)

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        plugin = self._bound.plugin(attributes)
        if plugin is not None:
            plugin.validate(attributes, obj, old)
