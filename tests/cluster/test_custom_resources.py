"""Custom resources: definitions become resources, with every verb, in every version, and go with all their objects."""

import asyncio
from typing import Any

from kybern.storage.memory import MemoryBackend
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


SUBRESOURCES = {
    "subresources": {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    }
}


async def test_status_is_written_by_itself() -> None:
    async with api_server() as api:
        await established(api, definition(version=SUBRESOURCES))
        made = await api.create(WIDGETS, {**widget("w", size=1), "status": {"phase": "new"}})
        assert "status" not in made
        status = await api("PUT", f"{WIDGETS}/w/status", {**made, "spec": {"size": 9}, "status": {"phase": "up"}})
        assert (status.body["spec"], status.body["status"]) == ({"size": 1}, {"phase": "up"})
        assert status.body["metadata"]["generation"] == 1
        kept = await api.patch(f"{WIDGETS}/w", {"spec": {"size": 2}, "status": {"phase": "no"}})
        assert (kept.body["status"], kept.body["metadata"]["generation"]) == ({"phase": "up"}, 2)
        wrong = await api.patch(f"{WIDGETS}/w/status", {"status": {"phase": 1}})
        assert wrong.message == (
            'Widget.example.com "w" is invalid: status.phase: Invalid value: "integer": phase in body must be of type '
            'string: "integer"'
        )


async def test_scale_reads_and_writes_the_paths() -> None:
    async with api_server() as api:
        await established(api, definition(version=SUBRESOURCES))
        await api.create(WIDGETS, widget("w", size=1))
        unset = await api("GET", f"{WIDGETS}/w/scale")
        assert (unset.status, unset.message) == (
            500,
            'Internal error occurred: the spec replicas field ".spec.replicas" does not exist',
        )
        await api.patch(f"{WIDGETS}/w", {"spec": {"replicas": 2}})
        await api.patch(f"{WIDGETS}/w/status", {"status": {"replicas": 1, "selector": "a=b"}})
        scale = await api.get(f"{WIDGETS}/w/scale")
        assert (scale["kind"], scale["spec"], scale["status"]) == (
            "Scale",
            {"replicas": 2},
            {"replicas": 1, "selector": "a=b"},
        )
        scaled = await api.patch(f"{WIDGETS}/w/scale", {"spec": {"replicas": 5}})
        assert scaled.body["spec"] == {"replicas": 5}
        assert (await api.get(f"{WIDGETS}/w"))["spec"]["replicas"] == 5
        stale = await api("PUT", f"{WIDGETS}/w/scale", {**scale, "spec": {"replicas": 1}})
        assert stale.status == 409


COLUMNS = {
    "additionalPrinterColumns": [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status', "priority": 1},
    ],
    "selectableFields": [{"jsonPath": ".spec.mode"}],
}
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


async def test_columns_and_selectable_fields() -> None:
    async with api_server() as api:
        await established(api, definition(version=COLUMNS))
        await api.create(WIDGETS, widget("a", size=1, mode="a"))
        await api.create(WIDGETS, widget("b", size=2, mode="b"))
        table = (await api("GET", WIDGETS, None, TABLE)).body
        assert [(each["name"], each["type"]) for each in table["columnDefinitions"]] == [
            ("Name", "string"),
            ("Size", "integer"),
            ("Ready", "string"),
        ]
        assert [row["cells"] for row in table["rows"]] == [["a", 1, None], ["b", 2, None]]
        assert await api.names(WIDGETS, fieldSelector="spec.mode=b") == "b"
        watch = await api.watch(WIDGETS, fieldSelector="spec.mode=a")
        await api.patch(f"{WIDGETS}/a", {"spec": {"mode": "b"}})
        assert [kind for kind, _ in await watch.take(2)] == ["ADDED", "DELETED"]
        refused = await api("GET", WIDGETS, fieldSelector="spec.size=1")
        assert (refused.status, refused.message) == (400, "field label not supported: spec.size")


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


async def test_rules_and_ratcheting() -> None:
    rules = {"x-kubernetes-validations": [{"rule": "self.size <= 5", "message": "too large"}]}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": {**SPEC, **rules}}}}
    async with api_server() as api:
        await established(api, definition())
        await api.create(WIDGETS, widget("old", size=9, label="x"))
        versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
        await api.patch(f"{DEFINITIONS}/widgets.example.com", {"spec": {"versions": versions}})
        while (await api("POST", WIDGETS, widget("new", size=9), dryRun="All")).status != 422:
            await asyncio.sleep(0.01)
        refused = await api("POST", WIDGETS, widget("new", size=9))
        assert refused.message == 'Widget.example.com "new" is invalid: spec: Invalid value: too large'
        assert (await api.patch(f"{WIDGETS}/old", {"metadata": {"labels": {"a": "b"}}})).status == 200
        assert (await api.patch(f"{WIDGETS}/old", {"spec": {"label": "y"}})).status == 422


async def test_apply() -> None:
    async with api_server() as api:
        await established(api, definition())
        headers = {"content-type": "application/apply-patch+yaml"}
        made = await api("PATCH", f"{WIDGETS}/w", widget("w", size=1), headers, fieldManager="one")
        assert made.status == 201, made
        assert made.body["metadata"]["managedFields"][0]["fieldsV1"] == {"f:spec": {"f:size": {}}}
        clash = await api("PATCH", f"{WIDGETS}/w", widget("w", size=2), headers, fieldManager="two")
        assert (clash.status, clash.message) == (
            409,
            'Apply failed with 1 conflict: conflict with "one": .spec.size',
        )


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


AGGREGATED = {"accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}


def _tag(answer: Any) -> str:
    return dict(answer.headers)["Etag"]


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


async def test_fields_that_cannot_be_selected_by() -> None:
    async with api_server() as api:
        await established(api, definition(scope="Cluster"))
        path = "/apis/example.com/v1/widgets"
        await api.create(path, widget("w"))
        assert await api.names(path, fieldSelector="metadata.name=w") == "w"
        for field in ("spec.size", "metadata.namespace"):
            refused = await api("GET", path, fieldSelector=f"{field}=1")
            assert (refused.status, refused.message) == (400, f"field label not supported: {field}")


async def test_unknown_metadata_is_told_at_the_root_and_in_embedded_objects() -> None:
    template = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}
    spec = {"type": "object", "properties": {"template": template}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    async with api_server() as api:
        await established(api, definition(version={"schema": schema}))
        inner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "odd": 1}, "data": {"k": "v"}}
        body = widget("w", template=inner)
        body["metadata"]["strange"] = 1
        strict = await api("POST", WIDGETS, body, fieldValidation="Strict")
        assert strict.message.endswith(
            'strict decoding error: unknown field "metadata.strange", unknown field "spec.template.metadata.odd"'
        )
        made = await api("POST", WIDGETS, body)
        assert made.body["spec"]["template"] == {**inner, "metadata": {"name": "c"}}
        wrong = await api("POST", WIDGETS, widget("x", template={"kind": "a/b"}))
        assert [each["field"] for each in wrong.body["details"]["causes"]] == [
            "spec.template.apiVersion",
            "spec.template.kind",
        ]


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
