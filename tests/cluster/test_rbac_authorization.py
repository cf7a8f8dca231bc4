"""Who may do what, asked by real requests: RBAC, escalation, the Node authoriser, reviews, and upstream's words for no."""

from base64 import b64encode
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kybern.apiserver.user import authenticated
from kybern.storage.memory import MemoryBackend

from .api_server import CORE, Api, api_server, config_map, pod

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES, BINDINGS = f"{RBAC}/clusterroles", f"{RBAC}/clusterrolebindings"
REVIEWS = "/apis/authorization.k8s.io/v1"
JANE = authenticated("jane", ("dev",))
NODE = authenticated("system:node:n1", ("system:nodes",))


def role(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "rules": list(rules)}


def rule(verbs: str, groups: str, resources: str, **more: Any) -> dict[str, Any]:
    named = [group.replace("core", "") for group in groups.split()]
    return {"verbs": verbs.split(), "apiGroups": named, "resources": resources.split(), **more}


def binding(name: str, role_name: str, user: str = "jane", kind: str = "ClusterRole") -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": kind, "name": role_name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }


async def refusal(api: Api, method: str, path: str, body: Any = None, **query: str) -> str:
    """The message of a 403."""
    answer = await api(method, path, body, **query)
    assert answer.status == 403, answer
    assert answer.body["reason"] == "Forbidden"
    return answer.message


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        (
            "GET",
            f"{CORE}/pods",
            'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
        ),
        (
            "GET",
            f"{CORE}/pods/p",
            'pods "p" is forbidden: User "jane" cannot get resource "pods" in API group "" in the namespace "default"',
        ),
        (
            "GET",
            f"{CORE}/pods/p/log",
            'pods "p" is forbidden: User "jane" cannot get resource "pods/log" in API group "" in the namespace "default"',
        ),
        (
            "GET",
            "/apis/apps/v1/deployments",
            'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster '
            "scope",
        ),
        (
            "DELETE",
            "/api/v1/nodes/n1",
            'nodes "n1" is forbidden: User "jane" cannot delete resource "nodes" in API group "" at the cluster scope',
        ),
        ("GET", "/metrics", 'forbidden: User "jane" cannot get path "/metrics"'),
    ],
)
async def test_refusals_are_worded_as_upstream(method: str, path: str, message: str) -> None:
    async with api_server() as api:
        assert await refusal(api.as_user(JANE), method, path) == message


async def test_bindings_hold_where_they_are_and_missing_roles_are_told() -> None:
    async with api_server() as api:
        jane = api.as_user(JANE)
        await api.create(ROLES, role("reader", rule("get list", "core", "configmaps")))
        await api.create(f"{RBAC}/namespaces/default/rolebindings", binding("b", "reader"))
        assert (await jane("GET", f"{CORE}/configmaps")).status == 200
        assert (await jane("GET", "/api/v1/configmaps")).status == 403
        assert (await jane("GET", "/api/v1/namespaces/kube-system/configmaps")).status == 403
        await api("DELETE", f"{ROLES}/reader")
        told = await refusal(jane, "GET", f"{CORE}/configmaps")
        assert told.endswith('namespace "default": RBAC: clusterrole.rbac.authorization.k8s.io "reader" not found')
        await api.create(f"{RBAC}/namespaces/default/rolebindings", binding("c", "own", kind="Role"))
        told = await refusal(jane, "GET", f"{CORE}/configmaps")
        assert told.endswith(
            'RBAC: [clusterrole.rbac.authorization.k8s.io "reader" not found, role.rbac.authorization.k8s.io "own" not found]'
        )


async def test_a_right_on_one_name_is_none_on_others_and_a_right_on_all_is_taken_back_from_all() -> None:
    async with api_server() as admin:
        jane = admin.as_user(JANE)
        one = {"resourceNames": ["a", "*"]}
        await admin.create(ROLES, role("reader", rule("get", "core", "configmaps", **one)))
        await admin.create(BINDINGS, binding("reader", "reader"))
        for name, code in (("a", 404), ("*", 404), ("b", 403), ("a", 404), ("c", 403)):
            assert (await jane("GET", f"{CORE}/configmaps/{name}")).status == code
        await admin.create(ROLES, role("all", rule("get", "core", "configmaps")))
        await admin.create(BINDINGS, binding("all", "all"))
        for name in ("b", "c", "d"):
            assert (await jane("GET", f"{CORE}/configmaps/{name}")).status == 404
        await admin("DELETE", f"{BINDINGS}/all")
        for name, code in (("d", 403), ("e", 403), ("a", 404)):
            assert (await jane("GET", f"{CORE}/configmaps/{name}")).status == code


