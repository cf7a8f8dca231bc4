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
