"""Which shape and encoding a client takes, and which encodings it may send.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from kybern.api import protobuf
from kybern.base.errors import NoRepresentation, NotAcceptable, UnsupportedMediaType
from kybern.transport.exchange import Request

JSON, YAML = "application/json", "application/yaml"
ACCEPTED = f"{JSON}, {YAML}"
PROTOBUF = protobuf.MEDIA_TYPE
"""Of built-in kinds, and of the metadata of all."""
_WRITABLE = {JSON: JSON, YAML: YAML, "application/x-yaml": YAML, PROTOBUF: PROTOBUF, "": JSON}
_READABLE = {JSON: JSON, YAML: YAML, PROTOBUF: PROTOBUF, "*/*": JSON, "application/*": JSON}
_STREAMED = (JSON, PROTOBUF)
_MADE = (JSON, YAML, PROTOBUF)
_MADE_STREAMED = tuple(f"{media};stream=watch" for media in _STREAMED)
_ACCEPTED = f"only the following media types are accepted: {', '.join(_MADE)}"
_ACCEPTED_STREAMED = f"only the following media types are accepted: {', '.join(_MADE_STREAMED)}"
_NOT_MADE = "406: Not Acceptable\n\nAvailable representations: "
_META = "meta.k8s.io"
_CONVERSION = frozenset(("as", "g", "v"))
_AGGREGATED = ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2")
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
PLAINLY_ASKED = frozenset(("", "*/*", JSON, f"{JSON}, */*"))
"""Accept headers of most requests, which need no look at all."""


@lru_cache(maxsize=1024)
def shape_of(accept: str, *, custom: bool = False, streams: bool = False, tables: bool = True) -> Shape:
    """The first shape in the order of preference that can be had; of custom resources without protobuf of whole objects.

    `streams`: the path is one that can be watched. `tables`: the kind has a Table; what is answered and never stored
    has none. Raises NotAcceptable.
    """
    shape = _first(accept, custom, tables) if custom or not accept or takes(accept, *_MADE) else None
    if shape is None:
        raise _refusal(accept, custom, (*_MADE, *_MADE_STREAMED) if streams else _MADE)
    return shape


@lru_cache(maxsize=1024)
def watch_shape_of(accept: str, *, custom: bool = False) -> Shape:
    """The same for a watch, whose events are never YAML. Raises NotAcceptable."""
    shape = _first(accept, custom)
    if shape is None:
        raise _refusal(accept, custom, (*_MADE, *_MADE_STREAMED))
    if shape.media not in _STREAMED:
        raise NotAcceptable(_ACCEPTED_STREAMED)
    return shape


@lru_cache(maxsize=256)
def discovery_media(accept: str, *, routed: bool, aggregated: bool = False) -> tuple[str, bool]:
    """(encoding, whether the aggregated form is wanted) of a discovery document; `aggregated`: there is one.

    `routed`: upstream's router has a word in it. Raises NotAcceptable.
    """
    for media, parameters in by_preference(accept):
        encoding = _READABLE.get(media)
        if encoding is None or parameters.get("sv") or not _streams(encoding, parameters):
            continue
        if _CONVERSION.isdisjoint(parameters):
            return encoding, False
        if (
            aggregated
            and encoding != PROTOBUF
            and tuple(parameters.get(key) for key in ("as", "g", "v")) == _AGGREGATED
        ):
            return encoding, True
    raise _refusal(accept, not routed, _MADE)


def _refusal(accept: str, custom: bool, made: Sequence[str]) -> NotAcceptable:
    """Of built-in kinds upstream's router has the first word, and it knows names of encodings only."""
    if custom or takes(accept, *_MADE):
        return NotAcceptable(_ACCEPTED)
    return NoRepresentation(_NOT_MADE + ", ".join(made))


def require_media(accept: str, made: str) -> None:
    """For documents that have one encoding. Raises NotAcceptable."""
    if not takes(accept, made):
        raise NoRepresentation(_NOT_MADE + made)


