"""Writes that meet each other, and bodies that are odd."""

import asyncio

import pytest

from tests.cluster.api_server import CORE, JSON_PATCH, MERGE, STRATEGIC, Answer, Api, api_server, config_map

MAPS = f"{CORE}/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
WRITERS = 50
YAML = {"content-type": "application/yaml"}


def texts(answer: Answer) -> list[str]:
    """The warnings without their escapes."""
    return [warning.replace("\\", "").strip('"') for warning in answer.warnings]


def deployment(name: str) -> dict[str, object]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "example.com/app:v1"}]}}
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": labels}, "template": template}}


@pytest.mark.parametrize("kind", [MERGE, STRATEGIC, JSON_PATCH])
async def test_patches_without_a_version_all_get_through(kind: str) -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c", start="0"))
        answers = await asyncio.gather(*(api.patch(f"{MAPS}/c", _patch(kind, index), kind) for index in range(WRITERS)))
        assert {answer.status for answer in answers} == {200}
        assert (await api.get(f"{MAPS}/c"))["data"].keys() == {"start", *(f"k{index}" for index in range(WRITERS))}


def _patch(kind: str, index: int) -> object:
    if kind == JSON_PATCH:
        return [{"op": "add", "path": f"/data/k{index}", "value": "v"}]
    return {"data": {f"k{index}": "v"}}


async def test_a_patch_that_names_a_version_gets_through_once() -> None:
    async with api_server() as api:
        first = await api.create(MAPS, config_map("c"))
        version = first["metadata"]["resourceVersion"]
        patches = [{"metadata": {"resourceVersion": version}, "data": {f"k{index}": "v"}} for index in range(WRITERS)]
        answers = await asyncio.gather(*(api.patch(f"{MAPS}/c", patch) for patch in patches))
        assert sorted(answer.status for answer in answers) == [200] + [409] * (WRITERS - 1)


async def test_updates_that_name_a_version_get_through_once() -> None:
    async with api_server() as api:
        first = await api.create(MAPS, config_map("c"))
        bodies = [{**first, "data": {f"k{index}": "v"}} for index in range(WRITERS)]
        answers = await asyncio.gather(*(api("PUT", f"{MAPS}/c", body) for body in bodies))
        assert sorted(answer.status for answer in answers) == [200] + [409] * (WRITERS - 1)


async def test_scales_meet_other_writers() -> None:
    async with api_server() as api:
        await api.create(DEPLOYMENTS, deployment("d"))
        scales = [
            api.patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": index % 7}}, MERGE) for index in range(WRITERS)
        ]
        labels = [
            api.patch(f"{DEPLOYMENTS}/d", {"metadata": {"labels": {f"k{index}": "v"}}}) for index in range(WRITERS)
        ]
        answers = await asyncio.gather(*scales, *labels)
        assert {answer.status for answer in answers} == {200}
        assert len((await api.get(f"{DEPLOYMENTS}/d"))["metadata"]["labels"]) == WRITERS


async def test_evictions_share_a_budget_exactly() -> None:
    pods, budgets = f"{CORE}/pods", "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    async with api_server() as api:
        names = [f"p{index}" for index in range(20)]
        for name in names:
            await _running(api, pods, name)
        budget = {"metadata": {"name": "b"}, "spec": {"selector": {"matchLabels": {"app": "x"}}, "minAvailable": 15}}
        await api.create(budgets, budget)
        allowed = {"disruptionsAllowed": 5, "observedGeneration": 1, "currentHealthy": 20, "desiredHealthy": 15}
        await api.patch(f"{budgets}/b/status", {"status": {**allowed, "expectedPods": 20}})
        answers = await asyncio.gather(
            *(api("POST", f"{pods}/{name}/eviction", {"metadata": {"name": name}}) for name in names)
        )
        assert sorted(answer.status for answer in answers) == [201] * 5 + [429] * 15


async def _running(api: Api, pods: str, name: str) -> None:
    containers = [{"name": "c", "image": "example.com/app:v1"}]
    await api.create(pods, {"metadata": {"name": name, "labels": {"app": "x"}}, "spec": {"containers": containers}})
    ready = [{"type": "Ready", "status": "True"}]
    await api.patch(f"{pods}/{name}/status", {"status": {"phase": "Running", "conditions": ready}})


