"""One version of one object: bytes are the object.

The store keeps `HEAD "metadata":{…}…}` without a resourceVersion; here the revision is spliced in once, and the same
bytes serve every answer, LIST and watcher. Beside the bytes only labels and selectable fields are kept.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from kybern.api.resource import Object, Resource

_METADATA = b'"metadata":{'
NO_LABELS: Mapping[str, str] = {}


def head(api_version: str, kind: str) -> bytes:
    """How every encoded object of a kind begins."""
    return b'{"kind":"%b","apiVersion":"%b",' % (kind.encode(), api_version.encode())


def encode(obj: Object) -> bytes:
    """The store's form: kind, apiVersion and metadata first, no resourceVersion (the store's revision is that)."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    ordered = {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "metadata": metadata}
    return orjson.dumps(ordered | {key: value for key, value in obj.items() if key not in ordered})


def splice(value: bytes, head_length: int, revision: int) -> bytes:
    """Everything after the head, with the revision in its place. Metadata is never empty: it has a name."""
    return b'"metadata":{"resourceVersion":"%d",%b' % (revision, value[head_length + len(_METADATA) :])


class Version:
    """Immutable by convention; shared by everyone who answers with it."""

    __slots__ = ("fields", "key", "labels", "message", "revision", "tail")

    def __init__(
        self, key: str, revision: int, tail: bytes, labels: Mapping[str, str], fields: Mapping[str, str]
    ) -> None:
        self.key = key
        """`namespace/name`, or `name` of a cluster-wide object."""
        self.revision = revision
        self.tail = tail
        """The encoded object without its head, from `"metadata":` to the last brace."""
        self.labels = labels
        self.fields = fields
        self.message = b""
        """The same in protobuf, once it was asked for (`apiserver/binary.py`)."""

    @property
    def namespace(self) -> str:
        return self.key.partition("/")[0] if "/" in self.key else ""

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    def parse(self, head: bytes) -> Object:
        """A fresh dict, the caller's to change."""
        obj: Object = orjson.loads(head + self.tail)
        return obj

    def at(self, revision: int) -> "Version":
        """The same object with another resourceVersion: how a deletion tells its own revision."""
        rest = self.tail[self.tail.index(b'",') + 2 :]
        tail = b'"metadata":{"resourceVersion":"%d",%b' % (revision, rest)
        return Version(self.key, revision, tail, self.labels, self.fields)


def fields_of(resource: Resource, obj: Object) -> dict[str, str]:
    """What field selectors may ask of an object."""
    metadata: dict[str, Any] = obj["metadata"]
    fields = {"metadata.name": metadata["name"]}
    if resource.namespaced:
        fields["metadata.namespace"] = metadata.get("namespace", "")
    for name, read in resource.selectable_fields.items():
        fields[name] = read(obj)
    return fields
