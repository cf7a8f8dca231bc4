"""Server-side apply and managedFields through the API. What is checked follows upstream's apply tests."""

import asyncio
from typing import Any

import pytest

from kybern.apiserver.user import authenticated
from tests.cluster.api_server import CORE, JSON_PATCH, MERGE, STRATEGIC, Answer, Api, api_server, config_map

APPLY = "application/apply-patch+yaml"
MAPS = f"{CORE}/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MANAGED = ("metadata", "managedFields")
Owners = list[tuple[str, str, Any]]


def deployment(name: str = "d", **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    containers = [{"name": "c", "image": "example.com/app:v1", "ports": [{"containerPort": 80}]}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template, **spec}
    spec = {key: value for key, value in spec.items() if value is not None}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def cm(name: str = "c", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", **config_map(name, **data)}


async def apply(api: Api, path: str, body: Any, manager: str = "a", **query: str) -> Answer:
    return await api.patch(path, body, APPLY, fieldManager=manager, **query)


async def applied(api: Api, path: str, body: Any, manager: str = "a", **query: str) -> Any:
    """The object; the apply must succeed."""
    answer = await apply(api, path, body, manager, **query)
    assert answer.status in (200, 201), answer
    return answer.body


def owners(obj: Any) -> Owners:
    """(manager, operation, fields) of each entry."""
    return [(each["manager"], each["operation"], each["fieldsV1"]) for each in obj["metadata"].get("managedFields", ())]


async def test_an_apply_creates_and_the_next_changes_nothing() -> None:
    async with api_server() as api:
        first = await apply(api, f"{DEPLOYMENTS}/d", deployment())
        assert first.status == 201
        again = await apply(api, f"{DEPLOYMENTS}/d", deployment())
        assert (again.status, again.body) == (200, first.body)
        other = await applied(api, f"{DEPLOYMENTS}/d", deployment(), "b")
        assert other["spec"] == first.body["spec"]
        assert [each[:2] for each in owners(other)] == [("b", "Apply"), ("a", "Apply")]
        entry = other["metadata"]["managedFields"][1]
        assert (entry["apiVersion"], entry["fieldsType"]) == ("apps/v1", "FieldsV1")
        assert entry["fieldsV1"]["f:spec"]["f:selector"] == {}
        container = entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"c"}']
        port = {".": {}, "f:containerPort": {}}
        ports = {'k:{"containerPort":80,"protocol":"TCP"}': port}
        assert container == {".": {}, "f:name": {}, "f:image": {}, "f:ports": ports}


async def test_yaml_is_applied_as_json_is() -> None:
    async with api_server() as api:
        text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: v}\n"
        first = await applied(api, f"{MAPS}/c", text)
        assert owners(first) == [("a", "Apply", {"f:data": {"f:k": {}}})]
        assert await applied(api, f"{MAPS}/c", cm(k="v")) == first


async def test_conflicts_tell_whose_fields_they_are() -> None:
    async with api_server() as api:
        await applied(api, f"{DEPLOYMENTS}/d", deployment())
        await api.patch(f"{DEPLOYMENTS}/d", {"spec": {"replicas": 5}}, MERGE, fieldManager="u")
        answer = await apply(api, f"{DEPLOYMENTS}/d", deployment())
        assert answer.status == 409
        assert answer.body == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": 'Apply failed with 1 conflict: conflict with "u" using apps/v1: .spec.replicas',
            "reason": "Conflict",
            "details": {
                "causes": [
                    {
                        "reason": "FieldManagerConflict",
                        "message": 'conflict with "u" using apps/v1',
                        "field": ".spec.replicas",
                    }
                ]
            },
            "code": 409,
        }
        forced = await applied(api, f"{DEPLOYMENTS}/d", deployment(), force="true")
        assert forced["spec"]["replicas"] == 3
        assert [each[:2] for each in owners(forced)] == [("a", "Apply")]


async def test_fields_no_longer_applied_go_back_to_their_defaults() -> None:
    async with api_server() as api:
        await applied(api, f"{DEPLOYMENTS}/d", deployment())
        bare = deployment(replicas=None)
        del bare["spec"]["template"]["spec"]["containers"][0]["ports"]
        changed = await applied(api, f"{DEPLOYMENTS}/d", bare)
        assert changed["spec"]["replicas"] == 1
        assert "ports" not in changed["spec"]["template"]["spec"]["containers"][0]


async def test_shared_fields_stay_until_the_last_owner_leaves() -> None:
    async with api_server() as api:
        await applied(api, f"{MAPS}/c", cm(k="v"))
        await applied(api, f"{MAPS}/c", cm(k="v"), "b")
        assert (await applied(api, f"{MAPS}/c", cm()))["data"] == {"k": "v"}
        assert "data" not in await applied(api, f"{MAPS}/c", cm(), "b")


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


