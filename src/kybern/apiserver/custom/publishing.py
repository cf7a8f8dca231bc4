"""Custom resources in the server's documents: rows for discovery, schemas for OpenAPI.

Schemas are parsed for each document and thrown away: hundreds of definitions would hold more memory than their objects.
"""

import asyncio
import hashlib
from collections.abc import Iterator

import orjson

from kybern.api.openapi import custom
from kybern.api.openapi.custom import Published
from kybern.api.openapi.schemas import Dialect
from kybern.api.resource import Resource
from kybern.apiserver.custom.resources import CustomResources
from kybern.apiserver.custom.served import CustomServed
from kybern.base.errors import NotFound


class Publisher:
    """Reads the table; `changes` tells when documents are stale."""

    def __init__(self, resources: CustomResources) -> None:
        self._resources = resources

    @property
    def changes(self) -> int:
        return self._resources.changes

    @property
    def rows(self) -> list[Resource]:
        return self._resources.rows

    def index(self, version: str) -> dict[str, str]:
        """`apis/GROUP/VERSION` -> a hash that changes when the document does."""
        states: dict[str, list[list[object]]] = {}
        for installed in self._resources:
            definition = installed.definition
            for served in installed.served.values():
                if definition.is_listed and served.version.is_served:
                    path = f"apis/{definition.group}/{served.version.name}"
                    states.setdefault(path, []).append([definition.uid, definition.generation, definition.names])
        return {
            path: hashlib.sha512(orjson.dumps([version, sorted(state, key=str)])).hexdigest().upper()
            for path, state in states.items()
        }

    def v3(self, path: str) -> bytes | None:
        """The document of `apis/GROUP/VERSION`; None: no custom resource is there."""
        parts = path.split("/")
        if len(parts) != 3 or parts[0] != "apis":
            return None
        made = (self._published(each) for each in self._resources.listed(parts[1], parts[2]))
        found = [each for each in made if each is not None]
        return orjson.dumps(custom.document_v3(found)) if found else None

    async def v2(self, builtin: bytes) -> bytes:
        """The built-in document with all custom resources; others are served between one definition and the next."""
        document = orjson.loads(builtin)
        for served in list(self._listed()):
            published = self._published(served)
            if published is None:
                continue
            document["definitions"] |= custom.definitions(published, Dialect.V2)
            document["paths"] |= custom.operations(published, Dialect.V2)
            await asyncio.sleep(0)
        return orjson.dumps(document)

    def _listed(self) -> Iterator[CustomServed]:
        for installed in self._resources:
            if installed.definition.is_listed:
                yield from (each for each in installed.served.values() if each.version.is_served)

    def _published(self, served: CustomServed) -> Published | None:
        """None: its definition went, or has other versions, since a moment ago."""
        try:
            schema = self._resources.schemas(served.definition.name)[served.version.name]
        except (NotFound, KeyError):
            return None
        return Published(served.resource, served.list_kind, schema)
