"""A CustomResourceDefinition as the server reads it: light, for its schemas are parsed again when they are needed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kybern.api.discovery import version_priority
from kybern.api.resource import Object
from kybern.api.structural.definition import schema_of
from kybern.api.structural.schema import Schema

GROUP, PLURAL = "apiextensions.k8s.io", "customresourcedefinitions"
FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
NAMES_ACCEPTED, ESTABLISHED, TERMINATING = "NamesAccepted", "Established", "Terminating"


class DefinedVersion(NamedTuple):
    """One entry of spec.versions, without its schema."""

    name: str
    is_served: bool
    is_stored: bool
    deprecation: str
    """The text of its warning, "" for none."""
    has_status: bool
    scale: Mapping[str, Any] | None
    columns: Sequence[Object]
    selectable: Sequence[str]
    """JSON paths, each with its point."""


class Definition:
    """Made anew for every version of the object."""

    def __init__(self, obj: Object) -> None:
        metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
        self.name: str = metadata["name"]
        self.uid: str = metadata.get("uid", "")
        self.generation: int = metadata.get("generation", 0)
        self.is_deleted = bool(metadata.get("deletionTimestamp"))
        self.has_finalizer = FINALIZER in (metadata.get("finalizers") or ())
        self.group: str = spec["group"]
        self.is_namespaced = spec["scope"] == "Namespaced"
        self.wanted: Object = spec.get("names") or {}
        self.names: Object = status.get("acceptedNames") or {}
        self.conversion: Object = spec.get("conversion") or {}
        self.preserves_unknown = bool(spec.get("preserveUnknownFields"))
        self._conditions = {each.get("type"): each.get("status") for each in status.get("conditions") or ()}
        versions = spec.get("versions") or ()
        self.versions = [_version(each, self._deprecation(each, versions)) for each in versions]

    def is_true(self, condition: str) -> bool:
        return self._conditions.get(condition) == "True"

    @property
    def is_served(self) -> bool:
        """Whether requests are answered: its names are its own, and complete."""
        accepted = self.is_true(NAMES_ACCEPTED) or self.is_true(ESTABLISHED)
        return accepted and all(self.names.get(key) for key in ("plural", "singular", "kind", "listKind"))

    @property
    def is_listed(self) -> bool:
        """Whether discovery and OpenAPI tell of it."""
        return self.is_served and self.is_true(ESTABLISHED)

    @property
    def storage_version(self) -> str:
        return next(each.name for each in self.versions if each.is_stored)

    @property
    def group_resource(self) -> str:
        return f"{self.names['plural']}.{self.group}"

    @property
    def converts_by_webhook(self) -> bool:
        return self.conversion.get("strategy") == "Webhook"

    def _deprecation(self, version: Object, versions: Sequence[Object]) -> str:
        if not version.get("deprecated"):
            return ""
        given = version.get("deprecationWarning")
        if given is not None:
            return str(given)
        kind, name = self.wanted.get("kind"), version["name"]
        text = f"{self.group}/{name} {kind} is deprecated"
        better = [
            each["name"]
            for each in versions
            if each.get("served")
            and not each.get("deprecated")
            and version_priority(each["name"]) > version_priority(name)
        ]
        if not better:
            return text
        return f"{text}; use {self.group}/{max(better, key=version_priority)} {kind}"


def _version(given: Object, deprecation: str) -> DefinedVersion:
    subresources = given.get("subresources") or {}
    return DefinedVersion(
        given["name"],
        bool(given.get("served")),
        bool(given.get("storage")),
        deprecation,
        subresources.get("status") is not None,
        subresources.get("scale"),
        given.get("additionalPrinterColumns") or (),
        [each["jsonPath"] for each in given.get("selectableFields") or ()],
    )


def schemas_of(obj: Object) -> dict[str, Schema | None]:
    """The schema of each version of a definition."""
    return {version["name"]: schema_of(version) for version in obj["spec"].get("versions") or ()}