async def test_a_scale_can_be_applied() -> None:
    async with api_server() as api:
        await applied(api, f"{DEPLOYMENTS}/d", deployment())
        scale = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": "d", "namespace": "default"},
            "spec": {"replicas": 7},
        }
        refused = await apply(api, f"{DEPLOYMENTS}/d/scale", scale, "s")
        assert refused.message == 'Apply failed with 1 conflict: conflict with "a": .spec.replicas'
        assert (await applied(api, f"{DEPLOYMENTS}/d/scale", scale, "s", force="true"))["spec"] == {"replicas": 7}
        found = owners(await api.get(f"{DEPLOYMENTS}/d"))
        assert ("s", "Apply", {"f:spec": {"f:replicas": {}}}) in found
        assert "f:replicas" not in found[0][2]["f:spec"] or found[0][0] == "s"


async def test_status_and_spec_are_applied_without_conflicts() -> None:
    async with api_server() as api:
        first = {**deployment(), "status": {"observedGeneration": 5}}
        other = deployment(replicas=7)
        other = {**other, "status": {"observedGeneration": 6}}
        created = await applied(api, f"{DEPLOYMENTS}/d", first)
        assert "f:status" not in owners(created)[0][2]
        status = await applied(api, f"{DEPLOYMENTS}/d/status", other, "b")
        assert (status["spec"]["replicas"], status["status"]["observedGeneration"]) == (3, 6)
        assert ("b", "Apply", {"f:status": {"f:observedGeneration": {}}}) in owners(status)
        again = await applied(api, f"{DEPLOYMENTS}/d", first)
        assert again["status"]["observedGeneration"] == 6


async def test_an_endpoint_of_a_part_tracks_that_part_alone() -> None:
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
        assert entry["fieldsV1"].keys() == {"f:spec"}
        assert entry["fieldsV1"]["f:spec"].keys() == {"f:ephemeralContainers"}


REFUSED: list[tuple[str, Any, dict[str, str], int, str]] = [
    (
        "no manager",
        cm(),
        {},
        422,
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ),
    (
        "a long manager",
        cm(),
        {"fieldManager": "x" * 129},
        422,
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes',
    ),
    (
        "another kind",
        {**cm(), "kind": "Secret"},
        {"fieldManager": "a"},
        400,
        "invalid object type: /v1, Kind=Secret",
    ),
    ("no kind", {"metadata": {"name": "c"}}, {"fieldManager": "a"}, 400, "invalid object type: /, Kind="),
    (
        "managed fields",
        {**cm(), "metadata": {"name": "c", "managedFields": []}},
        {"fieldManager": "a"},
        400,
        "metadata.managedFields must be nil",
    ),
    (
        "another name",
        cm("other"),
        {"fieldManager": "a"},
        400,
        "the name of the object (other) does not match the name on the URL (c)",
    ),
    (
        "no name",
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"fieldManager": "a"},
        400,
        "the name of the object (c based on URL) was undeterminable: name must be provided",
    ),
    (
        "another namespace",
        {**cm(), "metadata": {"name": "c", "namespace": "other"}},
        {"fieldManager": "a"},
        400,
        "the namespace of the provided object does not match the namespace sent on the request",
    ),
    (
        "an unknown field",
        {**cm(), "other": 1},
        {"fieldManager": "a"},
        500,
        "failed to create typed patch object (/c; /v1, Kind=ConfigMap): .other: field not declared in schema",
    ),
    (
        "a wrong type",
        {**cm(), "data": {"k": 1}},
        {"fieldManager": "a"},
        500,
        "failed to create typed patch object (/c; /v1, Kind=ConfigMap): .data.k: expected string, got "
        "&value.valueUnstructured{Value:1}",
    ),
    (
        "no object",
        ["x"],
        {"fieldManager": "a"},
        400,
        "error decoding YAML: error unmarshaling JSON: json: cannot unmarshal array into Go value of type "
        "map[string]interface {}",
    ),
    (
        "no YAML",
        b"a: b: c",
        {"fieldManager": "a"},
        400,
        "error decoding YAML: error converting YAML to JSON: yaml: mapping values are not allowed in this context",
    ),
]


@pytest.mark.parametrize(("what", "body", "query", "code", "message"), REFUSED, ids=[case[0] for case in REFUSED])
@pytest.mark.parametrize("exists", [False, True])
async def test_refusals(exists: bool, what: str, body: Any, query: dict[str, str], code: int, message: str) -> None:
    async with api_server() as api:
        if exists:
            await api.create(MAPS, config_map("c"))
            if what == "no name":
                return
        before = await api("GET", MAPS)
        answer = await api.patch(f"{MAPS}/c", body, APPLY, **query)
        assert (answer.status, answer.message) == (code, message)
        assert await api("GET", MAPS) == before


async def test_a_uid_without_an_object_conflicts() -> None:
    async with api_server() as api:
        answer = await apply(api, f"{MAPS}/c", {**cm(), "metadata": {"name": "c", "uid": "u-1"}})
        assert (answer.status, answer.message) == (
            409,
            'Operation cannot be fulfilled on configmaps "c": uid mismatch: the provided object specified uid u-1, and '
            "no existing object was found",
        )