async def test_keys_of_yaml_become_strings() -> None:
    async with api_server() as api:
        body = b"metadata:\n  name: c\ndata:\n  1: one\n  true: b\n  1.5: f\non: x\n"
        answer = await api("POST", MAPS, body, YAML)
        assert answer.status == 201, answer
        assert answer.body["data"] == {"1": "one", "true": "b", "1.5": "f"}
        assert texts(answer) == ['unknown field "true']


UNRECOGNIZED = "the object provided is unrecognized (must be of type ConfigMap): "


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a: b: c\n", "yaml: mapping values are not allowed in this context (613a20623a20630a)"),
        (b"x:\n  a: b: c", "yaml: line 2: mapping values are not allowed in this context (783a0a2020613a20623a2063)"),
        (b"~: x", "unsupported map key of type: %!s(<nil>), key: <nil>, value: 'x' (7e3a2078)"),
        (
            b"- 1",
            "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct "
            r'{ APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" } (2d2031)',
        ),
    ],
)
async def test_yaml_that_is_none(body: bytes, message: str) -> None:
    async with api_server() as api:
        answer = await api("POST", MAPS, body, YAML)
        assert (answer.status, answer.message) == (400, UNRECOGNIZED + message)


async def test_keys_that_yaml_has_twice() -> None:
    body = b"metadata:\n  name: c\n  name: c\ndata:\n  a: b\n  a: c\nextra: 1\n"
    async with api_server() as api:
        answer = await api("POST", MAPS, body, YAML, fieldValidation="Strict")
        assert (answer.status, answer.message) == (
            400,
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:'
            '\n  line 3: key "name" already set in map\n  line 6: key "a" already set in map, unknown field "extra"',
        )
        answer = await api("POST", MAPS, body, YAML)
        assert answer.status == 201
        assert texts(answer) == [
            'line 3: key "name" already set in map',
            'line 6: key "a" already set in map',
            'unknown field "extra',
        ]


DUPLICATE = b'{"spec":{"paused":true,"paused":false,"unknown":1}}'
STRICT_PATCHES = [
    (MERGE, DUPLICATE, ['duplicate field "spec.paused"', 'unknown field "spec.unknown"']),
    (STRATEGIC, DUPLICATE, ['duplicate field "spec.paused"', 'unknown field "spec.unknown"']),
    (
        JSON_PATCH,
        b'[{"op":"add","path":"/spec/unknown","value":1,"extra":2,"op":"replace"}]',
        ['json patch unknown field "[0].extra"', 'json patch duplicate field "[0].op"', 'unknown field "spec.unknown"'],
    ),
]


@pytest.mark.parametrize(("kind", "patch", "findings"), STRICT_PATCHES, ids=[case[0] for case in STRICT_PATCHES])
async def test_unknown_and_duplicate_fields_of_patches(kind: str, patch: bytes, findings: list[str]) -> None:
    async with api_server() as api:
        await api.create(DEPLOYMENTS, deployment("d"))
        strict = await api.patch(f"{DEPLOYMENTS}/d", patch, kind, fieldValidation="Strict")
        assert (strict.status, strict.body["reason"]) == (422, "Invalid")
        assert strict.message.startswith(' "" is invalid: patch: Invalid value: "')
        assert strict.message.endswith('": strict decoding error: ' + ", ".join(findings))
        assert [cause["field"] for cause in strict.body["details"]["causes"]] == ["patch"]
        warned = await api.patch(f"{DEPLOYMENTS}/d", patch, kind)
        assert (warned.status, texts(warned)) == (200, [finding.strip('"') for finding in findings])
        ignored = await api.patch(f"{DEPLOYMENTS}/d", patch, kind, fieldValidation="Ignore")
        assert (ignored.status, ignored.warnings) == (200, [])


async def test_unknown_and_duplicate_fields_of_bodies() -> None:
    body = b'{"metadata":{"name":"c"},"data":{"a":"b","a":"c"},"extra":1}'
    expected = (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a", '
        'unknown field "extra"'
    )
    async with api_server() as api:
        strict = await api("POST", MAPS, body, fieldValidation="Strict")
        assert (strict.status, strict.message) == (400, expected)
        assert (await api("POST", MAPS, body, fieldValidation="Ignore")).warnings == []
        assert texts(await api("PUT", f"{MAPS}/c", body)) == ['duplicate field "data.a', 'unknown field "extra']
        wrong = await api("POST", MAPS, body, fieldValidation="Perhaps")
        assert (wrong.status, wrong.message) == (
            422,
            'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Perhaps": supported values: '
            '"", "Ignore", "Strict", "Warn"',
        )