async def test_nobody_grants_what_they_do_not_have() -> None:
    async with api_server() as api:
        jane = api.as_user(JANE)
        await api.create(
            ROLES,
            role(
                "editor",
                rule("*", "rbac.authorization.k8s.io", "clusterroles clusterrolebindings"),
                rule("get", "apps", "deployments"),
            ),
        )
        await api.create(
            ROLES, role("strong", rule("get create", "apps", "deployments"), rule("get", "core", "secrets"))
        )
        await api.create(BINDINGS, binding("b", "editor"))
        wanted = rule("get create delete", "apps", "deployments statefulsets")
        # "*" on clusterroles includes escalate and bind, so the rights to write are given one by one.
        verbs = "get list create update patch delete"
        narrow = role("editor", rule(verbs, "rbac.authorization.k8s.io", "clusterroles clusterrolebindings"))
        narrow["rules"].append(rule("get", "apps", "deployments"))
        assert (await api("PUT", f"{ROLES}/editor", narrow)).status == 200
        told = await refusal(jane, "POST", ROLES, role("more", wanted))
        assert told == (
            'clusterroles.rbac.authorization.k8s.io "more" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) '
            "is attempting to grant RBAC permissions not currently held:\n"
            '{APIGroups:["apps"], Resources:["deployments"], Verbs:["create" "delete"]}\n'
            '{APIGroups:["apps"], Resources:["statefulsets"], Verbs:["get" "create" "delete"]}'
        )
        told = await refusal(jane, "POST", BINDINGS, binding("self", "strong"))
        assert told == (
            'clusterrolebindings.rbac.authorization.k8s.io "self" is forbidden: user "jane" (groups=["dev" '
            '"system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n'
            '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}\n'
            '{APIGroups:["apps"], Resources:["deployments"], Verbs:["create"]}'
        )
        assert (await jane("POST", ROLES, role("same", rule("get", "apps", "deployments")))).status == 201
        await api.create(
            ROLES, role("binder", rule("bind", "rbac.authorization.k8s.io", "clusterroles", resourceNames=["strong"]))
        )
        await api.create(BINDINGS, binding("c", "binder"))
        assert (await jane("POST", BINDINGS, binding("self", "strong"))).status == 201


