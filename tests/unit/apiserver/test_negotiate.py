"""Shapes and encodings that clients take, and those they may send."""

import pytest

from kybern.apiserver import negotiate
from kybern.apiserver.negotiate import JSON, PROTOBUF, YAML, Shape, shape_of, watch_shape_of
from kybern.base.errors import NoRepresentation, NotAcceptable, UnsupportedMediaType
from kybern.transport.exchange import Request

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
BINARY_TABLE = f"{PROTOBUF};as=Table;v=v1;g=meta.k8s.io"


def check(accept: str, expected: Shape | None) -> None:
    if expected is None:
        with pytest.raises(NotAcceptable):
            shape_of(accept)
    else:
        assert shape_of(accept) == expected


def test_shapes() -> None:
    check("", Shape())
    check("*/*", Shape())
    check("application/json", Shape())
    check("application/vnd.kubernetes.protobuf,application/json", Shape(media=PROTOBUF))
    check("application/json,application/vnd.kubernetes.protobuf", Shape())
    check("application/json;q=0.5,application/vnd.kubernetes.protobuf", Shape(media=PROTOBUF))
    check(
        "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
        Shape("PartialObjectMetadata", PROTOBUF, "v1"),
    )
    check(f"{BINARY_TABLE},{TABLE}", Shape("Table", JSON, "v1"))
    check(BINARY_TABLE, None)
    check("application/yaml", Shape(media=YAML))
    check(f"{TABLE},application/json", Shape("Table", JSON, "v1"))
    check("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Shape())
    check(
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        Shape("PartialObjectMetadataList", JSON, "v1"),
    )
    check("application/yaml;q=0.5,application/json;q=0.9", Shape())
    check("text/html", None)


@pytest.mark.parametrize("accept", sorted(negotiate.PLAINLY_ASKED))
def test_what_is_not_looked_at_is_what_looking_would_find(accept: str) -> None:
    assert shape_of(accept) is negotiate.PLAIN


def test_custom_resources_have_no_protobuf_but_their_metadata() -> None:
    assert shape_of(f"{PROTOBUF},application/json", custom=True) is negotiate.PLAIN
    metadata = f"{PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    assert shape_of(metadata, custom=True) == Shape("PartialObjectMetadataList", PROTOBUF, "v1")
    with pytest.raises(NotAcceptable, match=r"^only the following media types are accepted: application/json, "):
        shape_of(PROTOBUF, custom=True)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [("", JSON), (PROTOBUF, PROTOBUF), (f"{PROTOBUF};stream=watch", PROTOBUF), ("application/json;stream=watch", JSON)],
)
def test_shapes_of_watches(accept: str, expected: str) -> None:
    assert watch_shape_of(accept) == Shape(media=expected)


@pytest.mark.parametrize(
    ("accept", "words"),
    [
        ("application/yaml", "only the following media types are accepted: application/json;stream=watch, "),
        (BINARY_TABLE, "only the following media types are accepted: application/json, application/yaml, "),
        ("text/html", "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "),
    ],
)
def test_what_no_watch_is_made_of(accept: str, words: str) -> None:
    with pytest.raises(NotAcceptable) as raised:
        watch_shape_of(accept)
    assert raised.value.message.startswith(words)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("text/html", None),
        ("Application/Json", None),
        (PROTOBUF, PROTOBUF),
        (f"{BINARY_TABLE},{TABLE}", None),
        (f"{TABLE},{YAML}", YAML),
        ("application/json;sv=v1", None),
        (f"{YAML};stream=watch", None),
        ("application/json;stream=watch", JSON),
        ("application/*", JSON),
    ],
)
def test_how_errors_are_told(accept: str, expected: str | None) -> None:
    assert negotiate.error_media(accept) == expected


def test_the_router_knows_names_of_encodings_only() -> None:
    with pytest.raises(NoRepresentation):
        shape_of("application/*")
    assert shape_of("application/*", custom=True) is negotiate.PLAIN
    assert shape_of("application/*,application/yaml;q=0.1") is negotiate.PLAIN
    with pytest.raises(NoRepresentation):
        shape_of("APPLICATION/JSON")


def test_the_plain_shape_is_one_object() -> None:
    """Answers compare by identity."""
    assert shape_of("application/json") is negotiate.PLAIN
    assert shape_of("*/*") is negotiate.PLAIN


def test_bodies() -> None:
    def media(content_type: str) -> str:
        return negotiate.body_media(Request("POST", "/", {}, {"content-type": content_type}, b"", ""))

    assert media("application/json; charset=utf-8") == JSON
    assert media("") == JSON
    assert media("application/yaml") == YAML
    with pytest.raises(UnsupportedMediaType):
        media("text/plain")
