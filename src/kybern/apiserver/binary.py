"""Stored objects as protobuf: an object's message is made when somebody first asks for it, and kept beside its bytes."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from kybern.api import protobuf
from kybern.api.protobuf.writer import writer
from kybern.api.resource import Object
from kybern.api.schema import structure
from kybern.api.table import partial_metadata
from kybern.apiserver.cache.change import BOOKMARK, Bookmark, Framed, bookmark_metadata
from kybern.apiserver.cache.version import Version
from kybern.apiserver.negotiate import Shape
from kybern.apiserver.served import Served

LIST = "PartialObjectMetadataList"
SLICE = 128
"""Messages made at once: about 10 ms of Pods."""


def message(served: Served, version: Version) -> bytes:
    """The message of a built-in kind's object, without an envelope."""
    if served.converted:
        return _message(served, served.parse(version))
    if not version.message:
        version.message = _message(served, served.parse(version))
    return version.message


async def prepare(served: Served, versions: Sequence[Version]) -> None:
    """Make the messages of many objects, with pauses in which others have their turn."""
    for start in range(0, len(versions), SLICE):
        for version in versions[start : start + SLICE]:
            message(served, version)
        await asyncio.sleep(0)


def _message(served: Served, obj: Object) -> bytes:
    row = served.resource
    return writer(structure.names_of_kinds()[row.api_version, row.kind])(obj)


def metadata(served: Served, version: Version) -> bytes:
    """The message of the object's PartialObjectMetadata, of any resource."""
    if served.resource.internal_annotations or not version.message or served.converted:
        return protobuf.metadata_message(partial_metadata(served.resource, served.parse(version))["metadata"])
    return protobuf.first_field(version.message)


def one(served: Served, shape: Shape, version: Version) -> bytes:
    """The object, or its metadata."""
    if shape.kind == "Object":
        return protobuf.wrap(served.resource.api_version, served.resource.kind, message(served, version))
    return protobuf.wrap(f"meta.k8s.io/{shape.version}", "PartialObjectMetadata", metadata(served, version))


def many(served: Served, shape: Shape, versions: Sequence[Version], told: Mapping[str, Any]) -> list[bytes]:
    """A list of objects, or of their metadata; `told` is its own metadata."""
    if shape.kind == "Object":
        items = [message(served, each) for each in versions]
        return protobuf.wrap_list(served.resource.api_version, served.list_kind, dict(told), items)
    items = [metadata(served, each) for each in versions]
    return protobuf.wrap_list(f"meta.k8s.io/{shape.version}", LIST, dict(told), items)


class BinaryForm(Framed):
    """The events of watches that take protobuf; those of one shape share one of these, and so each event."""

    def __init__(self, served: Served, shape: Shape) -> None:
        self._served = served
        self._shape = shape

    def __call__(self, version: Version) -> bytes:
        return one(self._served, self._shape, version)

    def event(self, kind: bytes, encoded: bytes) -> bytes:
        return protobuf.event(kind, encoded)

    @property
    def bookmark(self) -> Bookmark:
        row = self._served.resource
        names = (
            (row.api_version, row.kind)
            if self._shape.kind == "Object"
            else (f"meta.k8s.io/{self._shape.version}", "PartialObjectMetadata")
        )

        def bookmark(revision: int, initial_end: bool) -> bytes:
            told = protobuf.metadata_message(bookmark_metadata(revision, initial_end))
            return self.event(BOOKMARK, protobuf.wrap(*names, told))

        return bookmark