async def test_default_roles_come_back_at_the_next_start() -> None:
    backend = MemoryBackend()
    async with api_server(backend) as api:
        changed = [{"op": "replace", "path": "/rules", "value": []}]
        await api.patch(f"{ROLES}/system:basic-user", changed, "application/json-patch+json")
        own = {"metadata": {"annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}}}
        await api.patch(f"{ROLES}/system:discovery", own)
        await api.patch(f"{ROLES}/system:discovery", changed, "application/json-patch+json")
        await api("DELETE", f"{ROLES}/system:kube-dns")
    async with api_server(backend) as api:
        assert (await api.get(f"{ROLES}/system:basic-user"))["rules"]
        assert not (await api.get(f"{ROLES}/system:discovery")).get("rules")
        assert (await api.get(f"{ROLES}/system:kube-dns"))["rules"]


async def test_a_node_reads_what_its_pods_use() -> None:
    async with api_server() as api:
        for name in ("used", "other"):
            await api.create(f"{CORE}/configmaps", config_map(name))
        volumes = [{"name": "v", "configMap": {"name": "used"}}]
        await api.create(f"{CORE}/pods", pod("mine", nodeName="n1", volumes=volumes))
        await api.create(f"{CORE}/pods", pod("foreign", nodeName="n2"))
        for name in ("n1", "n2"):
            await api.create("/api/v1/nodes", {"metadata": {"name": name}})
        node = api.as_user(NODE)
        assert (await node("GET", f"{CORE}/configmaps/used")).status == 200
        assert (await node("GET", f"{CORE}/configmaps", fieldSelector="metadata.name=used")).status == 200
        assert (await node("GET", f"{CORE}/pods/mine")).status == 200
        assert (await node("GET", "/api/v1/pods", fieldSelector="spec.nodeName=n1")).status == 200
        assert (await node("GET", "/api/v1/nodes/n1")).status == 200
        unrelated = "no relationship found between node 'n1' and this object"
        for path, why in (
            (f"{CORE}/configmaps/other", unrelated),
            (f"{CORE}/configmaps", "No Object name found"),
            ("/api/v1/secrets", "can only read namespaced object of this type"),
            (f"{CORE}/pods/foreign", unrelated),
            ("/api/v1/pods", "can only list/watch pods with spec.nodeName field selector"),
            ("/api/v1/nodes", "node 'n1' cannot read all nodes, only its own Node object"),
            ("/api/v1/nodes/n2", "node 'n1' cannot read 'n2', only its own Node object"),
            (
                "/apis/coordination.k8s.io/v1/namespaces/default/leases/n1",
                'can only access leases in the "kube-node-lease" system namespace',
            ),
            (f"{CORE}/persistentvolumeclaims", "can only get individual resources of this type"),
        ):
            told = await refusal(node, "GET", path)
            assert told.endswith(f": {why}"), told


async def test_access_reviews() -> None:
    async with api_server() as api:
        jane = api.as_user(JANE)
        await api.create(ROLES, role("reader", rule("get list", "core", "configmaps", resourceNames=["a"])))
        await api.create(f"{RBAC}/namespaces/default/rolebindings", binding("b", "reader"))
        attributes = {"verb": "get", "resource": "configmaps", "namespace": "default", "name": "a"}
        spec = {"resourceAttributes": attributes}
        found = await jane("POST", f"{REVIEWS}/selfsubjectaccessreviews", {"spec": spec})
        by = 'RBAC: allowed by RoleBinding "b/default" of ClusterRole "reader" to User "jane"'
        assert (found.status, found.body["status"]) == (201, {"allowed": True, "reason": by})
        other = {**spec, "user": "bob", "groups": ["dev"]}
        found = await api("POST", f"{REVIEWS}/subjectaccessreviews", {"spec": other})
        assert found.body["status"] == {"allowed": False}
        local = f"{REVIEWS}/namespaces/default/localsubjectaccessreviews"
        found = await api("POST", local, {"metadata": {"namespace": "default"}, "spec": {**other, "user": "jane"}})
        assert found.body["status"]["allowed"] is True
        rules = (await jane("POST", f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}})).body[
            "status"
        ]
        assert {**rule("get list", "core", "configmaps"), "resourceNames": ["a"]} in rules["resourceRules"]
        assert rules["incomplete"] is False
        node = api.as_user(NODE)
        found = await node("POST", f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}})
        assert found.body["status"]["incomplete"] is True
        assert found.body["status"]["evaluationError"] == "node authorizer does not support user rule resolution"
        assert any("/healthz" in each["nonResourceURLs"] for each in rules["nonResourceRules"])
        refused = await refusal(jane, "POST", f"{REVIEWS}/subjectaccessreviews", {"spec": other})
        assert (
            'cannot create resource "subjectaccessreviews" in API group "authorization.k8s.io" at the cluster scope'
            in refused
        )


async def test_a_certificate_request_tells_who_asked_with_groups_and_extra() -> None:
    async with api_server() as api:
        await api.create(ROLES, role("askers", rule("create", "certificates.k8s.io", "certificatesigningrequests")))
        await api.create(BINDINGS, binding("askers", "askers"))
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")])
        pem = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        request = b64encode(pem.public_bytes(serialization.Encoding.PEM)).decode()
        spec = {
            "request": request,
            "signerName": "example.com/x",
            "usages": ["client auth"],
            "groups": ["system:masters"],
        }
        user = authenticated("jane", ("dev",), "u-1", {"example.com/why": ("test",)})
        found = await api.as_user(user).create(
            "/apis/certificates.k8s.io/v1/certificatesigningrequests", {"metadata": {"name": "jane"}, "spec": spec}
        )
        told = {key: found["spec"].get(key) for key in ("username", "uid", "groups", "extra")}
        assert told == {
            "username": "jane",
            "uid": "u-1",
            "groups": ["dev", "system:authenticated"],
            "extra": {"example.com/why": ["test"]},
        }
