"""The policies that are bound, compiled when first needed and read again when a policy or a binding changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from kybern.api.policies import PolicyPrograms
from kybern.api.resource import Object, Resource
from kybern.api.selectors import SelectorError
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.matching import CONFIGURATION_GROUP, Equivalents, Match, match_of

REMEMBERED_LIMIT = 4096
_RULES, _EXCLUDED = "resourceRules", "excludeResourceRules"


@dataclass(frozen=True, slots=True)
class Binding:
    name: str
    spec: Object
    match: Match | None
    """None: it narrows nothing down."""


class Policy:
    """One policy with its bindings."""

    def __init__(
        self, obj: Object, match: Match, bindings: Sequence[Binding], compile_spec: Callable[[Object], PolicyPrograms]
    ) -> None:
        self.name: str = obj["metadata"]["name"]
        self.spec: Object = obj["spec"]
        self.match = match
        self.bindings = bindings
        self._compile = compile_spec

    @cached_property
    def programs(self) -> PolicyPrograms:
        return self._compile(self.spec)

    @property
    def fails_open(self) -> bool:
        return self.spec.get("failurePolicy") == "Ignore"


class Policies:
    """Of one kind: `validatingadmissionpolicies` or `mutatingadmissionpolicies`."""

    def __init__(
        self,
        lookup: Lookup,
        plural: str,
        equivalents: Equivalents,
        compile_spec: Callable[[Object], PolicyPrograms],
    ) -> None:
        self._lookup = lookup
        self._policies = lookup.cache(f"{plural}.{CONFIGURATION_GROUP}")
        bindings = plural.removesuffix("policies") + "policybindings"
        self._bindings = lookup.cache(f"{bindings}.{CONFIGURATION_GROUP}")
        self._equivalents = equivalents
        self._compile = compile_spec
        self._seen = (-1, -1)
        self._active: Sequence[Policy] = ()
        self._names_matter = False
        self._concerned: dict[tuple[str, ...], Sequence[tuple[Policy, Resource]]] = {}

    @property
    def any(self) -> bool:
        """Whether any policy is bound: costs nothing."""
        return bool(self._bindings.objects)

    def concerned(self, attributes: Attributes) -> Sequence[tuple[Policy, Resource]]:
        """Policies whose rules match, each with the version of the resource that it asks for."""
        if self._seen != (self._policies.changed, self._bindings.changed):
            self._read()
        resource = attributes.resource
        name = attributes.name if self._names_matter else ""
        key = (attributes.operation, attributes.subresource, resource.group, resource.version, resource.plural, name)
        found = self._concerned.get(key)
        if found is None:
            matching = ((policy, policy.match.resource(attributes, self._equivalents)) for policy in self._active)
            found = [(policy, wanted) for policy, wanted in matching if wanted is not None]
            if len(self._concerned) >= REMEMBERED_LIMIT:
                self._concerned.clear()
            self._concerned[key] = found
        return found

    def _read(self) -> None:
        self._seen = (self._policies.changed, self._bindings.changed)
        self._concerned.clear()
        bound: dict[str, list[Binding]] = {}
        for obj in self._lookup.list(self._bindings.resource.group_resource):
            spec = obj["spec"]
            resources = spec.get("matchResources")
            match = None if resources is None else match_of(resources, _RULES, _EXCLUDED)
            bound.setdefault(spec.get("policyName") or "", []).append(Binding(obj["metadata"]["name"], spec, match))
        active = []
        for obj in self._lookup.list(self._policies.resource.group_resource):
            if obj["metadata"]["name"] in bound:
                try:
                    match = match_of(obj["spec"].get("matchConstraints") or {}, _RULES, _EXCLUDED)
                except SelectorError:
                    continue  # Validation lets none in.
                active.append(Policy(obj, match, bound[obj["metadata"]["name"]], self._compile))
        self._active = active
        rules = (rule for policy in active for rule in (*policy.match.rules, *policy.match.excluded))
        self._names_matter = any(rule.get("resourceNames") for rule in rules)
