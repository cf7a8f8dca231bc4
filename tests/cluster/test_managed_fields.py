"""managedFields of every write: who owns what, through which endpoint, and how managers are forgotten."""

from typing import Any

import pytest

from tests.cluster.api_server import CORE, JSON_PATCH, MERGE, STRATEGIC, api_server, config_map
from tests.cluster.applies import DEPLOYMENTS, MAPS, applied, apply, cm, deployment, owners


async def test_every_write_is_tracked() -> None:
    async with api_server() as api:
        agent = {"user-agent": "kubectl/v1.36 (linux)", "content-type": MERGE}
        await api("POST", MAPS, config_map("c", k="v"), {"user-agent": "maker/1"})
        await api("PATCH", f"{MAPS}/c", {"data": {"l": "v"}}, agent)
        await api("PUT", f"{MAPS}/c", config_map("c", k="v", l="w"), fieldManager="putter")
        found = await api.get(f"{MAPS}/c")
        assert sorted(owners(found), key=str) == [
            ("maker", "Update", {"f:data": {".": {}, "f:k": {}}}),
            ("putter", "Update", {"f:data": {"f:l": {}}}),
        ]
        same = await api.patch(f"{MAPS}/c", {"data": {"l": "w"}}, MERGE, fieldManager="idle")
        assert same.body == found


async def test_subresources_have_entries_of_their_own() -> None:
    async with api_server() as api:
        await api.create(DEPLOYMENTS, deployment())
        status = {"status": {"observedGeneration": 1}, "spec": {"replicas": 9}}
        changed = await api.patch(f"{DEPLOYMENTS}/d/status", status, MERGE, fieldManager="controller")
        (entry,) = (each for each in changed.body["metadata"]["managedFields"] if each["manager"] == "controller")
        assert entry["subresource"] == "status"
        assert entry["fieldsV1"] == {"f:status": {"f:observedGeneration": {}}}
        scaled = await api.patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 5}}, MERGE, fieldManager="scaler")
        assert scaled.body["spec"] == {"replicas": 5}
        assert "managedFields" not in scaled.body["metadata"]
        found = await api.get(f"{DEPLOYMENTS}/d")
        (own,) = (each for each in found["metadata"]["managedFields"] if each["manager"] == "scaler")
        assert own == {
            "manager": "scaler",
            "operation": "Update",
            "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
            "subresource": "scale",
        }
        conflict = await apply(api, f"{DEPLOYMENTS}/d", deployment())
        assert conflict.message == (
            'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using apps/v1: '
            ".spec.replicas"
        )


async def test_an_endpoint_of_a_part_tracks_all_that_was_sent() -> None:
    """What it leaves alone is tracked too, as upstream's endpoints of Pods do."""
    async with api_server() as api:
        containers = [{"name": "c", "image": "example.com/app:v1"}]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}
        await api.create(f"{CORE}/pods", pod)
        part = {
            "metadata": {"labels": {"x": "y"}},
            "spec": {"ephemeralContainers": [{"name": "e", "image": "example.com/app:v1"}]},
        }
        changed = await api.patch(f"{CORE}/pods/p/ephemeralcontainers", part, STRATEGIC, fieldManager="debugger")
        (entry,) = (each for each in changed.body["metadata"]["managedFields"] if each["manager"] == "debugger")
        assert entry["subresource"] == "ephemeralcontainers"
        assert entry["fieldsV1"].keys() == {"f:metadata", "f:spec"}
        assert "labels" not in changed.body["metadata"]


RESETS: list[tuple[str, str, Any]] = [
    ("merge", MERGE, {"metadata": {"managedFields": [{}]}}),
    ("merge, empty", MERGE, {"metadata": {"managedFields": []}}),
    ("strategic", STRATEGIC, {"metadata": {"managedFields": [{}]}}),
    ("JSON", JSON_PATCH, [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]),
]


@pytest.mark.parametrize(("what", "kind", "patch"), RESETS, ids=[case[0] for case in RESETS])
async def test_managers_can_be_forgotten_by_patches(what: str, kind: str, patch: Any) -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c", k="v"))
        assert (await api.patch(f"{MAPS}/c", patch, kind)).status == 200
        found = await api.get(f"{MAPS}/c")
        assert "managedFields" not in found["metadata"]
        await api.patch(f"{MAPS}/c", {"data": {"l": "w"}}, MERGE)
        assert "managedFields" not in (await api.get(f"{MAPS}/c"))["metadata"]
        adopted = await applied(api, f"{MAPS}/c", cm(k="v"))
        assert [each[:2] for each in owners(adopted)] == [("a", "Apply"), ("before-first-apply", "Update")]


@pytest.mark.parametrize("entries", [[], [{}]])
async def test_managers_can_be_forgotten_by_updates(entries: Any) -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c", k="v"))
        body = {"metadata": {"name": "c", "managedFields": entries}, "data": {"k": "w"}}
        changed = await api("PUT", f"{MAPS}/c", body)
        assert changed.body["data"] == {"k": "w"}
        assert "managedFields" not in changed.body["metadata"]


async def test_managers_can_be_rewritten_but_not_through_subresources() -> None:
    async with api_server() as api:
        made = await api.create(DEPLOYMENTS, deployment())
        entry = {**made["metadata"]["managedFields"][0], "manager": "renamed"}
        patch = [{"op": "replace", "path": "/metadata/managedFields", "value": [entry]}]
        assert (await api.patch(f"{DEPLOYMENTS}/d/status", patch, JSON_PATCH)).body == made
        renamed = await api.patch(f"{DEPLOYMENTS}/d", patch, JSON_PATCH)
        assert renamed.body["metadata"]["managedFields"] == [entry]
        invalid = [{"op": "replace", "path": "/metadata/managedFields/0/operation", "value": "Nothing"}]
        kept = await api.patch(f"{DEPLOYMENTS}/d", invalid, JSON_PATCH)
        assert kept.body == renamed.body


async def test_versions_share_their_managers() -> None:
    v1, v2 = (f"/apis/autoscaling/v{n}/namespaces/default/horizontalpodautoscalers" for n in (1, 2))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    hpa = {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}}
    spec = {"maxReplicas": 5, "scaleTargetRef": target}
    async with api_server() as api:
        old = {"apiVersion": "autoscaling/v1", **hpa, "spec": {**spec, "targetCPUUtilizationPercentage": 50}}
        await applied(api, f"{v1}/h", old, "one")
        new = {"apiVersion": "autoscaling/v2", **hpa, "spec": {**spec, "maxReplicas": 6}}
        refused = await apply(api, f"{v2}/h", new, "two")
        assert refused.message == 'Apply failed with 1 conflict: conflict with "one": .spec.maxReplicas'
        await api.patch(f"{v2}/h", {"spec": {"maxReplicas": 7}}, MERGE, fieldManager="two")
        found = {each["manager"]: each for each in (await api.get(f"{v1}/h"))["metadata"]["managedFields"]}
        assert found["two"]["apiVersion"] == "autoscaling/v2"
        assert found["two"]["fieldsV1"] == {"f:spec": {"f:maxReplicas": {}}}
        assert "f:maxReplicas" not in found["one"]["fieldsV1"]["f:spec"]
        assert "f:targetCPUUtilizationPercentage" in found["one"]["fieldsV1"]["f:spec"]


async def test_an_owner_given_twice_counts_once() -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u-1"}
    async with api_server() as api:
        made = await api("POST", MAPS, {"metadata": {"name": "c", "ownerReferences": [owner, owner]}})
        assert made.body["metadata"]["ownerReferences"] == [owner]
        assert made.warnings == [
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may "
            "reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u-1"
        ]