async def test_a_resource_version_must_be_the_stored_one() -> None:
    async with api_server() as api:
        first = await applied(api, f"{MAPS}/c", cm(k="1"))
        config = cm(k="2")
        config["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
        assert (await apply(api, f"{MAPS}/c", config)).status == 200
        config["data"]["k"] = "3"
        assert (await apply(api, f"{MAPS}/c", config)).status == 409


async def test_keys_given_twice() -> None:
    async with api_server() as api:
        text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  k: v\n  k: w\n"
        strict = await apply(api, f"{MAPS}/c", text, fieldValidation="Strict")
        assert (strict.status, strict.message) == (
            400,
            "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n"
            '  line 6: key "k" already set in map',
        )
        warned = await apply(api, f"{MAPS}/c", text)
        assert [warning.replace("\\", "") for warning in warned.warnings] == ['line 6: key "k" already set in map']
        ignored = await apply(api, f"{MAPS}/c", text, fieldValidation="Ignore")
        assert (ignored.status, ignored.warnings) == (200, [])


async def test_force_is_for_applies_alone() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        answer = await api.patch(f"{MAPS}/c", {}, MERGE, force="true")
        assert (answer.status, answer.message) == (
            422,
            'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
        )


async def test_dry_runs_store_nothing() -> None:
    async with api_server() as api:
        made = await apply(api, f"{MAPS}/c", cm(k="v"), dryRun="All")
        assert (made.status, made.body["data"]) == (201, {"k": "v"})
        assert (await api("GET", f"{MAPS}/c")).status == 404


async def test_who_may_not_create_applies_to_what_exists_only() -> None:
    async with api_server(authorization_mode=("RBAC",)) as api:
        role = {
            "metadata": {"name": "patcher"},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "patch"]}],
        }
        roles = "/apis/rbac.authorization.k8s.io/v1"
        await api.create(f"{roles}/clusterroles", role)
        binding = {
            "metadata": {"name": "patcher"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "patcher"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ann"}],
        }
        await api.create(f"{roles}/clusterrolebindings", binding)
        ann = api.as_user(authenticated("ann", ()))
        refused = await apply(ann, f"{MAPS}/c", cm(k="v"))
        assert (refused.status, refused.message) == (
            403,
            'configmaps "c" is forbidden: User "ann" cannot create resource "configmaps" in API group "" in the '
            'namespace "default"',
        )
        await api.create(MAPS, config_map("c"))
        assert (await apply(ann, f"{MAPS}/c", cm(k="v"))).status == 200


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


async def test_kubectl_takes_over_what_it_applied_from_the_client() -> None:
    last = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"k":"v","l":"v"}}'
    key = "kubectl.kubernetes.io/last-applied-configuration"
    async with api_server() as api:
        obj = {"metadata": {"name": "c", "annotations": {key: last}}, "data": {"k": "v", "l": "v"}}
        await api("POST", MAPS, obj, fieldManager="kubectl-client-side-apply")
        assert (await apply(api, f"{MAPS}/c", cm(k="w", l="v"), "other")).status == 409
        taken = await applied(api, f"{MAPS}/c", cm(k="w", l="v"), "kubectl")
        assert taken["data"] == {"k": "w", "l": "v"}
        assert taken["metadata"]["annotations"][key] == (
            '{"apiVersion":"v1","data":{"k":"w","l":"v"},"kind":"ConfigMap","metadata":{"name":"c"}}\n'
        )
        await api.patch(f"{MAPS}/c", {"data": {"k": "x"}}, MERGE, fieldManager="meddler")
        refused = await apply(api, f"{MAPS}/c", cm(k="y", l="v"), "kubectl")
        assert refused.message == 'Apply failed with 1 conflict: conflict with "meddler" using v1: .data.k'


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


async def test_many_apply_at_once() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        answers = await asyncio.gather(
            *(apply(api, f"{MAPS}/{name}", cm(name, **{f"k{index}": "v"}), f"m{index}") for index in range(20)
              for name in ("c", "new"))
        )  # fmt: skip
        assert {answer.status for answer in answers} == {200, 201}
        for name in ("c", "new"):
            assert len((await api.get(f"{MAPS}/{name}"))["data"]) == 20


async def test_an_owner_given_twice_counts_once() -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u-1"}
    async with api_server() as api:
        made = await api("POST", MAPS, {"metadata": {"name": "c", "ownerReferences": [owner, owner]}})
        assert made.body["metadata"]["ownerReferences"] == [owner]
        assert made.warnings == [
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may "
            "reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u-1"
        ]


async def test_an_unsupported_patch_names_those_that_are() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        answer = await api.patch(f"{MAPS}/c", {}, "application/apply-patch+cbor")
        assert answer.status == 415
        assert answer.message == (
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, "
            "application/apply-patch+yaml"
        )
