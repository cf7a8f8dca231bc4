"""Empty lists and maps, which are stored as none: where clients see all the same that they were sent."""

from tests.cluster.api_server import JSON_PATCH, MERGE, api_server
from tests.cluster.applies import owners

POLICIES = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"
QUOTAS = "/api/v1/namespaces/default/resourcequotas"


async def test_an_empty_list_is_a_change_of_a_network_policy() -> None:
    async with api_server() as api:
        policy = {"metadata": {"name": "deny"}, "spec": {"podSelector": {}, "ingress": []}}
        made = await api.create(POLICIES, policy)
        assert "ingress" not in made["spec"]
        assert made["metadata"]["generation"] == 1
        again = await api("PUT", f"{POLICIES}/deny", policy)
        assert again.body["metadata"]["generation"] == 2
        labelled = await api.patch(f"{POLICIES}/deny", {"metadata": {"labels": {"a": "b"}}}, MERGE)
        assert labelled.body["metadata"]["generation"] == 2


async def test_who_sends_an_empty_list_owns_it_where_it_is_encoded() -> None:
    async with api_server() as api:
        role = {"metadata": {"name": "r"}, "rules": []}
        made = await api("POST", ROLES, role, fieldManager="one")
        assert made.body["rules"] is None
        assert owners(made.body) == [("one", "Update", {"f:rules": {}})]
        patched = await api.patch(f"{ROLES}/r", {"rules": []}, MERGE, fieldManager="two")
        assert sorted(owners(patched.body)) == [("two", "Update", {"f:rules": {}})]


async def test_messages_show_what_was_sent() -> None:
    async with api_server() as api:
        quota = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}, "scopes": ["Terminating"]}}
        await api.create(QUOTAS, quota)
        refused = await api("PUT", f"{QUOTAS}/q", {**quota, "spec": {"hard": {"pods": "1"}, "scopes": []}})
        assert refused.message.endswith("spec.scopes: Invalid value: []: field is immutable")
        removal = [{"op": "remove", "path": "/spec/scopes/0"}]
        patched = await api.patch(f"{QUOTAS}/q", removal, JSON_PATCH)
        assert patched.message == refused.message
        none = await api("PUT", f"{QUOTAS}/q", {**quota, "spec": {"hard": {"pods": "1"}}})
        assert none.message.endswith("spec.scopes: Invalid value: null: field is immutable")


async def test_endpoints_topology_counts_as_a_change_though_it_is_dropped() -> None:
    async with api_server() as api:
        slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
        endpoint = {"addresses": ["10.3.2.1"], "deprecatedTopology": {"region": "r"}}
        written = {"metadata": {"name": "e"}, "addressType": "IPv4", "endpoints": [endpoint]}
        made = await api.create(slices, written)
        assert "deprecatedTopology" not in made["endpoints"][0]
        again = await api("PUT", f"{slices}/e", written)
        assert again.body["metadata"]["generation"] == 2
        assert "deprecatedTopology" not in again.body["endpoints"][0]


async def test_an_empty_policy_of_families_is_none_of_them() -> None:
    async with api_server() as api:
        spec = {"ports": [{"port": 8080}], "ipFamilyPolicy": ""}
        refused = await api("POST", "/api/v1/namespaces/default/services", {"metadata": {"name": "s"}, "spec": spec})
        assert refused.status == 422
        assert 'spec.ipFamilyPolicy: Unsupported value: ""' in refused.message
