"""The webhooks that are configured, read again when a configuration changes; which of them a write concerns is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass

from kybern.api.resource import Object, Resource
from kybern.api.selectors import SelectorError
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.matching import Equivalents, Match, match_of

REMEMBERED_LIMIT = 4096
DEFAULT_SECONDS = 10


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Hook:
    """One webhook of a configuration."""

    index: int
    """Among all of its kind, as audit annotations count."""
    configuration: str
    name: str
    spec: Object
    match: Match

    @property
    def fails_open(self) -> bool:
        return self.spec.get("failurePolicy") == "Ignore"

    @property
    def timeout_seconds(self) -> int:
        return int(self.spec.get("timeoutSeconds") or DEFAULT_SECONDS)

    @property
    def is_reinvoked(self) -> bool:
        return self.spec.get("reinvocationPolicy") == "IfNeeded"


class Hooks:
    """Of one kind of configuration."""

    def __init__(self, lookup: Lookup, plural: str, equivalents: Equivalents) -> None:
        self._cache = lookup.cache(f"{plural}.admissionregistration.k8s.io")
        self._lookup = lookup
        self._equivalents = equivalents
        self._seen = -1
        self._hooks: Sequence[Hook] = ()
        self._concerned: dict[tuple[object, ...], Sequence[tuple[Hook, Resource]]] = {}

    @property
    def any(self) -> bool:
        """Whether there is any configuration: costs nothing."""
        return bool(self._cache.objects)

    def concerned(self, attributes: Attributes) -> Sequence[tuple[Hook, Resource]]:
        """Hooks whose rules match, each with the version of the resource that it asks for."""
        if self._cache.changed != self._seen:
            self._read()
        resource = attributes.resource
        key = (attributes.operation, attributes.subresource, resource.group, resource.version, resource.plural)
        found = self._concerned.get(key)
        if found is None:
            matching = ((hook, hook.match.resource(attributes, self._equivalents)) for hook in self._hooks)
            found = [(hook, wanted) for hook, wanted in matching if wanted is not None]
            if len(self._concerned) >= REMEMBERED_LIMIT:
                self._concerned.clear()
            self._concerned[key] = found
        return found

    def _read(self) -> None:
        self._seen = self._cache.changed
        self._concerned.clear()
        hooks: list[Hook] = []
        for configuration in self._lookup.list(self._cache.resource.group_resource):
            for spec in configuration.get("webhooks") or ():
                try:
                    match = match_of(spec, "rules")
                except SelectorError:
                    continue  # Validation lets none in; what an older server has stored selects nothing.
                name = configuration["metadata"]["name"]
                hooks.append(Hook(len(hooks), name, spec["name"], spec, match))
        self._hooks = hooks
