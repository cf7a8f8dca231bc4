"""Atoms of upstream's kinds and of custom resources' schemas."""

from kybern.api.fields import open_api, reset, structure
from kybern.api.fields.atom import DEDUCED, UNTYPED, Atom

DEPLOYMENT = structure.atom("io.k8s.api.apps.v1.Deployment")
POD = structure.atom("io.k8s.api.core.v1.Pod")


def at(atom: Atom, path: str) -> Atom:
    """`spec.containers.*.ports`: `*` is a list's element."""
    for part in path.split("."):
        if part == "*":
            assert atom.list is not None
            atom = atom.list.element
        else:
            assert atom.map is not None
            atom = atom.map.of(part)
    return atom


def check_list(path: str, associative: bool, *keys: str) -> None:
    shape = at(POD, path).list
    assert shape is not None
    assert (shape.associative, shape.keys) == (associative, tuple(keys))


def test_lists() -> None:
    check_list("spec.containers", True, "name")
    check_list("spec.containers.*.ports", True, "containerPort", "protocol")
    check_list("spec.containers.*.command", False)
    check_list("spec.tolerations", False)
    check_list("metadata.finalizers", True)
    check_list("metadata.ownerReferences", True, "uid")
    check_list("status.podIPs", True, "ip")
    check_list("spec.topologySpreadConstraints", True, "topologyKey", "whenUnsatisfiable")


def test_ports_may_be_anything_until_they_are_converted() -> None:
    assert at(POD, "spec.containers.*.livenessProbe.httpGet.port") is DEDUCED
    assert at(POD, "spec.containers.*.env.*.valueFrom.resourceFieldRef.divisor") is UNTYPED


def test_keys_have_upstreams_defaults() -> None:
    ports = at(POD, "spec.containers.*.ports").list
    assert ports is not None
    assert ports.name({"containerPort": 80}) == 'k:{"containerPort":80,"protocol":"TCP"}'
    assert ports.name({"containerPort": 80, "protocol": "UDP"}) == 'k:{"containerPort":80,"protocol":"UDP"}'

    secrets = at(POD, "spec.imagePullSecrets").list
    assert secrets is not None
    assert secrets.name({}) == 'k:{"name":""}'


def test_maps() -> None:
    assert at(DEPLOYMENT, "spec.selector").map.atomic  # type: ignore[union-attr]
    assert at(POD, "spec.nodeSelector").map.atomic  # type: ignore[union-attr]
    assert not at(POD, "metadata.labels").map.atomic  # type: ignore[union-attr]
    assert at(POD, "spec.containers.*.env.*.valueFrom.secretKeyRef").map.atomic  # type: ignore[union-attr]
    assert at(POD, "spec.containers.*.resources.limits.cpu").scalar == "untyped"


def test_types_may_contain_themselves() -> None:
    crd = structure.atom("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition")
    deep = at(crd, "spec.versions.*.schema.openAPIV3Schema.properties.a.properties.b.type")
    assert deep.scalar == "string"


def test_the_zero_of_a_kind_is_what_go_encodes_of_it() -> None:
    zero = structure.zero("io.k8s.api.apps.v1.Deployment")
    assert zero["metadata"] == {}
    assert zero["spec"]["selector"] is None
    assert zero["spec"]["template"]["spec"] == {"containers": None}
    assert "replicas" not in zero["spec"]


def test_schemas_that_keep_unknown_fields() -> None:
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
                "properties": {
                    "a": {"type": "string"},
                    "o": {"type": "object", "properties": {"p": {"type": "string"}}},
                },
            }
        },
    }
    atom = open_api.atom(schema)
    assert at(atom, "spec.other") is DEDUCED
    assert at(atom, "spec.a").scalar == "string"
    assert at(atom, "spec.o.other") is DEDUCED
    assert at(atom, "metadata.finalizers").list.associative  # type: ignore[union-attr]
    assert at(atom, "apiVersion").scalar == "string"


def test_embedded_resources_have_metadata() -> None:
    schema = {
        "type": "object",
        "properties": {"template": {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {}}},
    }
    assert at(open_api.atom(schema), "template.metadata.finalizers").list.associative  # type: ignore[union-attr]


def test_resets() -> None:
    assert reset.reset("deployments.apps", "", has_status=True) == {"f:status": {}}
    assert reset.reset("configmaps", "", has_status=False) == {}
    assert reset.reset("services", "status", has_status=True) == {"f:spec": {}}
    assert reset.reset("deployments.apps", "status", has_status=True) == {"f:spec": {}, "f:metadata": {"f:labels": {}}}
    assert reset.reset("pods", "resize", has_status=True) == {}
