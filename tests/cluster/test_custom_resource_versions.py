"""Several versions of a custom resource, and where its objects are stored."""

import asyncio

from kybern.storage.memory import MemoryBackend
from tests.cluster.api_server import api_server
from tests.cluster.custom_resources import (
    DEFINITIONS,
    SPEC,
    WIDGETS,
    definition,
    established,
    widget,
)

TWO_VERSIONS = [
    {
        "name": "v1beta1",
        "served": True,
        "storage": True,
        "deprecated": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    },
    {
        "name": "v1",
        "served": True,
        "storage": False,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC}}},
    },
]
BETA = WIDGETS.replace("/v1/", "/v1beta1/")


async def test_each_version_shows_objects_in_its_own_form() -> None:
    async with api_server() as api:
        await established(api, definition(versions=TWO_VERSIONS))
        made = await api("POST", BETA, widget("w", "v1beta1", odd=1))
        assert made.warnings == ["example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget"]
        shown = await api.get(f"{WIDGETS}/w")
        assert (shown["apiVersion"], shown["spec"]) == ("example.com/v1", {"size": 3})
        assert (await api.get(f"{BETA}/w"))["spec"] == {"odd": 1}
        written = await api("PUT", f"{WIDGETS}/w", {**shown, "spec": {"size": 5}})
        assert written.body["spec"] == {"size": 5}
        beta = await api.get(f"{BETA}/w")
        assert (beta["apiVersion"], beta["spec"]) == ("example.com/v1beta1", {"size": 5})
        listed = (await api.get(BETA))["items"][0]
        assert (listed["kind"], listed["apiVersion"]) == ("Widget", "example.com/v1beta1")
        assert listed == beta
        wrong = await api("POST", WIDGETS, widget("x", "v1beta1"))
        assert wrong.message == (
            "the API version in the data (example.com/v1beta1) does not match the expected API version (example.com/v1)"
        )


async def test_the_storage_version_moves_and_stored_objects_follow_the_schema() -> None:
    async with api_server() as api:
        await established(api, definition(versions=TWO_VERSIONS))
        await api.create(BETA, widget("w", "v1beta1", odd=1))
        moved = [{**TWO_VERSIONS[0], "storage": False}, {**TWO_VERSIONS[1], "storage": True}]
        changed = await api.patch(f"{DEFINITIONS}/widgets.example.com", {"spec": {"versions": moved}})
        assert changed.body["status"]["storedVersions"] == ["v1beta1", "v1"]
        watch = await api.watch(f"{DEFINITIONS}", fieldSelector="metadata.name=widgets.example.com")
        assert (await watch.next())["object"]["spec"]["versions"][1]["storage"] is True
        while "odd" in (await api.get(f"{BETA}/w"))["spec"]:
            await asyncio.sleep(0.01)
        assert (await api.get(f"{WIDGETS}/w"))["spec"] == {"size": 3}
        early = await api.patch(f"{DEFINITIONS}/widgets.example.com", {"spec": {"versions": moved[1:]}})
        assert "v1beta1 was previously a storage version, and must remain in spec.versions" in early.message
        done = await api.patch(f"{DEFINITIONS}/widgets.example.com/status", {"status": {"storedVersions": ["v1"]}})
        assert done.status == 200
        assert (await api.patch(f"{DEFINITIONS}/widgets.example.com", {"spec": {"versions": moved[1:]}})).status == 200


async def test_a_write_without_change_moves_an_object_to_the_storage_version() -> None:
    backend = MemoryBackend()
    async with api_server(backend) as api:
        await established(api, definition(versions=TWO_VERSIONS))
        await api.create(BETA, widget("w", "v1beta1", size=1))
        moved = [{**TWO_VERSIONS[0], "storage": False}, {**TWO_VERSIONS[1], "storage": True}]
        await api.patch(f"{DEFINITIONS}/widgets.example.com", {"spec": {"versions": moved}})

        async def stored() -> bytes:
            return (await backend.range("/registry/widgets.example.com/")).entries[0].value

        assert b"example.com/v1beta1" in await stored()
        while b'"example.com/v1"' not in await stored():
            shown = await api.get(f"{WIDGETS}/w")
            assert (await api("PUT", f"{WIDGETS}/w", shown)).status == 200
        again = await api("PUT", f"{WIDGETS}/w", await api.get(f"{WIDGETS}/w"))
        assert (
            again.body["metadata"]["resourceVersion"] == (await api.get(f"{WIDGETS}/w"))["metadata"]["resourceVersion"]
        )


async def test_what_is_not_there_is_not_found() -> None:
    async with api_server() as api:
        assert (await api("POST", WIDGETS, widget("w"))).status == 404
        assert (await api("GET", WIDGETS)).status == 404
        hidden = {**TWO_VERSIONS[1], "served": False}
        await established(api, definition(versions=[TWO_VERSIONS[0], hidden]))
        assert (await api("POST", WIDGETS, widget("w"))).status == 404
        assert (await api("GET", BETA)).status == 200
        missing = await api("GET", f"{BETA}/w/status")
        assert (missing.status, missing.message) == (404, 'widgets.example.com "w" not found')


async def test_a_dry_run_answers_as_if_it_had_been_stored() -> None:
    async with api_server() as api:
        moved = [{**TWO_VERSIONS[0], "storage": False}, {**TWO_VERSIONS[1], "storage": True}]
        await established(api, definition(versions=moved))
        tried = await api("POST", BETA, widget("w", "v1beta1", odd=1), dryRun="All")
        assert (tried.status, tried.body["spec"]) == (201, {"size": 3})
        made = await api.create(BETA, widget("w", "v1beta1", odd=1))
        assert made["spec"] == {"size": 3}
        tried = await api("PUT", f"{BETA}/w", {**made, "spec": {"odd": 2}}, dryRun="All")
        assert (tried.body["apiVersion"], tried.body["spec"]) == ("example.com/v1beta1", {"size": 3})
