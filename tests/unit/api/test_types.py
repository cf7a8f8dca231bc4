"""The generated structs: names, defaults, what is encoded, nulls."""

import importlib
import pkgutil
from typing import Any

import msgspec
import pytest

from kybern.api import types
from kybern.api.types import core_v1, decode, encode, resource_of, to_dict
from kybern.api.types.apps_v1 import Deployment
from kybern.api.types.base import ApiStruct


def check(cls: type[Any], wire: bytes, expected: dict[str, Any]) -> None:
    assert to_dict(decode(cls, wire)) == expected


@pytest.mark.parametrize(
    ("cls", "wire", "expected"),
    [
        (core_v1.ServicePort, b'{"port":0,"nodePort":null,"targetPort":"web"}', {"port": 0, "targetPort": "web"}),
        (
            core_v1.ServiceSpec,
            b'{"clusterIPs":["None"],"clusterIP":"None"}',
            {"clusterIP": "None", "clusterIPs": ["None"]},
        ),
        (core_v1.PodStatus, b'{"podIP":"10.0.0.1","hostIP":"h","unheard":1}', {"podIP": "10.0.0.1", "hostIP": "h"}),
        (core_v1.DaemonEndpoint, b'{"Port":10250}', {"Port": 10250}),
        (core_v1.NodeSpec, b'{"podCIDR":"10.0.0.0/24"}', {"podCIDR": "10.0.0.0/24"}),
        (core_v1.PodSpec, b'{"hostNetwork":false}', {"containers": [], "hostNetwork": False}),
        (
            core_v1.Pod,
            b"{}",
            {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": []}, "status": {}},
        ),
    ],
)
def test_round_trip(cls: type[Any], wire: bytes, expected: dict[str, Any]) -> None:
    check(cls, wire, expected)


def test_null_is_as_good_as_absent() -> None:
    pod = decode(core_v1.Pod, b'{"metadata":{"name":"a","creationTimestamp":null},"spec":{"containers":null}}')
    assert (pod.metadata.creation_timestamp, pod.spec.containers) == ("", [])


def test_a_condition_never_probed_is_decoded_at_once() -> None:
    condition = b'{"type":"Ready","status":"True","lastProbeTime":null}'
    given = msgspec.json.decode(condition, type=core_v1.PodCondition)
    assert given == core_v1.PodCondition(type="Ready", status="True")
    assert to_dict(given) == {"type": "Ready", "status": "True"}


def test_every_struct_of_every_module_encodes_and_decodes() -> None:
    modules = [name for _, name, _ in pkgutil.iter_modules(types.__path__) if "_v" in name]
    assert len(modules) == 23
    for name in modules:
        for cls in vars(importlib.import_module(f"kybern.api.types.{name}")).values():
            if isinstance(cls, type) and issubclass(cls, ApiStruct) and cls is not ApiStruct:
                assert decode(cls, encode(cls())) == cls()


def test_a_wrong_type_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(core_v1.Pod, b'{"spec":{"containers":{}}}')


def test_resource_names() -> None:
    assert resource_of(Deployment) == ("apps", "v1", "deployments", "Deployment", True)
    assert resource_of(core_v1.Endpoints).plural == "endpoints"
