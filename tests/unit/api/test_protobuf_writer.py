"""Dicts become messages: bytes worked out by hand, and every kind there and back."""

from typing import Any

import pytest

from kybern.api import protobuf
from kybern.api.protobuf import message, table
from kybern.api.protobuf.writer import writer
from kybern.api.registry import RESOURCES
from kybern.api.schema import structure

from .test_protobuf import f

DEPTH = 6


def _sample(name: str, depth: int) -> dict[str, Any]:
    """An object with every field of a definition that has a number, down to a depth."""
    found = {}
    for wire, field in structure.fields(name).items():
        number = field.get("p", 0)
        if number and (value := _value(field["t"], depth)) is not None:
            found[wire] = value
    return found


def _value(kind: Any, depth: int) -> Any:
    scalars = {
        "s": "täxt", "b": True, "i": -7, "l": 2**40, "d": 1.5, "B": "AP8=", "q": "100m", "x": "50%",
        "t": "2026-01-02T03:04:05Z", "u": "1969-12-31T23:59:58.000006Z", "r": {"a": [1]}, "F": {"f:a": {}}, "j": [1, "x"],
    }  # fmt: skip
    if isinstance(kind, str):
        return scalars.get(kind)
    mark, inner = kind
    if mark == "@":
        return _sample(inner, depth - 1) if depth else None
    element = _value(inner, depth)
    if element in (None, {}):
        return None
    return [element, element] if mark == "[" else {"k1": element, "k2": element}


def _names() -> list[str]:
    rows = {structure.names_of_kinds()[row.api_version, row.kind] for row in RESOURCES}
    return sorted(name for name in rows if table.message(name))


@pytest.mark.parametrize("name", [name for name in _names() if not name.endswith("CustomResourceDefinition")])
def test_every_kind_there_and_back(name: str) -> None:
    obj = _sample(name, DEPTH)
    assert len(obj) >= 1
    assert _settled(message.read(memoryview(writer(name)(obj)), name)) == _settled(obj)


