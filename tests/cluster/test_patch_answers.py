"""What clients are told of writes that name odd versions, times, media types and places."""

from typing import Any

import pytest

from tests.cluster.api_server import CORE, JSON_PATCH, MERGE, STRATEGIC, api_server, config_map, pod

MAPS = f"{CORE}/configmaps"


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ("", 200, ""),
        ("0", 200, ""),
        ("1", 409, None),
        ("007", 409, None),
        ("seven", 500, 'strconv.ParseUint: parsing "seven": invalid syntax'),
        ("-7", 500, 'strconv.ParseUint: parsing "-7": invalid syntax'),
        (str(2**64), 500, f'strconv.ParseUint: parsing "{2**64}": value out of range'),
    ],
)
async def test_versions_of_updates(given: str, status: int, message: str | None) -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        body = {"metadata": {"name": "c", "resourceVersion": given}, "data": {"a": "b"}}
        answer = await api("PUT", f"{MAPS}/c", body)
        assert answer.status == status
        if message:
            assert "reason" not in answer.body
            assert answer.message == message


async def test_an_update_that_must_name_a_version() -> None:
    async with api_server() as api:
        path = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
        await api.create(path, {"metadata": {"name": "l"}, "spec": {}})
        answer = await api("PUT", f"{path}/l", {"metadata": {"name": "l", "resourceVersion": "0"}, "spec": {}})
        assert (answer.status, answer.message) == (
            422,
            'leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified '
            "for an update",
        )


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"uid": "another"}, "metadata.uid"),
        ({"deletionTimestamp": "2020-02-02T02:02:02Z"}, "metadata.deletionTimestamp"),
        ({"deletionGracePeriodSeconds": 3}, "metadata.deletionGracePeriodSeconds"),
    ],
)
async def test_what_no_client_sets(metadata: dict[str, Any], field: str) -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        answer = await api.patch(f"{MAPS}/c", {"metadata": metadata}, MERGE)
        assert answer.status == 422
        assert {cause["field"] for cause in answer.body["details"]["causes"]} == {field}
        assert "field is immutable" in answer.message


async def test_media_types_that_no_route_takes() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        for media in ("application/json", "application/merge-patch", ""):
            answer = await api.patch(f"{MAPS}/c", {}, media)
            assert answer.body == {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": "415: Unsupported Media Type",
                "reason": "UnsupportedMediaType",
                "details": {},
                "code": 415,
            }
        assert (await api.patch(f"{MAPS}/c", {}, f"{MERGE};charset=UTF-8")).status == 200


async def test_verbs_of_objects_on_collections() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        for method, path, body in (("PUT", MAPS, {}), ("POST", f"{MAPS}/c", config_map("c"))):
            answer = await api(method, path, body)
            assert (answer.status, answer.body["reason"]) == (405, "MethodNotAllowed")
        assert (await api.patch(MAPS, {}, MERGE)).status == 405


async def test_what_the_patch_does_not_fit_is_told_as_upstream_tells_it() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        told = {
            kind: (await api.patch(f"{MAPS}/c", {"data": {"a": 5}}, kind)).body["details"]["causes"][0]["message"]
            for kind in (MERGE, STRATEGIC)
        }
        assert told[MERGE].endswith(
            ": json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
        )
        assert told[STRATEGIC] == 'Invalid value: "map[data:map[a:5]]": cannot convert int64 to string'
        other = await api.patch(f"{MAPS}/c", [{"op": "replace", "path": "/kind", "value": "Map"}], JSON_PATCH)
        assert other.message.endswith(
            ': no kind "Map" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"'
        )
        whole = await api.patch(f"{MAPS}/c", [1], MERGE, fieldValidation="Ignore")
        assert whole.message.startswith(
            ' "" is invalid: patch: Invalid value: "[1]": couldn\'t get version/kind; json parse error: json: cannot '
            "unmarshal array into Go value of type struct"
        )


async def test_an_ended_pod_was_changed_once_more() -> None:
    async with api_server() as api:
        await api.create(f"{CORE}/pods", pod("p"))
        gone = await api("DELETE", f"{CORE}/pods/p", None, gracePeriodSeconds="0")
        assert gone.body["metadata"]["generation"] == 2


@pytest.mark.parametrize("kind", [MERGE, STRATEGIC])
async def test_of_several_faults_of_a_patch_the_first_one_is_told(kind: str) -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("c"))
        answer = await api.patch(f"{MAPS}/c", {"data": {"z": {}, "a": []}, "binaryData": {"b": 7}}, kind)
        assert answer.status == 422
        told = {
            MERGE: "json: cannot unmarshal number into Go struct field ConfigMap.binaryData of type []uint8",
            STRATEGIC: "unrecognized type: string",
        }
        assert answer.message.endswith(told[kind])
        unknown = {"zeal": 1, "metadata": {"air": 2}}
        strict = await api.patch(f"{MAPS}/c", unknown, kind, fieldValidation="Strict")
        assert strict.message.endswith('strict decoding error: unknown field "metadata.air", unknown field "zeal"')
