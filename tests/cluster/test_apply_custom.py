"""Server-side apply of custom resources: list and map types of their schemas, fields that no schema knows."""

from typing import Any

from tests.cluster.api_server import MERGE, STRATEGIC, api_server
from tests.cluster.applies import applied, apply, owners
from tests.cluster.custom_resources import WIDGETS, definition, established, widget

TEXT = {"type": "string"}
PORT = {
    "type": "object",
    "required": ["port"],
    "properties": {"port": {"type": "integer"}, "protocol": {**TEXT, "default": "TCP"}, "name": TEXT},
}
PORTS = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["port", "protocol"],
    "items": PORT,
}
SPEC = {
    "type": "object",
    "properties": {
        "replicas": {"type": "integer"},
        "mode": {**TEXT, "default": "auto"},
        "ports": PORTS,
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT},
        "args": {"type": "array", "items": TEXT},
        "selector": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": TEXT},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def typed() -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"spec": SPEC, "status": {"type": "object", "properties": {"phase": TEXT}}},
    }
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    version = {"schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}, "scale": scale}}
    return definition(version=version)


async def test_list_and_map_types_of_the_schema() -> None:
    async with api_server() as api:
        await established(api, typed())
        first = widget("w", ports=[{"port": 80}], tags=["a"], args=["x"], selector={"k": "v"}, replicas=1)
        made = await applied(api, f"{WIDGETS}/w", first)
        assert made["spec"]["mode"] == "auto"
        port = {".": {}, "f:port": {}}
        assert owners(made)[0][2]["f:spec"] == {
            "f:ports": {'k:{"port":80,"protocol":"TCP"}': port},
            "f:tags": {'v:"a"': {}},
            "f:args": {},
            "f:selector": {},
            "f:replicas": {},
        }
        assert await applied(api, f"{WIDGETS}/w", first) == made
        second = widget("w", ports=[{"port": 80, "name": "web"}, {"port": 81}], tags=["b"])
        merged = await applied(api, f"{WIDGETS}/w", second, "b")
        assert merged["spec"]["ports"] == [
            {"port": 80, "protocol": "TCP", "name": "web"},
            {"port": 81, "protocol": "TCP"},
        ]
        assert merged["spec"]["tags"] == ["a", "b"]
        refused = await apply(api, f"{WIDGETS}/w", widget("w", args=["y"], selector={}), "b")
        assert [cause["field"] for cause in refused.body["details"]["causes"]] == [".spec.args", ".spec.selector"]
        left = await applied(api, f"{WIDGETS}/w", widget("w"))
        assert left["spec"] == {
            "mode": "auto",
            "ports": [{"port": 80, "protocol": "TCP", "name": "web"}, {"port": 81, "protocol": "TCP"}],
            "tags": ["b"],
        }


async def test_parts_of_custom_resources_have_their_endpoints() -> None:
    async with api_server() as api:
        await established(api, typed())
        await applied(api, f"{WIDGETS}/w", widget("w", replicas=1))
        status = {"status": {"phase": "x"}, "spec": {"replicas": 9}, "metadata": {"labels": {"a": "b"}}}
        changed = await api.patch(f"{WIDGETS}/w/status", status, MERGE, fieldManager="controller")
        (entry,) = (each for each in changed.body["metadata"]["managedFields"] if each["manager"] == "controller")
        assert (entry["subresource"], entry["fieldsV1"]) == ("status", {"f:status": {".": {}, "f:phase": {}}})
        await api.patch(f"{WIDGETS}/w/scale", {"spec": {"replicas": 5}}, MERGE, fieldManager="scaler")
        conflict = await apply(api, f"{WIDGETS}/w", widget("w", replicas=1))
        assert conflict.message == (
            'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using example.com/v1: '
            ".spec.replicas"
        )


async def test_what_the_schema_does_not_have() -> None:
    async with api_server() as api:
        await established(api, typed())
        refused = await apply(api, f"{WIDGETS}/w", widget("w", other=1))
        assert (refused.status, refused.message) == (
            500,
            "failed to create typed patch object (/w; example.com/v1, Kind=Widget): .spec.other: field not declared in "
            "schema",
        )
        made = await applied(api, f"{WIDGETS}/w", widget("w", free={"a": {"b": 1}, "l": [1]}))
        assert owners(made)[0][2]["f:spec"]["f:free"] == {"f:a": {".": {}, "f:b": {}}, "f:l": {}}
        unsupported = await api.patch(f"{WIDGETS}/w", {}, STRATEGIC)
        assert (unsupported.status, unsupported.message) == (
            415,
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        )


async def test_true_is_not_one() -> None:
    async with api_server() as api:
        await established(api, typed())
        await api.create(WIDGETS, widget("w", free={"a": 1}))
        await api.patch(f"{WIDGETS}/w", {"spec": {"free": {"a": True}}}, MERGE)
        assert (await api.get(f"{WIDGETS}/w"))["spec"]["free"]["a"] is True


async def test_what_is_no_longer_applied_goes_through_another_version_too() -> None:
    """A default of the other version must not keep what its manager gave up."""
    async with api_server() as api:
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC}}}
        versions = [
            {"name": name, "served": True, "storage": name == "v1", "schema": schema} for name in ("v1", "v1beta1")
        ]
        await established(api, definition(versions=versions))
        await applied(api, f"{WIDGETS}/w", widget("w", mode="manual", replicas=2))
        beta = WIDGETS.replace("/v1/", "/v1beta1/")
        left = await applied(api, f"{beta}/w", widget("w", "v1beta1", replicas=2))
        assert left["spec"] == {"mode": "auto", "replicas": 2}


