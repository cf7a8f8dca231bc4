"""What the schema lets in, and in which form."""

from typing import Any

import orjson
import pytest

from kybern.api.schema import codec, structure
from kybern.base.errors import BadRequest


def admitted(api_version: str, kind: str, obj: Any) -> Any:
    body = obj if isinstance(obj, bytes) else orjson.dumps(obj)
    return codec(api_version, kind).admit(body, "Strict")[0]


def at(obj: Any, path: str) -> Any:
    for step in path.split("/"):
        obj = obj[int(step) if step.isdecimal() else step]
    return obj


@pytest.mark.parametrize(
    ("kind", "path", "given", "expected"),
    [
        ("Pod", "metadata/creationTimestamp", None, KeyError),
        ("Pod", "metadata/creationTimestamp", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z"),
        ("Pod", "metadata/creationTimestamp", "2026-01-01T00:00:00.25Z", "2026-01-01T00:00:00Z"),
        ("Pod", "metadata/finalizers", [], KeyError),
        ("Pod", "metadata/labels", {}, KeyError),
        ("Pod", "metadata/generation", 0, KeyError),
        ("Pod", "metadata/deletionGracePeriodSeconds", 0, 0),
        ("Pod", "spec/hostNetwork", False, KeyError),
        ("Pod", "spec/shareProcessNamespace", False, False),
        ("Pod", "spec/nodeSelector", {"a": None}, {"a": ""}),
        ("Pod", "spec/tolerations", [None], [{}]),
        ("Pod", "spec/overhead", {"cpu": 1, "memory": "1024Mi"}, {"cpu": "1", "memory": "1Gi"}),
        ("Pod", "spec/overhead", {"cpu": "0.5m"}, {"cpu": "1m"}),
        ("Pod", "spec/terminationGracePeriodSeconds", 0, 0),
        ("Pod", "status/conditions", [{"type": "Ready", "status": "True"}],
         [{"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": None}]),
        ("Secret", "data", {"a": "Y\nQ=="}, {"a": "YQ=="}),
        ("Secret", "stringData", {"a": "b"}, KeyError),
        ("ConfigMap", "data", {"a": None}, {"a": ""}),
        ("PersistentVolumeClaim", "spec/storageClassName", "", ""),
        ("Endpoints", "subsets", [{"ports": [{"port": 1}]}], [{"ports": [{"port": 1, "protocol": "TCP"}]}]),
    ],
)  # fmt: skip
def test_form(kind: str, path: str, given: Any, expected: Any) -> None:
    obj: dict[str, Any] = {}
    *parents, last = path.split("/")
    inner = obj
    for step in parents:
        inner = inner.setdefault(step, {})
    inner[last] = given
    result = admitted("v1", kind, obj)
    if expected is KeyError:
        with pytest.raises(KeyError):
            at(result, path)
    else:
        assert at(result, path) == expected


def test_a_container_status_always_tells_its_numbers() -> None:
    (status,) = admitted("v1", "Pod", {"status": {"containerStatuses": [{"name": "c"}]}})["status"]["containerStatuses"]
    assert status == {
        "name": "c", "state": {}, "lastState": {}, "ready": False, "restartCount": 0, "image": "", "imageID": "",
    }  # fmt: skip


def test_keys_come_in_upstreams_order() -> None:
    body = {
        "status": {},
        "spec": {},
        "metadata": {"finalizers": ["a"], "annotations": {"a": ""}, "labels": {"a": ""}, "uid": "u", "namespace": "n",
                     "generateName": "g", "name": "x", "resourceVersion": "1"},
        "apiVersion": "v1",
        "kind": "Pod",
    }  # fmt: skip
    result = admitted("v1", "Pod", body)
    assert list(result) == ["kind", "apiVersion", "metadata", "spec", "status"]
    assert list(result["metadata"]) == [
        "name", "generateName", "namespace", "uid", "resourceVersion", "labels", "annotations", "finalizers",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field_validation", "messages"),
    [("Warn", ['unknown field "spec.foo"']), ("", ['unknown field "spec.foo"']), ("Ignore", [])],
)
def test_unknown_fields_are_pruned_and_told(field_validation: str, messages: list[str]) -> None:
    obj = {"kind": "Pod", "apiVersion": "v1", "spec": {"foo": 1, "nodeName": "n"}}
    expected = ({"kind": "Pod", "apiVersion": "v1", "spec": {"nodeName": "n"}}, messages)
    assert codec("v1", "Pod").decode(orjson.dumps(obj), field_validation) == expected
    assert codec("v1", "Pod").convert(obj, field_validation) == expected


def test_decode_keeps_explicit_zeros_and_adds_nothing() -> None:
    obj = {"kind": "Pod", "apiVersion": "v1", "spec": {"hostNetwork": False, "tolerations": [], "nodeName": None}}
    decoded, _ = codec("v1", "Pod").decode(orjson.dumps(obj), "Strict")
    assert decoded["spec"] == {"tolerations": [], "hostNetwork": False}
    assert "status" not in decoded


def test_duplicates_are_seen_where_lengths_mislead() -> None:
    def messages(body: bytes) -> list[str]:
        return codec("v1", "ConfigMap").decode(body, "Warn")[1]

    assert messages(b'{"data": {"a": "\\u003c", "b": "1e3"}}') == []
    assert messages(b'{"data":{"a":"1"},\n "data":{"a":"2"}}') == ['duplicate field "data"']
    assert messages(b'{"data":{"a":"1","a":"2"}}') == ['duplicate field "data.a"']


def test_a_body_that_names_no_kind_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed_again(*args: object, **options: object) -> None:
        raise AssertionError("nothing is written twice in it")

    monkeypatch.setattr("kybern.api.schema.duplicates.json.loads", parsed_again)
    obj, messages = codec("v1", "ConfigMap").admit(b'{"metadata": {"name": "c"}, "data": {"a": "1"}}', "Strict")
    assert (obj["kind"], obj["data"], messages) == ("ConfigMap", {"a": "1"}, [])


def test_admitting_twice_changes_nothing() -> None:
    for (api_version, kind), name in structure.names_of_kinds().items():
        if ".v1." not in name and ".v2." not in name:
            continue
        if kind == "WatchEvent":  # Its own parts are required, and it is never a body.
            continue
        own = codec(api_version, kind)
        once, _ = own.admit(b"{}", "Strict")
        assert own.default(orjson.loads(orjson.dumps(once))) == once, name


def test_depth_has_an_end() -> None:
    deep = b'{"spec":' + b'{"not":' * 600 + b"{}" + b"}" * 601
    with pytest.raises(BadRequest, match="exceeded max depth"):
        codec("apiextensions.k8s.io/v1", "CustomResourceDefinition").admit(deep, "Strict")
