"""Shapes and encodings that clients take, and those they may send."""

import pytest

from kybern.apiserver import negotiate
from kybern.apiserver.negotiate import JSON, YAML, Shape, shape_of
from kybern.base.errors import NotAcceptable, UnsupportedMediaType
from kybern.transport.exchange import Request

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


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
    check("application/vnd.kubernetes.protobuf,application/json", Shape())
    check("application/yaml", Shape(media=YAML))
    check(f"{TABLE},application/json", Shape("Table", JSON, "v1"))
    check("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Shape())
    check(
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        Shape("PartialObjectMetadataList", JSON, "v1"),
    )
    check("application/yaml;q=0.5,application/json;q=0.9", Shape())
    check("text/html", None)
    check("application/vnd.kubernetes.protobuf", None)


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