async def test_a_status_that_comes_through_another_version_is_taken_from_its_owner() -> None:
    """Upstream resets the status only in the version that is written; entries of others see it change."""
    async with api_server() as api:
        status = {"type": "object", "properties": {"phase": TEXT}}
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC, "status": status}}}
        versions = [
            {"name": name, "served": True, "storage": name == "v1", "schema": schema, "subresources": {"status": {}}}
            for name in ("v1", "v1beta1")
        ]
        await established(api, definition(versions=versions))
        await applied(api, f"{WIDGETS}/w", widget("w", replicas=2))
        await api.patch(f"{WIDGETS}/w/status", {"status": {"phase": "here"}}, MERGE, fieldManager="loop")
        beta = WIDGETS.replace("/v1/", "/v1beta1/")
        there = {**widget("w", "v1beta1", replicas=2), "status": {"phase": "there"}}
        left = await applied(api, f"{beta}/w", there, force="true")
        assert left["status"] == {"phase": "here"}
        assert [fields for manager, _, fields in owners(left) if manager == "loop"] == [{"f:status": {}}]


async def test_a_status_endpoint_takes_nothing_but_the_status_in_any_version() -> None:
    async with api_server() as api:
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC}}}
        versions = [
            {"name": name, "served": True, "storage": name == "v1", "schema": schema, "subresources": {"status": {}}}
            for name in ("v1", "v1beta1")
        ]
        await established(api, definition(versions=versions))
        made = await api.create(WIDGETS, widget("w", replicas=2))
        beta = WIDGETS.replace("/v1/", "/v1beta1/")
        put = await api("PUT", f"{beta}/w/status", {**made, "apiVersion": "example.com/v1beta1", "spec": {"free": {}}})
        assert put.status == 200
        assert owners(put.body) == owners(made)


async def test_nulls_are_for_validation_to_refuse_where_no_default_takes_their_place() -> None:
    async with api_server() as api:
        await established(api, typed())
        refused = await apply(api, f"{WIDGETS}/w", widget("w", args=None))
        assert [cause["message"] for cause in refused.body["details"]["causes"]] == [
            'Invalid value: "null": spec.args in body must be of type array: "null"'
        ]
        assert (await applied(api, f"{WIDGETS}/w", widget("w", mode=None)))["spec"] == {"mode": "auto"}


async def test_lists_that_cannot_be_tracked_are_not_applied_to() -> None:
    async with api_server() as api:
        items = {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": TEXT}}
        pairs = {"type": "array", "x-kubernetes-list-type": "set", "items": items}
        spec = {"type": "object", "properties": {"pairs": pairs}}
        schema = {"type": "object", "properties": {"spec": spec}}
        await established(api, definition(version={"schema": {"openAPIV3Schema": schema}}))
        await api.create(WIDGETS, widget("w", pairs=[{"a": "b"}]))
        refused = await apply(api, f"{WIDGETS}/w", {**widget("w"), "spec": {}})
        assert refused.message == (
            "failed to create manager for existing fields: failed to convert new object (default/w; example.com/v1, "
            "Kind=Widget) to smd typed: .spec.pairs: element 0: associative list without keys has an element that's "
            "a map type"
        )


async def test_what_does_not_fit_the_schema_is_tracked_no_more() -> None:
    async with api_server() as api:
        await established(api, typed())
        made = await api.create(WIDGETS, widget("w", replicas=1))
        assert owners(made)
        put = await api("PUT", f"{WIDGETS}/w", {**made, "status": {"phase": 7}})
        assert (put.status, "managedFields" in put.body["metadata"]) == (200, False)
