"""Creating, reading, changing: every verb on stored objects."""

import asyncio

import yaml

from tests.cluster.api_server import CORE, JSON_PATCH, MERGE, STRATEGIC, api_server, config_map, pod

MAPS = f"{CORE}/configmaps"
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


async def test_an_object_reads_as_it_was_written() -> None:
    async with api_server() as api:
        created = await api.create(MAPS, config_map("c", k="v"))
        assert created["kind"] == "ConfigMap"
        assert created["data"] == {"k": "v"}
        assert {"uid", "creationTimestamp", "resourceVersion"} <= created["metadata"].keys()
        assert await api.get(f"{MAPS}/c") == created
        listed = await api.get(MAPS)
        assert listed["kind"] == "ConfigMapList"
        assert listed["items"] == [{key: created[key] for key in created if key not in ("kind", "apiVersion")}]


async def test_refusals_of_creation() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        again = await api("POST", MAPS, config_map("c"))
        assert (again.status, again.body["reason"], again.message) == (
            409,
            "AlreadyExists",
            'configmaps "c" already exists',
        )
        elsewhere = await api("POST", MAPS, {"metadata": {"name": "d", "namespace": "other"}})
        assert (
            elsewhere.message == "the namespace of the provided object does not match the namespace sent on the request"
        )
        nameless = await api("POST", MAPS, {})
        assert nameless.status == 422
        assert "name or generateName is required" in nameless.message
        nowhere = await api("POST", "/api/v1/namespaces/absent/configmaps", config_map("c"))
        assert (nowhere.status, nowhere.message) == (404, 'namespaces "absent" not found')
        assert (await api("POST", MAPS, b"{")).status == 400
        assert (await api("POST", MAPS, b"x", {"content-type": "text/plain"})).status == 415
        assert (await api("POST", "/api/v1/configmaps", config_map("c"))).status == 405
        assert (await api("GET", MAPS, None, {"accept": "text/html"})).status == 406


async def test_generated_names_differ() -> None:
    async with api_server() as api:
        made = await asyncio.gather(*(api.create(MAPS, {"metadata": {"generateName": "g-"}}) for _ in range(20)))
        names = {each["metadata"]["name"] for each in made}
        assert len(names) == 20
        assert all(name.startswith("g-") and len(name) == 7 for name in names)


async def test_patches_at_the_same_time_all_succeed_and_updates_of_one_version_do_not() -> None:
    async with api_server() as api:
        first = await api.create(MAPS, config_map("c"))
        patches = (api.patch(f"{MAPS}/c", {"data": {f"k{i}": "v"}}, STRATEGIC) for i in range(8))
        assert {answer.status for answer in await asyncio.gather(*patches)} == {200}
        last = await api.get(f"{MAPS}/c")
        assert len(last["data"]) == 8
        version = last["metadata"]["resourceVersion"]
        puts = (api("PUT", f"{MAPS}/c", {**last, "data": {"k": str(i)}}) for i in range(4))
        assert sorted(answer.status for answer in await asyncio.gather(*puts)) == [200, 409, 409, 409]
        stale = await api.patch(f"{MAPS}/c", {"metadata": {"resourceVersion": version}, "data": {"k": "x"}})
        assert stale.status == 409
        assert first["metadata"]["resourceVersion"] != version


async def test_optimistic_concurrency() -> None:
    async with api_server() as api:
        first = await api.create(MAPS, config_map("c", k="1"))
        second = await api("PUT", f"{MAPS}/c", {**first, "data": {"k": "2"}})
        assert second.status == 200
        late = await api("PUT", f"{MAPS}/c", {**first, "data": {"k": "3"}})
        assert (late.status, late.message) == (409, f'Operation cannot be fulfilled on configmaps "c": {MODIFIED}')
        unconditional = await api("PUT", f"{MAPS}/c", config_map("c", k="4"))
        assert unconditional.body["data"] == {"k": "4"}
        other_uid = {**unconditional.body, "metadata": {**unconditional.body["metadata"], "uid": "other"}}
        assert "Precondition failed: UID in precondition: other" in (await api("PUT", f"{MAPS}/c", other_uid)).message
        misnamed = await api("PUT", f"{MAPS}/c", config_map("d"))
        assert misnamed.message == "the name of the object (d) does not match the name on the URL (c)"


