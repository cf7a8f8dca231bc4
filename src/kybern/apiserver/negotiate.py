"""Which shape and encoding a client takes, and which encodings it may send.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from kybern.api import protobuf
from kybern.base.errors import NotAcceptable, UnsupportedMediaType
from kybern.transport.exchange import Request

JSON, YAML = "application/json", "application/yaml"
ACCEPTED = f"{JSON}, {YAML}"
PROTOBUF = protobuf.MEDIA_TYPE
"""Read only: kubectl sends its built-in kinds so, and takes JSON back."""
_WRITABLE = {JSON: JSON, YAML: YAML, "application/x-yaml": YAML, PROTOBUF: PROTOBUF, "": JSON}
_READABLE = {JSON: JSON, YAML: YAML, "*/*": JSON, "application/*": JSON}
_META = "meta.k8s.io"
_BROWSERS = ("curl", "Wget", "Mozilla/5.0")

ShapeKind = Literal["Object", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What to answer with."""

    kind: ShapeKind = "Object"
    media: str = JSON
    version: str = "v1"
    """Of meta.k8s.io, for the kinds other than Object."""


PLAIN = Shape()


@lru_cache(maxsize=1024)
def shape_of(accept: str) -> Shape:
    """The first shape in the order of preference that can be had. Raises NotAcceptable."""
    clauses = [clause for clause in accept.split(",") if clause.strip()] or ["*/*"]
    parsed = [_parse(clause) for clause in clauses]
    for media, parameters in sorted(parsed, key=lambda each: -_quality(each[1])):
        shape = _shape(media, parameters)
        if shape is not None:
            return shape
    raise NotAcceptable(f"only the following media types are accepted: {ACCEPTED}")


def _shape(media: str, parameters: dict[str, str]) -> Shape | None:
    encoding = _READABLE.get(media)
    if encoding is None:
        return None
    kind = parameters.get("as", "")
    if not kind:
        return PLAIN if encoding == JSON else Shape(media=encoding)
    version = parameters.get("v", "")
    if parameters.get("g") != _META or version not in ("v1", "v1beta1"):
        return None
    if kind == "Table":
        return Shape("Table", encoding, version)
    if kind == "PartialObjectMetadata":
        return Shape("PartialObjectMetadata", encoding, version)
    if kind == "PartialObjectMetadataList":
        return Shape("PartialObjectMetadataList", encoding, version)
    return None


def _parse(clause: str) -> tuple[str, dict[str, str]]:
    media, *rest = clause.split(";")
    pairs = (part.partition("=") for part in rest)
    return media.strip().lower(), {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def _quality(parameters: dict[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 0.0


def body_media(request: Request) -> str:
    """JSON, YAML or PROTOBUF, as the Content-Type says. Raises UnsupportedMediaType."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    known = _WRITABLE.get(media)
    if known is None:
        raise unsupported(f"{ACCEPTED}, {PROTOBUF}")
    return known


def unsupported(accepted: str = ACCEPTED) -> UnsupportedMediaType:
    """The refusal of a body's encoding; custom resources take JSON and YAML only."""
    return UnsupportedMediaType(
        f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    )


def wants_pretty(request: Request) -> bool:
    """Indented JSON: asked for, or the client is a person with curl."""
    asked = request.query.get("pretty")
    if asked:
        return asked[0].lower() not in ("false", "0", "")
    return asked is not None or request.headers.get("user-agent", "").startswith(_BROWSERS)
