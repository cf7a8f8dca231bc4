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
_CONVERSION = frozenset(("as", "g", "v"))
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
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
    shape = _first(accept)
    if shape is None:
        raise NotAcceptable(_accepted(accept, JSON, YAML))
    return shape


@lru_cache(maxsize=1024)
def watch_shape_of(accept: str) -> Shape:
    """The same for a watch, whose events are never YAML. Raises NotAcceptable."""
    shape = _first(accept)
    if shape is None or shape.media != JSON:
        raise NotAcceptable(_accepted(accept, JSON, suffix=";stream=watch"))
    return shape


def _accepted(accept: str, *media: str, suffix: str = "") -> str:
    """Upstream's list ends with protobuf; it is left out where a client would learn that it may ask what it asked."""
    listed = media if PROTOBUF in accept else (*media, PROTOBUF)
    return f"only the following media types are accepted: {', '.join(each + suffix for each in listed)}"


def _first(accept: str) -> Shape | None:
    clauses = [clause for clause in accept.split(",") if clause.strip()] or ["*/*"]
    for media, parameters in sorted(map(_parse, clauses), key=_preference):
        shape = _shape(media, parameters)
        if shape is not None:
            return shape
    return None


def _preference(clause: tuple[str, dict[str, str]]) -> tuple[float, bool, bool]:
    """By quality, and what is named before what is only covered."""
    media, parameters = clause
    return -_quality(parameters), media.startswith("*/"), media.endswith("/*")


def _shape(media: str, parameters: dict[str, str]) -> Shape | None:
    encoding = _READABLE.get(media)
    stream, server_version = parameters.get("stream", ""), parameters.get("sv", "")
    if encoding is None or server_version not in ("", "v1") or (stream and (stream != "watch" or encoding != JSON)):
        return None
    if _CONVERSION.isdisjoint(parameters):
        return PLAIN if encoding == JSON else Shape(media=encoding)
    kind, version = parameters.get("as", ""), parameters.get("v", "")
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
    if asked and asked[0]:
        return asked[0] in _TRUE
    headers = request.headers
    return headers.get("user-agent", "").startswith(_BROWSERS) or "pretty=1" in headers.get("accept", "")
