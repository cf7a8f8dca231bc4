"""The envelope around an object: four bytes, then a runtime.Unknown that names the kind and holds the message."""

from kybern.api.protobuf import message, special, wire
from kybern.api.protobuf.wire import malformed
from kybern.api.resource import Object
from kybern.api.schema import structure
from kybern.base.errors import BadRequest

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
_DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"


def decode(body: bytes, api_version: str = "", kind: str = "") -> tuple[str, str, Object]:
    """(apiVersion, kind, the dict that the JSON body would have been). Raises BadRequest.

    `api_version` and `kind` hold where the envelope names none.
    """
    if not body.startswith(MAGIC):
        raise BadRequest(
            "the object provided is unrecognized (must be of type Unknown): provided data does not appear to be a"
            f" protobuf message, expected prefix {list(MAGIC)}"
        )
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
    name = structure.names_of_kinds().get((api_version, kind))
    if name is not None:
        return name
    if kind == "DeleteOptions":
        return _DELETE_OPTIONS  # Clients name it after the group of what they delete, whichever that is.
    raise BadRequest(f'no kind "{kind}" is registered for version "{api_version}"')
