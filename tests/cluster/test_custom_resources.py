"""Objects of custom resources: every verb, their values, their parts that are written alone."""

import asyncio

from tests.cluster.api_server import JSON_PATCH, MERGE, STRATEGIC, api_server
from tests.cluster.custom_resources import (
    COLUMNS,
    DEFINITIONS,
    SPEC,
    SUBRESOURCES,
    TABLE,
    WIDGETS,
    definition,
    established,
    widget,
)


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
        assert unset.body["details"] == {
            "causes": [{"message": 'the spec replicas field ".spec.replicas" does not exist'}]
        }
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
        other = await api("PUT", f"{WIDGETS}/w/scale", {**scale, "metadata": {"name": "v"}})
        assert (other.status, other.message) == (
            400,
            "the name of the object (v) does not match the name on the URL (w)",
        )
        negative = await api.patch(f"{WIDGETS}/w/scale", {"spec": {"replicas": -1}})
        assert (negative.status, negative.message) == (
            422,
            'Widget.example.com "w" is invalid: .spec.replicas: Invalid value: -1: should be a non-negative integer',
        )


async def test_what_no_definition_serves_has_no_page() -> None:
    async with api_server() as api:
        await established(api, definition())
        for path in (
            "/apis/example.com/v1/namespaces/default/gadgets",
            "/apis/example.com/v7/namespaces/default/widgets",
        ):
            missing = await api("GET", path)
            assert (missing.status, missing.body) == (404, "404 page not found\n")
        builtin = await api("GET", "/apis/apps/v1/namespaces/default/widgets")
        assert builtin.body["reason"] == "NotFound"


async def test_lists_say_that_nothing_follows() -> None:
    async with api_server() as api:
        await established(api, definition())
        assert (await api.get(WIDGETS))["metadata"]["continue"] == ""
        partial = {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
        assert "continue" not in (await api("GET", WIDGETS, None, partial)).body["metadata"]


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
        labelled = await api.patch(f"{WIDGETS}/old", {"metadata": {"labels": {"a": "b"}}})
        assert (labelled.status, labelled.warnings) == (200, ["spec: Invalid value: too large"])
        again = await api.patch(f"{WIDGETS}/old", {"metadata": {"labels": {"a": "b"}}})
        assert (again.status, again.warnings) == (200, ["spec: Invalid value: too large"])
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
