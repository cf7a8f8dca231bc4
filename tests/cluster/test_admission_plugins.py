"""Plugins that flags and files choose, and those that hold what others may do."""

from pathlib import Path
from typing import Any

import pytest

from kybern.apiserver.user import User, authenticated
from tests.cluster.api_server import CORE, api_server, config_map, pod


def with_resources(name: str, **resources: Any) -> dict[str, Any]:
    made = pod(name)
    made["spec"]["containers"][0]["resources"] = resources
    return made


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"enable_admission_plugins": ("Nope",)}, 'enable-admission-plugins plugin "Nope" is unknown'),
        (
            {"enable_admission_plugins": ("LimitRanger",), "disable_admission_plugins": ("LimitRanger",)},
            "[LimitRanger] in enable-admission-plugins and disable-admission-plugins overlapped",
        ),
    ],
)
async def test_flags_are_checked(options: Any, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        async with api_server(**options):
            pass
    assert str(raised.value) == message


async def test_a_disabled_plugin_is_away() -> None:
    async with api_server(disable_admission_plugins=("ServiceAccount", "Priority")) as api:
        made = await api.create(f"{CORE}/pods", pod("p", serviceAccountName="nobody"))
        assert "priority" not in made["spec"]


async def test_owner_references_need_the_right_to_delete() -> None:
    options: dict[str, Any] = {"enable_admission_plugins": ("OwnerReferencesPermissionEnforcement",)}
    async with api_server(**options) as api:
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "update", "get", "patch"]}]
        await api.create(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", {"metadata": {"name": "w"}, "rules": rules}
        )
        binding = {
            "metadata": {"name": "w"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "w"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "writer"}],
        }
        await api.create("/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", binding)
        writer = api.as_user(authenticated("writer", ()))
        await writer.create(f"{CORE}/configmaps", config_map("m"))
        owners = [{"apiVersion": "v1", "kind": "Secret", "name": "s", "uid": "1", "blockOwnerDeletion": True}]
        refused = await writer.patch(f"{CORE}/configmaps/m", {"metadata": {"ownerReferences": owners}})
        assert refused.message == (
            'configmaps "m" is forbidden: cannot set an ownerRef on a resource you can\'t delete: , <nil>'
        )
        made = config_map("n")
        made["metadata"]["ownerReferences"] = owners
        refused = await writer("POST", f"{CORE}/configmaps", made)
        assert refused.message == (
            'configmaps "n" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you '
            "can't set finalizers on: , <nil>"
        )


async def test_events_are_limited(tmp_path: Any) -> None:
    path = tmp_path / "admission.yaml"
    path.write_text(
        """
kind: AdmissionConfiguration
plugins:
- name: EventRateLimit
  configuration: {kind: Configuration, limits: [{type: User, qps: 1, burst: 2}]}
"""
    )
    options: dict[str, Any] = {"enable_admission_plugins": ("EventRateLimit",), "admission_control_config_file": path}
    async with api_server(**options) as api:

        def event(name: str) -> dict[str, Any]:
            return {
                "metadata": {"name": name},
                "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
                "reason": "R",
                "type": "Normal",
            }

        answers = [await api("POST", f"{CORE}/events", event(f"e{index}")) for index in range(3)]
        assert [answer.status for answer in answers] == [201, 201, 429]
        assert answers[2].message == "Too many requests: limit reached on type User for key admin"
        other = api.as_user(User("other", ("system:masters",)))
        assert (await other("POST", f"{CORE}/events", event("e9"))).status == 201


async def test_plugins_that_only_run_when_asked_for() -> None:
    names = ("AlwaysPullImages", "DenyServiceExternalIPs", "ExtendedResourceToleration", "NamespaceAutoProvision")
    async with api_server(enable_admission_plugins=names) as api:
        made = await api.create(f"{CORE}/pods", with_resources("p", limits={"example.com/gpu": "1"}))
        assert made["spec"]["containers"][0]["imagePullPolicy"] == "Always"
        assert {"key": "example.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in made["spec"]["tolerations"]
        service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "externalIPs": ["192.0.2.1"]}}
        refused = await api("POST", f"{CORE}/services", service)
        assert refused.message == 'services "s" is forbidden: Use of external IPs is denied by admission control.'
        await api.create("/api/v1/namespaces/new/configmaps", config_map("m"))
        assert (await api("GET", "/api/v1/namespaces/new")).status == 200


async def test_a_terminating_namespace_takes_nothing_new() -> None:
    async with api_server() as api:
        await api.create("/api/v1/namespaces", {"metadata": {"name": "going", "finalizers": ["example.com/hold"]}})
        await api("DELETE", "/api/v1/namespaces/going")
        refused = await api("POST", "/api/v1/namespaces/going/configmaps", config_map("m"))
        assert refused.message == (
            'configmaps "m" is forbidden: unable to create new content in namespace going because it is being terminated'
        )


async def test_accounts_may_be_held_to_their_secrets() -> None:
    async with api_server() as api:
        annotation = {"kubernetes.io/enforce-mountable-secrets": "true"}
        account = {"metadata": {"name": "held", "annotations": annotation}, "secrets": [{"name": "mine"}]}
        await api.create(f"{CORE}/serviceaccounts", account)
        volumes: list[dict[str, Any]] = [{"name": "v", "secret": {"secretName": "other"}}]
        refused = await api("POST", f"{CORE}/pods", pod("p", serviceAccountName="held", volumes=volumes))
        assert refused.message == (
            'pods "p" is forbidden: volume with secret.secretName="other" is not allowed because service account held '
            "does not reference that secret"
        )
        volumes[0]["secret"] = {"secretName": "mine"}
        await api.create(f"{CORE}/pods", pod("p", serviceAccountName="held", volumes=volumes))


async def test_limited_resources_need_a_quota(tmp_path: Path) -> None:
    path = tmp_path / "admission.yaml"
    path.write_text("""
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- {name: ResourceQuota, path: quota.yaml}
""")
    (tmp_path / "quota.yaml").write_text("""
apiVersion: apiserver.config.k8s.io/v1
kind: ResourceQuotaConfiguration
limitedResources:
- resource: secrets
  matchContains: [secrets]
- resource: pods
  matchScopes: [{scopeName: PriorityClass, operator: In, values: [system-cluster-critical]}]
""")
    async with api_server(admission_control_config_file=path) as api:
        refused = await api("POST", f"{CORE}/secrets", {"metadata": {"name": "s"}})
        assert refused.status == 403
        assert refused.message == 'secrets "s" is forbidden: insufficient quota to consume: count/secrets,secrets'
        assert (await api("POST", f"{CORE}/pods", pod("plain"))).status == 201
        critical = await api("POST", f"{CORE}/pods", pod("p", priorityClassName="system-cluster-critical"))
        assert critical.status == 500
        assert critical.body["message"] == (
            "insufficient quota to match these scopes: [{PriorityClass In [system-cluster-critical]}]"
        )
