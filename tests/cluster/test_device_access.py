"""Devices as an administrator, and who may write what into the status of a claim."""

from typing import Any

from kybern.apiserver.user import authenticated
from tests.cluster.api_server import Api, api_server

GROUP = "/apis/resource.k8s.io/v1"
CLAIMS = f"{GROUP}/namespaces/default/resourceclaims"
TEMPLATES = f"{GROUP}/namespaces/default/resourceclaimtemplates"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
NEEDS_LABEL = (
    "Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the "
    "containing namespace"
)
NODE = "authentication.kubernetes.io/node-name"


def spec(**request: Any) -> dict[str, Any]:
    return {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu.example.com", **request}}]}}


def allocation(node: str = "n1", **result: Any) -> dict[str, Any]:
    device = {"request": "r", "driver": "gpu.example.com", "pool": "p", "device": "d", **result}
    fields = [{"key": "metadata.name", "operator": "In", "values": [node]}]
    return {"devices": {"results": [device]}, "nodeSelector": {"nodeSelectorTerms": [{"matchFields": fields}]}}


async def grant(api: Api, name: str, user: str, *rules: dict[str, Any]) -> None:
    await api.create(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": list(rules)})
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    await api.create(
        f"{RBAC}/clusterrolebindings", {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
    )


def rule(resource: str, *verbs: str) -> dict[str, Any]:
    return {"apiGroups": ["resource.k8s.io"], "resources": [resource], "verbs": list(verbs)}


async def test_administrators_access_needs_a_label_on_the_namespace() -> None:
    async with api_server() as api:
        wanted = spec(adminAccess=True)
        for path, made in ((CLAIMS, wanted), (TEMPLATES, {"spec": wanted})):
            refused = await api("POST", path, {"metadata": {"name": "c"}, "spec": made})
            assert refused.status == 422
            [cause] = refused.body["details"]["causes"]
            assert (cause["field"], cause["message"]) == ("spec.devices.requests[0].adminAccess", NEEDS_LABEL)
        await api.create(CLAIMS, {"metadata": {"name": "plain"}, "spec": spec()})
        granted = {"status": {"allocation": allocation(adminAccess=True)}}
        refused = await api.patch(f"{CLAIMS}/plain/status", granted)
        assert [cause["field"] for cause in refused.body["details"]["causes"]] == [
            "status.allocation.devices.results[0].adminAccess"
        ]
        labels = {"metadata": {"labels": {"resource.kubernetes.io/admin-access": "true"}}}
        assert (await api.patch("/api/v1/namespaces/default", labels)).status == 200
        await api.create(CLAIMS, {"metadata": {"name": "c"}, "spec": wanted})
        assert (await api.patch(f"{CLAIMS}/plain/status", granted)).status == 200


async def test_binding_a_claim_and_telling_of_its_devices_are_rights_of_their_own() -> None:
    async with api_server() as api:
        driver = "system:serviceaccount:default:driver"
        await grant(api, "status", driver, rule("resourceclaims/status", "patch"))
        await api.create(CLAIMS, {"metadata": {"name": "c"}, "spec": spec()})
        as_driver = api.as_user(authenticated(driver, (), extra={NODE: ("n1",)}))
        binding = {"status": {"allocation": allocation()}}
        refused = await as_driver.patch(f"{CLAIMS}/c/status", binding)
        assert refused.status == 422
        assert (
            "status.allocation: Forbidden: changing status.allocation or status.reservedFor requires "
            'resource="resourceclaims/binding", verb="patch" permission: ' in refused.message
        )
        assert (await api.patch(f"{CLAIMS}/c/status", binding)).status == 200
        device = {"driver": "gpu.example.com", "pool": "p", "device": "d", "data": {"healthy": True}}
        telling = {"status": {"devices": [device]}}
        refused = await as_driver.patch(f"{CLAIMS}/c/status", telling)
        assert (
            'status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", '
            'verb="[associated-node:patch arbitrary-node:patch]" permission: ' in refused.message
        )
        await grant(api, "driver", driver, rule("resourceclaims/driver", "associated-node:patch"))
        assert (await as_driver.patch(f"{CLAIMS}/c/status", telling)).status == 200
        elsewhere = api.as_user(authenticated(driver, (), extra={NODE: ("n2",)}))
        refused = await elsewhere.patch(f"{CLAIMS}/c/status", {"status": {"devices": []}})
        assert 'verb="[arbitrary-node:patch]"' in refused.message
