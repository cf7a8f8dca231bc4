"""Custom resources: definitions become resources, with every verb, in every version, and go with all their objects."""

import asyncio
from typing import Any

from tests.cluster.api_server import JSON_PATCH, MERGE, STRATEGIC, Api, api_server

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
SPEC = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "default": 3},
        "mode": {"type": "string", "enum": ["a", "b"]},
        "label": {"type": "string", "maxLength": 5},
        "replicas": {"type": "integer"},
    },
}
STATUS = {
    "type": "object",
    "properties": {
        "phase": {"type": "string"},
        "replicas": {"type": "integer"},
        "selector": {"type": "string"},
    },
}


def definition(**changes: Any) -> dict[str, Any]:
    version: dict[str, Any] = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC, "status": STATUS}}},
        **changes.pop("version", {}),
    }
    names = {"kind": "Widget", "plural": "widgets", **changes.pop("names", {})}
    spec = {"group": "example.com", "names": names, "scope": "Namespaced", "versions": [version], **changes}
    return {"metadata": {"name": f"{names['plural']}.example.com"}, "spec": spec}


def widget(name: str, version: str = "v1", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": f"example.com/{version}", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


async def established(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    """The definition, once its resources are served."""
    name = body["metadata"]["name"]
    watch = await api.watch(DEFINITIONS, fieldSelector=f"metadata.name={name}")
    await api.create(DEFINITIONS, body)
    while True:
        event = await watch.next()
        conditions = {each["type"]: each for each in event["object"]["status"]["conditions"] or ()}
        if conditions.get("Established", {}).get("status") == "True":
            found: dict[str, Any] = event["object"]
            return found


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


async def test_objects_are_defaulted_pruned_and_validated() -> None:
    async with api_server() as api:
        await established(api, definition())
        made = await api("POST", WIDGETS, widget("w", mode="a", odd=1) | {"more": {}})
        assert made.status == 201, made
        assert made.body["spec"] == {"mode": "a", "size": 3}
        assert made.warnings == ['unknown field \\"more\\"', 'unknown field \\"spec.odd\\"']
        assert made.body["metadata"]["generation"] == 1
        assert await api.get(f"{WIDGETS}/w") == made.body
        strict = await api("POST", WIDGETS, widget("x", odd=1), fieldValidation="Strict")
        assert (strict.status, strict.message) == (
            400,
            'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.odd"',
        )
        wrong = await api("POST", WIDGETS, widget("x", size="big", mode="c", label="longer"))
        assert wrong.status == 422
        assert wrong.message == (
            'Widget.example.com "x" is invalid: [spec.size: Invalid value: "string": spec.size in body must be of type '
            'integer: "string", spec.mode: Unsupported value: "c": supported values: "a", "b", spec.label: Too long: may '
            "not be more than 5 bytes]"
        )
        assert wrong.body["details"]["causes"][0]["reason"] == "FieldValueTypeInvalid"


async def test_every_verb() -> None:
    async with api_server() as api:
        await established(api, definition())
        watch = await api.watch(WIDGETS)
        first = await api.create(WIDGETS, widget("a", size=1))
        listed = await api.get(WIDGETS)
        assert (listed["kind"], listed["items"]) == ("WidgetList", [first])
        changed = await api("PUT", f"{WIDGETS}/a", first | {"spec": {"size": 2}})
        assert changed.body["metadata"]["generation"] == 2
        bare = await api("PUT", f"{WIDGETS}/a", widget("a", size=4))
        assert "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in bare.message
        merged = await api.patch(f"{WIDGETS}/a", {"spec": {"mode": "b"}}, MERGE)
        assert merged.body["spec"] == {"size": 2, "mode": "b"}
        patched = await api.patch(f"{WIDGETS}/a", [{"op": "remove", "path": "/spec/mode"}], JSON_PATCH)
        assert patched.body["spec"] == {"size": 2}
        refused = await api.patch(f"{WIDGETS}/a", {}, STRATEGIC)
        assert (refused.status, refused.message) == (
            415,
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        )
        generated = await api("POST", WIDGETS, {**widget("", size=1), "metadata": {"generateName": "g-"}})
        assert generated.body["metadata"]["name"].startswith("g-")
        dry = await api("POST", WIDGETS, widget("dry"), dryRun="All")
        assert dry.status == 201
        assert (await api("GET", f"{WIDGETS}/dry")).message == 'widgets.example.com "dry" not found'
        gone = await api("DELETE", f"{WIDGETS}/a")
        assert gone.body["details"] == {
            "name": "a",
            "group": "example.com",
            "kind": "widgets",
            "uid": first["metadata"]["uid"],
        }
        await api("DELETE", WIDGETS)
        assert await api.names(WIDGETS) == ""
        kinds = [kind for kind, _ in await watch.take(7)]
        assert kinds == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "ADDED", "DELETED", "DELETED"]


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
