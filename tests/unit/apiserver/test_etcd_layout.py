"""Where upstream keeps what."""

import pytest

from kybern.apiserver.etcd_layout import etcd_layout

LAYOUT = etcd_layout("/registry")

PLACES = [
    ("/registry/pods/default/a", "/registry/pods/default/a"),
    ("/registry/deployments.apps/default/a", "/registry/deployments/default/a"),
    ("/registry/clusterroles.rbac.authorization.k8s.io/system:a", "/registry/clusterroles/system:a"),
    ("/registry/nodes/box", "/registry/minions/box"),
    ("/registry/services/default/a", "/registry/services/specs/default/a"),
    ("/registry/endpoints/default/a", "/registry/services/endpoints/default/a"),
    ("/registry/replicationcontrollers/default/a", "/registry/controllers/default/a"),
    ("/registry/ingresses.networking.k8s.io/default/a", "/registry/ingress/default/a"),
    ("/registry/apiservices.apiregistration.k8s.io/v1.", "/registry/apiregistration.k8s.io/apiservices/v1."),
    (
        "/registry/customresourcedefinitions.apiextensions.k8s.io/a.b.c",
        "/registry/apiextensions.k8s.io/customresourcedefinitions/a.b.c",
    ),
    ("/registry/widgets.example.com/default/a", "/registry/example.com/widgets/default/a"),
    ("/registry/widgets.example.com/a", "/registry/example.com/widgets/a"),
]


@pytest.mark.parametrize(("inner", "outer"), PLACES)
def test_places(inner: str, outer: str) -> None:
    assert LAYOUT.outer(inner) == outer.encode()
    assert LAYOUT.inner(outer.encode()) == inner
    prefix = inner[: inner.index("/", len("/registry/")) + 1]
    assert LAYOUT.outer(inner).startswith(LAYOUT.outer(prefix))


def test_another_prefix() -> None:
    layout = etcd_layout("somewhere/else/")
    assert layout.outer("/registry/nodes/box") == b"/somewhere/else/minions/box"
    assert layout.inner(b"/somewhere/else/minions/box") == "/registry/nodes/box"
    assert layout.outer("/registry/") == b"/somewhere/else/"


@pytest.mark.parametrize(
    "outer", ["/registry/ranges/servicenodeports", "/registry/masterleases/10.0.0.1", "/registry/compact", "/registry/"]
)
def test_what_is_of_no_resource(outer: str) -> None:
    name = LAYOUT.inner(outer.encode()).removeprefix("/registry/").partition("/")[0]
    assert name.partition(".")[0] not in ("pods", "services", "nodes")
    assert name not in {inner.split("/")[2] for inner, _ in PLACES}


def test_what_lies_outside() -> None:
    with pytest.raises(ValueError, match="outside"):
        LAYOUT.outer("/elsewhere/pods/a")