NOT_PATCHES = [
    (MERGE, b"{", "error decoding patch: unexpected end of JSON input"),
    (MERGE, b"[]", "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"),
    (STRATEGIC, b"{", "unexpected end of JSON input"),
    (STRATEGIC, b"1", "json: cannot unmarshal number into Go value of type map[string]interface {}"),
    (
        JSON_PATCH,
        b"{}",
        "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    ),
    (
        JSON_PATCH,
        b"[1]",
        "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp",
    ),
    (
        JSON_PATCH,
        b'[{"op":1}]',
        "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string",
    ),
]


@pytest.mark.parametrize(
    ("kind", "patch", "message"), NOT_PATCHES, ids=[f"{case[0]} {case[1]!r}" for case in NOT_PATCHES]
)
async def test_what_is_no_patch(kind: str, patch: bytes, message: str) -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        answer = await api.patch(f"{MAPS}/c", patch, kind)
        assert (answer.status, answer.message) == (400, message)


async def test_patches_that_cannot_be() -> None:
    async with api_server() as api:
        made = await api.create(DEPLOYMENTS, deployment("d"))
        path = f"{DEPLOYMENTS}/d"
        failed = await api.patch(path, [{"op": "test", "path": "/spec/replicas", "value": 9}], JSON_PATCH)
        assert failed.body == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "the server rejected our request due to an error in our request",
            "reason": "Invalid",
            "details": {},
            "code": 422,
        }
        many = await api.patch(path, [{"op": "test", "path": "/kind", "value": "Deployment"}] * 10_001, JSON_PATCH)
        assert (many.status, many.message) == (
            413,
            "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
        )
        missing = await api.patch(f"{DEPLOYMENTS}/x", {}, MERGE)
        assert (missing.status, missing.message) == (404, 'deployments.apps "x" not found')
        renamed = await api.patch(path, {"metadata": {"name": "e"}}, MERGE)
        assert (renamed.status, renamed.message) == (
            400,
            "the name of the object (e) does not match the name on the URL (d)",
        )
        moved = await api.patch(path, {"metadata": {"namespace": "other"}}, MERGE)
        assert moved.status == 400
        immutable = await api.patch(path, {"spec": {"selector": {"matchLabels": {"a": "b"}}}}, MERGE)
        assert immutable.status == 422
        other = await api.patch(path, {"metadata": {"uid": "u-1"}}, MERGE)
        assert (other.status, other.body["details"]["causes"][0]["field"]) == (422, "metadata.uid")
        assert await api.get(path) == made


async def test_a_uid_in_an_update_is_a_precondition() -> None:
    async with api_server() as api:
        made = await api.create(MAPS, config_map("c"))
        answer = await api("PUT", f"{MAPS}/c", {"metadata": {"name": "c", "uid": "u-1"}})
        assert (answer.status, answer.message) == (
            409,
            'Operation cannot be fulfilled on configmaps "c": StorageError: invalid object, Code: 4, Key: '
            "/registry/configmaps/default/c, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
            f"precondition: u-1, UID in object meta: {made['metadata']['uid']}",
        )


async def test_a_job_with_a_generated_name_knows_it_everywhere() -> None:
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    containers = [{"name": "c", "image": "example.com/app:v1"}]
    spec = {"template": {"spec": {"containers": containers, "restartPolicy": "Never"}}}
    async with api_server() as api:
        made = await api.create(jobs, {"metadata": {"generateName": "j-"}, "spec": spec})
        name = made["metadata"]["name"]
        assert made["metadata"]["labels"]["batch.kubernetes.io/job-name"] == name
        assert made["spec"]["template"]["metadata"]["labels"]["job-name"] == name
        assert (await api("PUT", f"{jobs}/{name}", made)).body == made


async def test_only_a_stored_object_must_be_without_a_revision() -> None:
    async with api_server() as api:
        body = {**config_map("c"), "metadata": {"name": "c", "resourceVersion": "7"}}
        tried = await api("POST", MAPS, body, dryRun="All")
        assert (tried.status, tried.body["metadata"]["resourceVersion"]) == (201, "7")
        refused = await api("POST", MAPS, body)
        assert (refused.status, refused.message) == (500, "resourceVersion should not be set on objects to be created")
        body["metadata"]["resourceVersion"] = "none"
        assert (await api("POST", MAPS, body)).status == 201
