"""The default roles: well-formed, and what they let people do."""

from kybern.apiserver.authorization.rules import compile_rules
from kybern.apiserver.bootstrap.cluster_roles import cluster_bindings, cluster_roles
from kybern.apiserver.bootstrap.controller_roles import controller_bindings, controller_roles
from kybern.apiserver.bootstrap.namespace_roles import role_bindings, roles
from kybern.apiserver.request_info import RequestInfo

ROLES = {role["metadata"]["name"]: role for role in [*cluster_roles(), *controller_roles()]}


def allows(role: str, verb: str, group: str, resource: str, name: str = "") -> bool:
    plural, _, sub = resource.partition("/")
    info = RequestInfo(True, verb, "", group, "v1", "ns", plural, sub, name)
    return any(rule.allows(info) for rule in compile_rules(ROLES[role]["rules"]))


def test_every_binding_has_its_role() -> None:
    for binding in [*cluster_bindings(), *controller_bindings()]:
        assert binding["roleRef"]["name"] in ROLES
    known = {(role["metadata"]["namespace"], role["metadata"]["name"]) for role in roles()}
    for binding in role_bindings():
        assert (binding["metadata"]["namespace"], binding["roleRef"]["name"]) in known


def test_names_are_unique() -> None:
    assert len(ROLES) == len(cluster_roles()) + len(controller_roles())


def test_view_sees_no_secrets_and_edit_does() -> None:
    assert allows("system:aggregate-to-view", "get", "", "pods/log")
    assert not allows("system:aggregate-to-view", "get", "", "secrets")
    assert not allows("system:aggregate-to-view", "create", "", "pods")
    assert allows("system:aggregate-to-edit", "get", "", "secrets")
    assert allows("system:aggregate-to-edit", "create", "", "pods/eviction")
    assert not allows("system:aggregate-to-edit", "create", "rbac.authorization.k8s.io", "roles")
    assert allows("system:aggregate-to-admin", "create", "rbac.authorization.k8s.io", "roles")


def test_components() -> None:
    assert allows("system:kube-scheduler", "create", "", "pods/binding")
    assert not allows("system:kube-scheduler", "delete", "", "nodes")
    assert allows("system:kube-scheduler", "update", "coordination.k8s.io", "leases", "kube-scheduler")
    assert not allows("system:kube-scheduler", "update", "coordination.k8s.io", "leases", "other")
    assert allows("system:node-proxier", "watch", "discovery.k8s.io", "endpointslices")
    assert allows("system:controller:deployment-controller", "create", "apps", "replicasets")
    assert allows("kybern:decision-writer", "create", "kybern.dev", "decisions")