def takes(accept: str, *made: str) -> bool:
    """Whether a client takes one of these encodings, by name or whatever it is."""
    return any(media in ("*/*", *made) for media, _ in by_preference(accept))


@lru_cache(maxsize=1024)
def error_media(accept: str) -> str | None:
    """How to tell of an error; None: whoever asked for another shape, or for nothing that can be had."""
    for media, parameters in by_preference(accept):
        encoding = _READABLE.get(media)
        if encoding is None or parameters.get("sv") or not _CONVERSION.isdisjoint(parameters):
            continue
        if _streams(encoding, parameters):
            return encoding
    return None


def _first(accept: str, custom: bool, tables: bool = True) -> Shape | None:
    for media, parameters in by_preference(accept):
        shape = _shape(media, parameters)
        if shape is None or (shape.kind == "Table" and not tables):
            continue
        if not (custom and shape.media == PROTOBUF and shape.kind == "Object"):
            return shape
    return None


def by_preference(accept: str) -> list[tuple[str, dict[str, str]]]:
    """The clauses of an Accept header: (media type, parameters), what is wanted most first."""
    clauses = [clause for clause in accept.split(",") if clause.strip()] or ["*/*"]
    return sorted(map(_parse, clauses), key=_preference)


def _preference(clause: tuple[str, dict[str, str]]) -> tuple[float, bool, bool]:
    """By quality, and what is named before what is only covered."""
    media, parameters = clause
    return -_quality(parameters), media.startswith("*/"), media.endswith("/*")


def _shape(media: str, parameters: dict[str, str]) -> Shape | None:
    encoding = _READABLE.get(media)
    if encoding is None or parameters.get("sv", "") not in ("", "v1") or not _streams(encoding, parameters):
        return None
    if _CONVERSION.isdisjoint(parameters):
        return PLAIN if encoding == JSON else Shape(media=encoding)
    kind, version = parameters.get("as", ""), parameters.get("v", "")
    if parameters.get("g") != _META or version not in ("v1", "v1beta1"):
        return None
    if kind == "Table":
        return Shape("Table", encoding, version) if encoding != PROTOBUF else None
    if kind == "PartialObjectMetadata":
        return Shape("PartialObjectMetadata", encoding, version)
    if kind == "PartialObjectMetadataList":
        return Shape("PartialObjectMetadataList", encoding, version)
    return None


def _streams(encoding: str, parameters: dict[str, str]) -> bool:
    """Whether the kind of stream that a clause names, if any, can be had in its encoding."""
    stream = parameters.get("stream", "")
    return not stream or (stream == "watch" and encoding in _STREAMED)


def _parse(clause: str) -> tuple[str, dict[str, str]]:
    """Upstream compares names of encodings and of parameters as they are written."""
    media, *rest = clause.split(";")
    pairs = (part.partition("=") for part in rest)
    return media.strip(), {name.strip(): value.strip() for name, _, value in pairs if value}


def _quality(parameters: dict[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 0.0


def body_media(request: Request) -> str:
    """JSON, YAML or PROTOBUF, as the Content-Type says. Raises UnsupportedMediaType."""
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    known = _WRITABLE.get(media.strip().lower())
    if known is None or any("=" not in each for each in parameters.split(";") if each.strip()):
        raise unsupported(f"{ACCEPTED}, {PROTOBUF}")
    return known


def unsupported(accepted: str = ACCEPTED) -> UnsupportedMediaType:
    """The refusal of a body's encoding; custom resources take JSON and YAML only."""
    return UnsupportedMediaType(
        f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    )


def wants_pretty(request: Request) -> bool:
    """Indented JSON: asked for, or the client is a person with curl."""
    headers = request.headers
    if "pretty=1" in headers.get("accept", ""):
        return True
    asked = request.query.get("pretty")
    if asked and asked[0]:
        return asked[0] in _TRUE
    return headers.get("user-agent", "").startswith(_BROWSERS)
