"""Server-side apply and managedFields through the API. What is checked follows upstream's apply tests."""

import asyncio
from typing import Any

import pytest

from kybern.apiserver.user import authenticated
from tests.cluster.api_server import MERGE, api_server, config_map
from tests.cluster.applies import APPLY, DEPLOYMENTS, MAPS, applied, apply, cm, deployment, owners


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
        found = {manager: fields for manager, _, fields in owners(await api.get(f"{DEPLOYMENTS}/d"))}
        assert found["s"] == {"f:spec": {"f:replicas": {}}}
        assert "f:replicas" not in found["a"]["f:spec"]


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
        "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value "
        "of type map[string]interface {}",
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


async def test_a_value_that_its_type_cannot_hold() -> None:
    async with api_server() as api:
        answer = await apply(api, f"{DEPLOYMENTS}/d", deployment(replicas=2.5))
        assert (answer.status, answer.message) == (
            500,
            "failed to convert new object (/d; apps/v1, Kind=Deployment) to proper version: unable to convert "
            "unstructured object to apps/v1, Kind=Deployment: cannot convert float64 to int32",
        )
        assert "reason" not in answer.body


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


async def test_an_unsupported_patch_names_those_that_are() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        answer = await api.patch(f"{MAPS}/c", {}, f"{MERGE} ; q=1")
        assert answer.status == 415
        assert answer.message == (
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, "
            "application/apply-patch+yaml"
        )


async def test_a_value_in_another_form_is_no_change() -> None:
    async with api_server() as api:
        config = deployment()
        config["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1000m", "memory": 1024}}
        config["metadata"]["creationTimestamp"] = None
        first = await applied(api, f"{DEPLOYMENTS}/d", config)
        limits = first["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
        assert limits == {"cpu": "1", "memory": "1024"}
        again = await applied(api, f"{DEPLOYMENTS}/d", config)
        assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        assert again["spec"] == first["spec"]
