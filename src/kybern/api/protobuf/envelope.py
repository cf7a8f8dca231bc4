"""The envelope around an object: four bytes, then a runtime.Unknown that names the kind and holds the message.

Around events of a watch there is another one. Source:
https://kubernetes.io/docs/reference/using-api/api-concepts/#kubernetes-protobuf-encoding
"""

from collections.abc import Sequence
from functools import cache

from kybern.api.protobuf import message, special, table, wire
from kybern.api.protobuf.pieces import delimited, length
from kybern.api.protobuf.wire import malformed
from kybern.api.protobuf.writer import Write, writer
from kybern.api.resource import Object
from kybern.api.schema.syntax import summary
from kybern.base.errors import BadRequest

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
_CLOSING = b'\x1a\0"\0'
"""Neither a content encoding nor a content type of the message: Go writes both, empty."""
_DELETE_OPTIONS = f"{table.META}DeleteOptions"


def decode(body: bytes, api_version: str = "", kind: str = "") -> tuple[str, str, Object]:
    """(apiVersion, kind, the dict that the JSON body would have been). Raises BadRequest.

    `api_version` and `kind` hold where the envelope names none.
    """
    if not body.startswith(MAGIC):
        raise BadRequest(_foreign(body, kind))
    type_meta, raw = memoryview(b""), memoryview(b"")
    for number, value in _messages(memoryview(body)[len(MAGIC) :]):
        if number == 1:
            type_meta = value
        elif number == 2:
            raw = value
    names = {number: special.text(value) for number, value in _messages(type_meta)}
    api_version, kind = names.get(1) or api_version, names.get(2) or kind
    obj = message.read(raw, _definition(api_version, kind))
    return api_version, kind, {"kind": kind, "apiVersion": api_version, **obj}


def _foreign(body: bytes, kind: str) -> str:
    """Why a body is no message: of objects upstream shows the beginning, of options it does not."""
    prefix = " ".join(map(str, MAGIC))
    why = f"provided data does not appear to be a protobuf message, expected prefix [{prefix}]"
    if not kind or kind.endswith("Options"):
        return why
    return f"the object provided is unrecognized (must be of type {kind}): {why} ({summary(body)})"


def is_known(api_version: str, kind: str) -> bool:
    """Whether a kind has messages: custom resources have none."""
    return _writer(api_version, kind) is not None


def encode(obj: Object) -> bytes:
    """An object of a known kind."""
    api_version = obj.get("apiVersion", "")
    write = _writer(api_version, obj["kind"])
    assert write is not None, f"{obj['kind']} has no message"
    return wrap(api_version, obj["kind"], write(obj))


def wrap(api_version: str, kind: str, raw: bytes) -> bytes:
    """A message in its envelope."""
    return opening(api_version, kind) + length(raw) + raw + _CLOSING


def wrap_list(api_version: str, kind: str, metadata: Object, items: Sequence[bytes]) -> list[bytes]:
    """A list in pieces that need no copy: in all of them field 1 is the metadata, and field 2 an item's message."""
    pieces: list[bytes] = [b""] * (2 * len(items))
    pieces[0::2] = [b"\x12" + length(item) for item in items]
    pieces[1::2] = items
    begin = delimited(b"\n", writer(f"{table.META}ListMeta")(metadata))
    size = wire.encode_varint(len(begin) + sum(map(len, pieces)))
    return [opening(api_version, kind) + size + begin, *pieces, _CLOSING]


def metadata_message(metadata: Object) -> bytes:
    """The message of a PartialObjectMetadata, and how the message of every object begins."""
    return delimited(b"\n", writer(f"{table.META}ObjectMeta")(metadata))


def first_field(raw: bytes) -> bytes:
    """The first field of a message, with its tag: of an object the metadata."""
    size, at = wire.varint(memoryview(raw), 1)
    return raw[: at + size]


def event(kind: bytes, enveloped: bytes) -> bytes:
    """A frame of a watch: its length in four bytes, then a WatchEvent, which itself has no envelope."""
    raw = delimited(b"\n", kind) + delimited(b"\x12", delimited(b"\n", enveloped))
    return len(raw).to_bytes(4, "big") + raw


@cache
def opening(api_version: str, kind: str) -> bytes:
    """How every envelope of a kind begins, up to the message's length."""
    names = delimited(b"\n", api_version.encode()) + delimited(b"\x12", kind.encode())
    return MAGIC + delimited(b"\n", names) + b"\x12"


@cache
def _writer(api_version: str, kind: str) -> Write | None:
    # Lists of what there is (APIVersions, APIResourceList) name no version of their own.
    name = table.name_of(api_version or "v1", kind)
    return writer(name) if name is not None and table.message(name) else None


def _messages(data: memoryview) -> list[tuple[int, memoryview]]:
    """The length-delimited fields of an envelope."""
    found = []
    for number, wire_type, value in wire.fields(data):
        if isinstance(value, memoryview) and wire_type == wire.BYTES:
            found.append((number, value))
        elif number in (1, 2):
            raise malformed(f"wrong wireType = {wire_type}")
    return found


def _definition(api_version: str, kind: str) -> str:
    name = table.name_of(api_version, kind)
    if name is not None:
        return name
    if kind == "DeleteOptions":
        return _DELETE_OPTIONS  # Clients name it after the group of what they delete, whichever that is.
    raise BadRequest(f'no kind "{kind}" is registered for version "{api_version}"')
