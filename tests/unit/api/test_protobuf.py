"""Protobuf bodies become the dicts that the same object's JSON would be."""

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kybern.api import protobuf
from kybern.api.protobuf import table
from kybern.api.schema import codec, structure
from kybern.base.errors import BadRequest
from tests.effort import examples


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def f(number: int, value: Any) -> bytes:
    """One field: numbers as varints, floats as fixed64, the rest by its length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\x00" + f(1, f(1, api_version) + f(2, kind)) + f(2, raw)


def check(api_version: str, kind: str, raw: bytes, expected: dict[str, Any]) -> None:
    found = protobuf.decode(body(api_version, kind, raw))
    assert found == (api_version, kind, {"kind": kind, "apiVersion": api_version, **expected})


METADATA = f(1, "") + f(2, "") + f(3, "") + f(4, "") + f(5, "") + f(6, "") + f(7, 0) + f(8, b"")
"""What Go writes for an ObjectMeta with nothing in it."""


GROUP = varint(96 << 3 | 3) + f(1, 1) + varint(96 << 3 | 4)


def meta(*more: bytes) -> bytes:
    return f(1, METADATA + b"".join(more))


def spec(*fields: bytes) -> bytes:
    return f(2, b"".join(fields))


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("Namespace", meta(f(1, "x")) + f(2, b"") + f(3, f(1, "")),
         {"metadata": {"name": "x"}, "spec": {}, "status": {}}),
        ("Namespace", meta(f(8, f(1, 1767225600) + f(2, 5))),
         {"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}}),
        ("Namespace", meta(f(10, 0)), {"metadata": {"deletionGracePeriodSeconds": 0}}),
        ("Namespace", meta(f(11, f(1, "a") + f(2, "b")), f(11, f(1, "c"))),
         {"metadata": {"labels": {"a": "b", "c": ""}}}),
        ("Namespace", meta(f(14, "one"), f(14, "two")), {"metadata": {"finalizers": ["one", "two"]}}),
        ("Namespace", meta(f(17, f(7, f(1, b'{"f:a":{}}')))),
         {"metadata": {"managedFields": [{"fieldsV1": {"f:a": {}}}]}}),
        ("Namespace", meta(f(1, "x")) + f(1, f(3, "ns")), {"metadata": {"name": "x", "namespace": "ns"}}),
        ("Namespace", meta() + f(99, "new") + f(98, 1) + f(97, 1.5) + GROUP,
         {"metadata": {}}),
        ("Namespace", meta(f(1, "")), {"metadata": {}}),
        ("Secret", f(2, f(1, "k") + f(2, b"\x00\xff")), {"data": {"k": "AP8="}}),
        ("Pod", spec(f(2, f(1, "") + f(2, ""))), {"spec": {"containers": [{"name": ""}]}}),
        ("Pod", spec(f(4, 0), f(11, 0), f(16, "")), {"spec": {"terminationGracePeriodSeconds": 0}}),
        ("Pod", spec(f(25, -5)), {"spec": {"priority": -5}}),
        ("Pod", spec(f(1, f(1, "v") + f(2, f(6, f(1, "s"))))),
         {"spec": {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}}),
        ("Pod", spec(f(2, f(1, "c") + f(8, f(1, f(1, "cpu") + f(2, f(1, "100m")))))),
         {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "100m"}}}]}}),
        ("Pod", spec(f(2, f(1, "c") + f(10, f(1, f(2, f(2, f(1, 1) + f(2, 0) + f(3, "web"))))))),
         {"spec": {"containers": [{"name": "c", "livenessProbe": {"httpGet": {"port": "web"}}}]}}),
        ("Service", spec(f(1, f(3, 80) + f(4, f(1, 0) + f(2, 8080) + f(3, "")))),
         {"spec": {"ports": [{"port": 80, "targetPort": 8080}]}}),
        ("Pod", spec(f(14, f(4, 1) + f(4, 2))), {"spec": {"securityContext": {"supplementalGroups": [1, 2]}}}),
        ("Pod", spec(f(14, f(4, varint(1) + varint(300)))),
         {"spec": {"securityContext": {"supplementalGroups": [1, 300]}}}),
    ],
)  # fmt: skip
def test_core(kind: str, raw: bytes, expected: dict[str, Any]) -> None:
    check("v1", kind, raw, expected)


@pytest.mark.parametrize(
    ("api_version", "kind", "raw", "expected"),
    [
        ("apps/v1", "Deployment", f(2, f(1, 0) + f(4, b"") + f(5, 0) + f(7, 0)),
         {"spec": {"replicas": 0, "strategy": {}}}),
        ("v1", "DeleteOptions", f(1, 0) + f(2, f(1, "u")) + f(4, "Foreground"),
         {"gracePeriodSeconds": 0, "preconditions": {"uid": "u"}, "propagationPolicy": "Foreground"}),
        ("anything.example.org/v7", "DeleteOptions", f(5, "All"), {"dryRun": ["All"]}),
        ("autoscaling/v1", "Scale", f(2, f(1, 3)), {"spec": {"replicas": 3}}),
        ("v1", "Binding", f(2, f(1, "Node") + f(3, "n")), {"target": {"kind": "Node", "name": "n"}}),
        ("policy/v1", "Eviction", f(1, f(1, "p")), {"metadata": {"name": "p"}}),
        ("authentication.k8s.io/v1", "TokenRequest", f(2, f(1, "a") + f(4, 600)),
         {"spec": {"audiences": ["a"], "expirationSeconds": 600}}),
        ("authorization.k8s.io/v1", "SubjectAccessReview",
         f(2, f(3, "u") + f(5, f(1, "k") + f(2, f(1, "x") + f(1, "y")))),
         {"spec": {"user": "u", "extra": {"k": ["x", "y"]}}}),
        ("coordination.k8s.io/v1", "Lease", f(2, f(3, f(1, 1767225600) + f(2, 1_500_000))),
         {"spec": {"acquireTime": "2026-01-01T00:00:00.001500Z"}}),
        ("apps/v1", "ControllerRevision", f(2, f(1, b'{"a":1}')) + f(3, 2), {"data": {"a": 1}, "revision": 2}),
    ],
)  # fmt: skip
def test_groups(api_version: str, kind: str, raw: bytes, expected: dict[str, Any]) -> None:
    check(api_version, kind, raw, expected)


def test_json_schema() -> None:
    def schema(*fields: bytes) -> bytes:
        return f(2, f(7, f(1, "v1") + f(4, f(1, b"".join(fields)))))

    inner = f(5, "string")
    raw = schema(
        f(8, f(1, b"false")), f(9, 1.0), f(24, f(1, inner)), f(30, f(1, 0)), f(33, f(1, 1) + f(2, inner)),
        f(32, f(1, "d") + f(2, f(2, "e"))), f(29, f(1, "p") + f(2, inner)),
    )  # fmt: skip
    _, _, found = protobuf.decode(body("apiextensions.k8s.io/v1", "CustomResourceDefinition", raw))
    assert found["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == {
        "default": False, "maximum": 1, "items": {"type": "string"}, "additionalProperties": False,
        "additionalItems": {"type": "string"}, "dependencies": {"d": ["e"]}, "properties": {"p": {"type": "string"}},
    }  # fmt: skip


DEPTH = b""
for _ in range(200):
    DEPTH = f(34, f(1, "d") + f(2, DEPTH))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"k8s", b"k8s\x00", b"{}", b"k8s\x00\x0a\xff",
        body("v1", "Nothing", b""),
        body("v1", "Pod", b"\x0a\x05ab"),
        body("v1", "Pod", f(1, 1)),
        body("v1", "Pod", b"\x00"),
        body("v1", "Pod", b"\x0b"),
        body("v1", "Pod", b"\x0f"),
        body("v1", "Pod", b"\x08" + b"\xff" * 11),
        body("v1", "Pod", f(1, f(1, b"\xff"))),
        body("v1", "Pod", f(1, f(8, f(1, 2**62)))),
        body("apps/v1", "ControllerRevision", f(2, f(1, b"{"))),
        body("apiextensions.k8s.io/v1", "CustomResourceDefinition", f(2, f(7, f(4, f(1, DEPTH))))),
    ],
)  # fmt: skip
def test_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        protobuf.decode(data)


WHOLE = body(
    "v1", "Pod",
    meta(f(1, "p"), f(8, f(1, 1767225600)), f(11, f(1, "a") + f(2, "b")), f(17, f(7, f(1, b'{"f:a":{}}'))))
    + spec(f(1, f(1, "v") + f(2, f(6, f(1, "s")))),
            f(2, f(1, "c") + f(8, f(1, f(1, "cpu") + f(2, f(1, "1"))))), f(4, 30)),
)  # fmt: skip


@settings(max_examples=examples(300))
@given(st.integers(4, len(WHOLE)), st.binary(max_size=6), st.integers(0, 6))
def test_torn_bytes_are_never_more_than_a_bad_request(at: int, inserted: bytes, dropped: int) -> None:
    torn = WHOLE[:at] + inserted + WHOLE[at + dropped :]
    try:
        _, _, obj = protobuf.decode(torn)
        if protobuf.is_known(obj["apiVersion"], obj["kind"]):
            own = codec(obj["apiVersion"], obj["kind"])
            own.default(own.convert(obj, "Warn")[0])
    except BadRequest:
        pass


@settings(max_examples=examples(300))
@given(st.sampled_from(sorted(structure.names_of_kinds())), st.binary(max_size=60))
def test_any_bytes_are_never_more_than_a_bad_request(kind: tuple[str, str], raw: bytes) -> None:
    try:
        protobuf.decode(body(*kind, raw))
    except BadRequest:
        pass


def test_every_field_has_a_number() -> None:
    """Of the definitions that have any: a field without one would vanish from what clients send."""
    for name, definition in structure.definitions().items():
        if table.message(name):
            lacking = {wire for wire, field in definition["f"].items() if "p" not in field}
            assert lacking <= {"kind", "apiVersion"}, name


def test_known() -> None:
    assert protobuf.is_known("v1", "Pod")
    assert not protobuf.is_known("example.org/v1", "Widget")