async def test_a_write_that_changes_nothing_makes_no_version() -> None:
    async with api_server() as api:
        first = await api.create(MAPS, config_map("c", k="1"))
        again = await api("PUT", f"{MAPS}/c", {"data": {"k": "1"}, "metadata": {"name": "c"}})
        assert again.body["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        patched = await api.patch(f"{MAPS}/c", {"data": {"k": "1"}})
        assert patched.body == first


async def test_patches() -> None:
    async with api_server() as api:
        await api.create(f"{CORE}/pods", pod("p", labels={"a": "b"}))
        path = f"{CORE}/pods/p"
        merged = await api.patch(path, {"metadata": {"labels": {"a": None, "c": "d"}}}, MERGE)
        assert merged.body["metadata"]["labels"] == {"c": "d"}
        strategic = {"spec": {"containers": [{"name": "c", "image": "example.com/app:v2"}]}}
        changed = (await api.patch(path, strategic, STRATEGIC)).body["spec"]["containers"]
        assert [(each["name"], each["image"], each["imagePullPolicy"]) for each in changed] == [
            ("c", "example.com/app:v2", "IfNotPresent")
        ]
        operations = [
            {"op": "test", "path": "/metadata/labels/c", "value": "d"},
            {"op": "remove", "path": "/metadata/labels/c"},
        ]
        assert "labels" not in (await api.patch(path, operations, JSON_PATCH)).body["metadata"]
        assert (await api.patch(path, operations, JSON_PATCH)).status == 422
        assert (await api.patch(path, {}, "application/apply-patch+cbor")).status == 415
        assert (await api.patch(f"{CORE}/pods/absent", {})).status == 404
        assert (await api.patch(path, {"metadata": {"resourceVersion": "1"}})).status == 409


async def test_concurrent_patches_are_all_applied() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        await asyncio.gather(*(api.patch(f"{MAPS}/c", {"data": {f"k{n}": "v"}}) for n in range(50)))
        assert len((await api.get(f"{MAPS}/c"))["data"]) == 50


async def test_dry_runs_change_nothing() -> None:
    async with api_server() as api:
        made = await api("POST", MAPS, config_map("c"), dryRun="All")
        assert (made.status, "resourceVersion" in made.body["metadata"]) == (201, False)
        assert (await api("GET", f"{MAPS}/c")).status == 404
        await api.create(MAPS, config_map("c", k="1"))
        assert (await api.patch(f"{MAPS}/c", {"data": {"k": "2"}}, dryRun="All")).body["data"] == {"k": "2"}
        assert (await api("DELETE", f"{MAPS}/c", dryRun="All")).status == 200
        assert (await api.get(f"{MAPS}/c"))["data"] == {"k": "1"}
        refused = await api("POST", MAPS, config_map("d"), dryRun="Some")
        assert refused.status == 422
        assert 'supported values: "All"' in refused.message


async def test_field_validation() -> None:
    async with api_server() as api:
        odd = {**pod("p"), "foo": 1}
        strict = await api("POST", f"{CORE}/pods", odd, fieldValidation="Strict")
        assert (strict.status, 'strict decoding error: unknown field "foo"' in strict.message) == (400, True)
        warned = await api("POST", f"{CORE}/pods", odd)
        assert (warned.status, warned.warnings) == (201, ['unknown field \\"foo\\"'])
        assert "foo" not in warned.body
        ignored = await api("POST", f"{CORE}/pods", {**odd, "metadata": {"name": "q"}}, fieldValidation="Ignore")
        assert (ignored.status, ignored.warnings) == (201, [])


async def test_yaml_in_and_out() -> None:
    async with api_server() as api:
        text = b"metadata: {name: c}\ndata: {when: '2026-01-01', on: 'yes'}\n"
        headers = {"content-type": "application/yaml", "accept": "application/yaml"}
        made = await api("POST", MAPS, text, headers)
        assert made.status == 201
        assert yaml.safe_load(made.body)["data"] == {"when": "2026-01-01", "true": "yes"}
        assert (await api("POST", MAPS, b"a: [", headers)).status == 400


async def test_status_and_spec_are_written_apart() -> None:
    async with api_server() as api:
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": {**pod(""), "metadata": {"labels": {"a": "b"}}}}
        path = "/apis/apps/v1/namespaces/default/deployments"
        made = await api.create(path, {"metadata": {"name": "d"}, "spec": spec, "status": {"replicas": 9}})
        assert (made["status"], made["metadata"]["generation"]) == ({}, 1)
        status = await api.patch(f"{path}/d/status", {"status": {"replicas": 3}, "spec": {"replicas": 7}})
        assert (status.body["status"]["replicas"], status.body["spec"]["replicas"]) == (3, 1)
        assert status.body["metadata"]["generation"] == 1
        scaled = await api.patch(path + "/d", {"spec": {"replicas": 2}, "status": {"replicas": 8}})
        assert (scaled.body["status"]["replicas"], scaled.body["metadata"]["generation"]) == (3, 2)
        scale = await api("PUT", f"{path}/d/scale", {"metadata": {"name": "d"}, "spec": {"replicas": 5}})
        assert (scale.body["kind"], scale.body["spec"], scale.body["status"]) == (
            "Scale",
            {"replicas": 5},
            {"replicas": 3, "selector": "a=b"},
        )
        assert (await api.get(f"{path}/d"))["metadata"]["generation"] == 3
        negative = await api.patch(f"{path}/d/scale", {"spec": {"replicas": -1}})
        assert negative.status == 422


async def test_other_shapes() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c", k="v"))
        table = await api("GET", MAPS, None, {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
        assert (table.body["kind"], table.body["rows"][0]["cells"][:2]) == ("Table", ["c", 1])
        header = {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
        partial = await api("GET", MAPS, None, header)
        assert set(partial.body["items"][0]) == {"kind", "apiVersion", "metadata"}
        assert (await api("GET", f"{MAPS}/c", None, header)).status == 406


async def test_two_versions_of_one_object() -> None:
    async with api_server() as api:
        path = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
        target = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
        spec = {"scaleTargetRef": target, "maxReplicas": 3, "targetCPUUtilizationPercentage": 70}
        await api.create(path.format("v1"), {"metadata": {"name": "h"}, "spec": spec})
        newer = await api.get(path.format("v2") + "/h")
        assert newer["apiVersion"] == "autoscaling/v2"
        assert newer["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
        older = await api.get(path.format("v1") + "/h")
        assert older["spec"]["targetCPUUtilizationPercentage"] == 70
        assert older["metadata"]["resourceVersion"] == newer["metadata"]["resourceVersion"]


async def test_paths_that_lead_nowhere() -> None:
    async with api_server() as api:
        for path in ("/api/v1/nope", "/apis/apps/v9", "/api/v1/namespaces/default/nope", f"{CORE}/pods/p/nope"):
            answer = await api("GET", path)
            assert (answer.status, answer.message) == (404, "the server could not find the requested resource")
        for path in ("/nope", "/apis/nope", "/apis/nope/v1", "/readyz/nope"):
            assert (await api("GET", path)).body == "404 page not found\n"
        assert (await api("GET", "/readyz")).body == "ok"
        assert "[+]ping ok" in (await api("GET", "/livez", verbose="")).body


async def test_options_of_a_deletion_go_by_every_groups_version() -> None:
    """client-go's typed clients write the group and version of what they delete."""
    async with api_server() as api:
        for number, version in enumerate(("v1", "apps/v1", "batch/v9", "example.org/v1")):
            await api.create(MAPS, config_map(f"c{number}"))
            options = {"apiVersion": version, "kind": "DeleteOptions", "propagationPolicy": "Background"}
            assert (await api("DELETE", f"{MAPS}/c{number}", options)).status == 200
        await api.create(MAPS, config_map("stays"))
        assert (await api("DELETE", f"{MAPS}/stays", {"apiVersion": "v1", "kind": "Pod"})).status == 400


async def test_a_version_on_what_is_created_is_refused_last() -> None:
    """The store refuses it: rules and admission speak before, and a trial that stores nothing passes."""
    async with api_server() as api:
        versioned = {"metadata": {"name": "c", "resourceVersion": "7"}, "data": {"k": "v"}}
        refused = await api("POST", MAPS, versioned)
        assert (refused.status, refused.message.removeprefix("Internal error occurred: ")) == (
            500,
            "resourceVersion should not be set on objects to be created",
        )
        assert (await api("POST", MAPS, {**versioned, "data": {"a b": "v"}})).status == 422
        assert (await api("POST", MAPS, versioned, dryRun="All")).status == 201
