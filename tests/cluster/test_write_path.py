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
