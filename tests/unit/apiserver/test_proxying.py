"""Where requests to Services and Pods go through the proxy."""

from types import SimpleNamespace
from typing import Any

import pytest

from kybern.api.resource import Object
from kybern.apiserver.endpoints.proxying import Proxying
from kybern.base.errors import StatusError

SERVICE = {"spec": {"ports": [{"name": "http", "port": 80}, {"name": "", "port": 90}]}}
POD = {
    "spec": {"containers": [{"name": "c"}, {"name": "d", "ports": [{"name": "web", "containerPort": 8080}]}]},
    "status": {"podIP": "10.1.0.5", "podIPs": [{"ip": "10.1.0.5"}]},
}


def endpoint(address: str, pod: str = "p", namespace: str = "ns", **conditions: bool) -> Object:
    target = {"kind": "Pod", "name": pod, "namespace": namespace}
    return {"addresses": [address], "targetRef": target, "conditions": conditions}


class Known:
    """A lookup of one Service `s`, one Pod `p` and the slices that are given."""

    def __init__(self, *endpoints: Object) -> None:
        self._endpoints = list(endpoints)

    def get(self, resource: str, name: str, namespace: str = "") -> Object | None:
        return {("services", "s"): SERVICE, ("pods", "p"): POD}.get((resource, name))

    def list(self, resource: str, namespace: str = "") -> Any:
        slice_ = {
            "metadata": {"labels": {"kubernetes.io/service-name": "s"}},
            "ports": [{"name": "http", "port": 8080}, {"port": 9090}],
            "endpoints": self._endpoints,
        }
        return [slice_] if self._endpoints else []


SERVED: Any = SimpleNamespace(resource=SimpleNamespace(group_resource="pods", kind="Pod", plural="pods", group=""))


def place(name: str, *endpoints: Object, resource: str = "services") -> str:
    """`host:port`, or the refusal's words."""
    proxying = Proxying(Known(*endpoints), None)  # type: ignore[arg-type]
    call: Any = SimpleNamespace(info=SimpleNamespace(name=name, namespace="ns", resource=resource))
    find = proxying.pod_place if resource == "pods" else proxying.service_place
    try:
        return find(call, SERVED).netloc
    except StatusError as error:
        return error.message


READY = endpoint("10.1.0.5")
NOBODY = 'no endpoints available for service "{}"'


@pytest.mark.parametrize(
    ("name", "endpoints", "expected"),
    [
        ("s:80", (READY,), "10.1.0.5:8080"),
        ("http:s:http", (READY,), "10.1.0.5:8080"),
        ("s", (READY,), "10.1.0.5:9090"),
        ("s:90", (READY,), "10.1.0.5:9090"),
        ("s:81", (READY,), 'no service port 81 found for service "s"'),
        ("s:nosuch", (READY,), NOBODY.format("s:nosuch")),
        ("s:80", (), NOBODY.format("s")),
        ("s:80", (endpoint("10.1.0.5", ready=False),), NOBODY.format("s:80")),
        ("a:s:80:x", (READY,), 'invalid service request "a:s:80:x"'),
        # What is no Pod of the namespace is not reached through the API server.
        ("s:80", (endpoint("10.9.9.9"),), NOBODY.format("s:80")),
        ("s:80", (endpoint("10.1.0.5", pod="gone"),), NOBODY.format("s:80")),
        ("s:80", (endpoint("10.1.0.5", namespace="other"),), NOBODY.format("s:80")),
        ("s:80", ({"addresses": ["10.1.0.5"]},), NOBODY.format("s:80")),
    ],
)
def test_services(name: str, endpoints: tuple[Object, ...], expected: str) -> None:
    assert place(name, *endpoints) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("p", "10.1.0.5:8080"),
        ("p:80", "10.1.0.5:80"),
        ("http:p:web", "10.1.0.5:8080"),
        ("p:80:90:100", 'invalid pod request "p:80:90:100"'),
        ("gone", 'pods "gone" not found'),
    ],
)
def test_pods(name: str, expected: str) -> None:
    assert place(name, resource="pods") == expected
