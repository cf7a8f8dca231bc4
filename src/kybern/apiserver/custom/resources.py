"""The table of custom resources: which are served now, from which caches, and what of them is published."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kybern.api.resource import Resource
from kybern.api.structural.codec import same_form
from kybern.api.structural.schema import Schema
from kybern.apiserver.cache.cache import Cache
from kybern.apiserver.custom.cache import CustomCache
from kybern.apiserver.custom.conversion import Converter
from kybern.apiserver.custom.definition import Definition, schemas_of
from kybern.apiserver.custom.endpoints import converting, special
from kybern.apiserver.custom.rows import row, selectable
from kybern.apiserver.custom.served import CustomServed
from kybern.apiserver.served import Served, ServedResources
from kybern.apiserver.status import no_such_path
from kybern.apiserver.webhooks.client import WebhookClient
from kybern.base.clock import Clock
from kybern.base.ids import Ids


class Installed:
    """One definition with all that is made for it."""

    def __init__(self, definition: Definition, revision: int) -> None:
        self.definition = definition
        self.revision = revision
        self.cache: CustomCache | None = None
        self.served: dict[str, CustomServed] = {}
        """By version; versions that are only stored are here as well."""


class CustomResources:
    """Changed by the loop alone; `served` shows requests what is here."""

    def __init__(
        self,
        definitions: Served,
        served: ServedResources,
        cache: Cache,
        client: WebhookClient,
        ids: Ids,
        clock: Clock,
    ) -> None:
        self._definitions = definitions
        self._served = served
        self._cache = cache
        self._client = client
        self._ids = ids
        self._clock = clock
        self._installed: dict[str, Installed] = {}
        self.changes = 0
        """Counts what is published: documents made at another count are stale."""

    def __iter__(self) -> Iterator[Installed]:
        return iter(self._installed.values())

    def get(self, name: str) -> Installed | None:
        return self._installed.get(name)

    @property
    def rows(self) -> list[Resource]:
        """What discovery tells of."""
        return [
            served.resource
            for each in self._installed.values()
            if each.definition.is_listed
            for served in each.served.values()
            if served.version.is_served
        ]

    def listed(self, group: str, version: str) -> Sequence[CustomServed]:
        """What OpenAPI tells of in one group and version."""
        return [
            served
            for each in self._installed.values()
            if each.definition.is_listed and each.definition.group == group
            for served in each.served.values()
            if served.version.name == version and served.version.is_served
        ]

    def schemas(self, name: str) -> Mapping[str, Schema | None]:
        """The schemas of a definition's versions, parsed anew. Raises NotFound: it went a moment ago."""
        version = self._definitions.find("", name)
        if version is None:
            raise no_such_path()
        return schemas_of(self._definitions.parse(version))

    async def install(self, definition: Definition, revision: int) -> None:
        """Serve a definition as it is now; idempotent."""
        known = self._installed.get(definition.name)
        if known is not None and known.definition.uid != definition.uid:
            self.remove(definition.name)
            known = None
        made = Installed(definition, revision)
        if definition.is_served:
            await self._serve(made, known)
        elif known is not None and known.cache is not None:
            self.remove(definition.name)
        self._withdraw(known)
        self._installed[definition.name] = made
        for served in made.served.values():
            if served.version.is_served:
                self._served.add_custom(served)
        self.changes += 1

    def remove(self, name: str) -> None:
        """The definition is gone."""
        known = self._installed.pop(name, None)
        if known is None:
            return
        self._withdraw(known)
        if known.cache is not None:
            known.cache.end_watches()
            self._cache.close(known.definition.group_resource)
        self.changes += 1

    def _withdraw(self, known: Installed | None) -> None:
        for served in known.served.values() if known is not None else ():
            self._served.remove_custom(served)

    async def _serve(self, made: Installed, known: Installed | None) -> None:
        definition = made.definition
        if known is not None and known.cache is not None and _is_alike(known.definition, definition):
            made.cache, made.served = known.cache, known.served
            for served in made.served.values():
                served.definition = definition
            self._rebuild_rows(made)
            return
        converter = (
            Converter(self._client, self._ids, self._clock, definition.conversion)
            if definition.converts_by_webhook
            else None
        )
        for version in definition.versions:
            self._make(made, version.name, converter)
        storage = made.served[definition.storage_version]
        resource = _storage_row(definition, storage.resource)
        cache = known.cache if known is not None else None
        if cache is not None:
            assert known is not None
            cache.adopt(resource, storage.shape, converts=converter is None, alike=_forms_alike(known, storage))
        else:
            prefix = self._cache.prefix_of(definition.group_resource)
            cache = CustomCache(resource, prefix, storage.shape, converts=converter is None)
            await self._cache.open(definition.group_resource, cache)
        made.cache = cache
        for served in made.served.values():
            served.attach(cache)

    def _make(self, made: Installed, name: str, converter: Converter | None) -> None:
        definition = made.definition
        version = next(each for each in definition.versions if each.name == name)

        def schemas() -> Mapping[str, Schema | None]:
            return self.schemas(definition.name)

        resource = row(definition, version, lambda: made.served[name].judge)
        served = CustomServed(resource, definition, version, schemas, converter)
        served.siblings = _Siblings(made.served, resource.group)
        made.served[name] = served
        self._finish(served)

    def _finish(self, served: CustomServed) -> None:
        served.special = special(served)
        served.around = converting if served.converter is not None else None

    def _rebuild_rows(self, made: Installed) -> None:
        """The conditions have changed: verbs and refusals follow them."""
        for name, served in made.served.items():
            served.resource = row(made.definition, served.version, lambda name=name: made.served[name].judge)  # type: ignore[misc]
            self._finish(served)


class _Siblings(Mapping[str, Served]):
    """The versions of a resource by apiVersion."""

    def __init__(self, served: Mapping[str, CustomServed], group: str) -> None:
        self._served = served
        self._group = group

    def __getitem__(self, api_version: str) -> CustomServed:
        group, _, version = api_version.partition("/")
        if group != self._group:
            raise KeyError(api_version)
        return self._served[version]

    def __iter__(self) -> Iterator[str]:
        return (f"{self._group}/{version}" for version in self._served)

    def __len__(self) -> int:
        return len(self._served)


def _is_alike(one: Definition, other: Definition) -> bool:
    """Whether nothing has changed that objects or their endpoints depend on: the spec, the accepted names."""
    return one.generation == other.generation and one.names == other.names and one.is_served == other.is_served


def _forms_alike(known: Installed, storage: CustomServed) -> bool:
    """Whether the schema of the storage version brings objects into the form that they have."""
    before = known.served.get(known.definition.storage_version)
    if before is None or "codec" not in before.__dict__:
        return False  # Its schema was never needed, so that there is nothing to spare.
    return same_form(before.codec.schema, storage.codec.schema) and _selectable_alike(known.definition, storage)


def _selectable_alike(before: Definition, storage: CustomServed) -> bool:
    return [each.selectable for each in before.versions] == [each.selectable for each in storage.definition.versions]


def _storage_row(definition: Definition, resource: Resource) -> Resource:
    """What the cache knows of its objects: the selectable fields of all versions."""
    paths = list(dict.fromkeys(path for version in definition.versions for path in version.selectable))
    return replace(resource, selectable_fields=selectable(paths))