def _settled(value: Any) -> Any:
    """Without what reading leaves out: empty messages of fields that JSON omits when they are empty."""
    if isinstance(value, dict):
        settled = {key: _settled(each) for key, each in value.items()}
        return {key: each for key, each in settled.items() if each not in ({}, [])}
    return [_settled(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", _names())
def test_metadata_comes_first(name: str) -> None:
    """PartialObjectMetadata is cut from the front of a message, and lists are put together from items' messages."""
    fields = structure.fields(name)
    if "metadata" not in fields:
        return
    assert fields["metadata"]["p"] == 1
    raw = writer(name)({"metadata": {"name": "x"}, "spec": {}, "status": {}})
    assert protobuf.first_field(raw) == protobuf.metadata_message({"name": "x"}) == f(1, f(1, "x"))
    listed = structure.fields(name + "List") if name + "List" in structure.definitions() else None
    if listed is not None:
        assert (listed["metadata"]["p"], listed["items"]["p"]) == (1, 2)


def check(api_version: str, kind: str, obj: dict[str, Any], raw: bytes) -> None:
    encoded = protobuf.encode({"kind": kind, "apiVersion": api_version, **obj})
    assert encoded == b"k8s\0" + f(1, f(1, api_version) + f(2, kind)) + f(2, raw) + f(3, "") + f(4, "")


@pytest.mark.parametrize(
    ("api_version", "kind", "obj", "raw"),
    [
        ("v1", "Namespace", {"metadata": {"name": "x", "creationTimestamp": None}}, f(1, f(1, "x"))),
        ("v1", "Namespace", {"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}},
         f(1, f(8, f(1, 1767225600) + f(2, 0)))),
        ("v1", "Namespace", {"metadata": {"labels": {"b": "", "a": "1"}}},
         f(1, f(11, f(1, "a") + f(2, "1")) + f(11, f(1, "b") + f(2, "")))),
        ("v1", "Secret", {"data": {"k": "AP8="}}, f(2, f(1, "k") + f(2, b"\x00\xff"))),
        ("v1", "Pod", {"spec": {"priority": -5, "hostNetwork": False}}, f(2, f(11, 0) + f(25, -5))),
        ("v1", "Pod", {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}},
         f(2, f(1, f(1, "v") + f(2, f(2, b""))))),
        ("v1", "Pod", {"spec": {"securityContext": {"supplementalGroups": [1, 300]}}},
         f(2, f(14, f(4, 1) + f(4, 300)))),
        ("v1", "Service", {"spec": {"ports": [{"port": 80, "targetPort": 8080}, {"targetPort": "web"}]}},
         f(2, f(1, f(3, 80) + f(4, f(1, 0) + f(2, 8080) + f(3, ""))) + f(1, f(4, f(1, 1) + f(2, 0) + f(3, "web"))))),
        ("authorization.k8s.io/v1", "SubjectAccessReview", {"spec": {"extra": {"k": ["x", "y"]}}},
         f(2, f(5, f(1, "k") + f(2, f(1, "x") + f(1, "y"))))),
        ("apps/v1", "ControllerRevision", {"data": {"a": 1}, "revision": 2}, f(2, f(1, b'{"a":1}')) + f(3, 2)),
        ("coordination.k8s.io/v1", "Lease", {"spec": {"acquireTime": "2026-01-01T00:00:00.001500Z"}},
         f(2, f(3, f(1, 1767225600) + f(2, 1_500_000)))),
        ("meta.k8s.io/v1", "PartialObjectMetadata", {"metadata": {"name": "x"}}, f(1, f(1, "x"))),
        ("v1", "Status", {"status": "Failure", "code": 404}, f(2, "Failure") + f(6, 404)),
    ],
)  # fmt: skip
def test_messages(api_version: str, kind: str, obj: dict[str, Any], raw: bytes) -> None:
    check(api_version, kind, obj, raw)


def test_schemas_of_custom_resources() -> None:
    schema = {
        "default": False, "maximum": 1, "items": {"type": "string"}, "additionalProperties": False,
        "additionalItems": {"type": "string"}, "dependencies": {"d": ["e"], "f": {"type": "string"}},
        "properties": {"p": {"items": [{"type": "string"}, {"type": "object"}]}}, "enum": [1, "a", None],
    }  # fmt: skip
    crd = {"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]}}
    names = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    assert protobuf.decode(protobuf.encode({**names, **crd}))[2] == {**names, **crd}


def test_a_list_is_put_together() -> None:
    item = f(1, f(1, "x"))
    pieces = protobuf.wrap_list("v1", "PodList", {"resourceVersion": "7"}, [item, item])
    raw = f(1, f(2, "7")) + f(2, item) * 2
    assert b"".join(pieces) == b"k8s\0" + f(1, f(1, "v1") + f(2, "PodList")) + f(2, raw) + f(3, "") + f(4, "")
    assert [each["metadata"]["name"] for each in protobuf.decode(b"".join(pieces))[2]["items"]] == ["x", "x"]


def test_an_event_is_framed() -> None:
    raw = f(1, "ADDED") + f(2, f(1, b"k8s\0object"))
    assert protobuf.event(b"ADDED", b"k8s\0object") == bytes([0, 0, 0, len(raw)]) + raw


def test_what_has_no_message() -> None:
    for api_version, kind in (("x.example.com/v1", "Foo"), ("meta.k8s.io/v1", "Table"), ("v1", "Nothing")):
        assert not protobuf.is_known(api_version, kind)


def test_verbs_are_a_message_of_their_own() -> None:
    """Go's Verbs tells null from empty; clients that find bare strings fail with an unexpected end."""
    resource = {"name": "maps", "namespaced": True, "kind": "Map", "verbs": ["get", "list"]}
    name = "io.k8s.apimachinery.pkg.apis.meta.v1.APIResource"
    raw = f(1, "maps") + f(2, 1) + f(3, "Map") + f(4, f(1, "get") + f(1, "list"))
    assert writer(name)(resource) == raw
    assert {key: message.read(raw, name)[key] for key in resource} == resource
