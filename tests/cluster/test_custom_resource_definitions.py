"""Definitions: established, published, restarted, deleted with all their objects."""

import asyncio
from typing import Any

from kybern.storage.memory import MemoryBackend
from tests.cluster.api_server import api_server
from tests.cluster.custom_resources import (
    COLUMNS,
    DEFINITIONS,
    SPEC,
    SUBRESOURCES,
    WIDGETS,
    definition,
    established,
    widget,
)

AGGREGATED = {"accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}


def _tag(answer: Any) -> str:
    return dict(answer.headers)["Etag"]


async def test_a_definition_becomes_a_resource() -> None:
    async with api_server() as api:
        made = await established(api, definition(names={"shortNames": ["wd"], "categories": ["all"]}))
        assert made["status"]["acceptedNames"] == {
            "plural": "widgets",
            "singular": "widget",
            "shortNames": ["wd"],
            "kind": "Widget",
            "listKind": "WidgetList",
            "categories": ["all"],
        }
        assert made["status"]["storedVersions"] == ["v1"]
        told = {
            each["type"]: (each["status"], each["reason"], each["message"]) for each in made["status"]["conditions"]
        }
        assert told == {
            "NamesAccepted": ("True", "NoConflicts", "no conflicts found"),
            "Established": ("True", "InitialNamesAccepted", "the initial names have been accepted"),
        }
        resources = (await api.get("/apis/example.com/v1"))["resources"]
        assert [each["name"] for each in resources] == ["widgets"]
        assert resources[0]["shortNames"] == ["wd"]
        assert "example.com" in [group["name"] for group in (await api.get("/apis"))["groups"]]


async def test_a_deleted_definition_takes_its_objects_along() -> None:
    async with api_server() as api:
        await established(api, definition())
        held = widget("held")
        held["metadata"]["finalizers"] = ["example.com/hold"]
        await api.create(WIDGETS, held)
        await api.create(WIDGETS, widget("free"))
        gone = await api("DELETE", f"{DEFINITIONS}/widgets.example.com")
        assert gone.status == 200
        assert gone.body["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
        terminating = gone.body["status"]["conditions"][-1]
        assert (terminating["type"], terminating["reason"]) == ("Terminating", "InstanceDeletionPending")
        while await api.names(WIDGETS) != "held":
            await asyncio.sleep(0.01)
        refused = await api("POST", WIDGETS, widget("late"))
        assert (refused.status, refused.message) == (
            403,
            'widgets.example.com "late" is forbidden: create not allowed while custom resource definition is terminating',
        )
        await api.patch(f"{WIDGETS}/held", {"metadata": {"finalizers": None}})
        while (await api("GET", f"{DEFINITIONS}/widgets.example.com")).status != 404:
            await asyncio.sleep(0.01)
        assert (await api("GET", WIDGETS)).status == 404
        assert (await api("GET", "/apis/example.com")).status == 404


async def test_names_are_taken_by_who_came_first() -> None:
    async with api_server() as api:
        await established(api, definition())
        body = definition(names={"plural": "gadgets", "kind": "Widget", "singular": "gadget"})
        await api.create(DEFINITIONS, body)
        while not (await api.get(f"{DEFINITIONS}/gadgets.example.com"))["status"]["conditions"]:
            await asyncio.sleep(0.01)
        conditions = (await api.get(f"{DEFINITIONS}/gadgets.example.com"))["status"]["conditions"]
        assert [(each["type"], each["status"], each["reason"], each["message"]) for each in conditions] == [
            ("NamesAccepted", "False", "ListKindConflict", '"WidgetList" is already in use'),
            ("Established", "False", "NotAccepted", "not all names are accepted"),
        ]
        await api("DELETE", f"{DEFINITIONS}/widgets.example.com")
        while (await api("GET", "/apis/example.com/v1/namespaces/default/gadgets")).status != 200:
            await asyncio.sleep(0.01)


async def test_a_restart_serves_what_was_stored() -> None:
    backend = MemoryBackend()
    async with api_server(backend) as api:
        await established(api, definition())
        await api.create(WIDGETS, widget("w"))
    async with api_server(backend) as api:
        assert await api.names(WIDGETS) == "w"


async def test_documents_follow_definitions() -> None:
    async with api_server() as api:
        before = await api.raw("GET", "/apis", None, AGGREGATED)
        made = await established(api, definition(version={**SUBRESOURCES, **COLUMNS}))
        after = await api.raw("GET", "/apis", None, AGGREGATED)
        assert _tag(before) != _tag(after)
        same = await api.raw("GET", "/apis", None, {**AGGREGATED, "if-none-match": _tag(after)})
        assert same.status == 304
        paths = (await api.get("/openapi/v3"))["paths"]
        path = "/openapi/v3/apis/example.com/v1"
        assert paths["apis/example.com/v1"]["serverRelativeURL"].startswith(path + "?hash=")
        schema = (await api.get(path))["components"]["schemas"]["com.example.v1.Widget"]
        assert schema["properties"]["spec"]["properties"]["size"] == SPEC["properties"]["size"]
        assert schema["x-kubernetes-group-version-kind"] == [
            {"group": "example.com", "kind": "Widget", "version": "v1"}
        ]
        old = await api.get("/openapi/v2")
        assert "com.example.v1.WidgetList" in old["definitions"]
        assert "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}/scale" in old["paths"]
        await api("DELETE", f"{DEFINITIONS}/{made['metadata']['name']}")
        while "apis/example.com/v1" in (await api.get("/openapi/v3"))["paths"]:
            await asyncio.sleep(0.01)


async def test_a_definition_comes_again() -> None:
    async with api_server() as api:
        for _ in range(3):
            await established(api, definition())
            await api.create(WIDGETS, widget("w"))
            await api("DELETE", f"{DEFINITIONS}/widgets.example.com")
            while (await api("GET", f"{DEFINITIONS}/widgets.example.com")).status != 404:
                await asyncio.sleep(0.01)
        await established(api, definition())
        assert await api.names(WIDGETS) == ""


async def test_conditions_of_a_definition_may_be_written() -> None:
    async with api_server() as api:
        made = await established(api, definition())
        made["status"]["conditions"].append({"type": "Mine", "status": "True", "message": "updated"})
        path = f"{DEFINITIONS}/widgets.example.com/status"
        written = await api("PUT", path, made)
        assert written.body["status"]["conditions"][-1]["message"] == "updated"
        emptied = await api.patch(path, {"status": {"conditions": None}})
        assert emptied.body["status"]["conditions"] is None
        while (await api("GET", WIDGETS)).status != 200:
            await asyncio.sleep(0.01)


async def test_documents_do_without_a_definition_that_went_a_moment_ago() -> None:
    """Between the end of a definition and that of what it served there are requests."""
    async with api_server() as api:
        await established(api, definition())
        before = await api.get("/openapi/v2")
        assert any("example.com" in path for path in before["paths"])
        await api.create(DEFINITIONS, {**definition(group="other.example.com"), "metadata": {"name": OTHER}})
        api.server.cache["customresourcedefinitions.apiextensions.k8s.io"].objects.pop("widgets.example.com")
        after = await api("GET", "/openapi/v2")
        assert (after.status, any("/example.com/" in path for path in after.body["paths"])) == (200, False)
        assert (await api("GET", "/openapi/v3/apis/example.com/v1")).status == 404
        assert (await api("POST", WIDGETS, widget("late"))).status == 404


OTHER = "widgets.other.example.com"
