"""What is more than a store takes: refused in etcd's words, whichever store it is."""

import pytest

from tests.cluster.api_server import CORE, api_server
from tests.cluster.custom_resources import WIDGETS, definition, established, widget

OPEN = {"version": {"schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}
APPLY = "application/apply-patch+yaml"
TOO_LARGE = {
    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
    "message": "etcdserver: request is too large", "code": 500,
}  # fmt: skip


async def test_objects_beyond_the_limit_of_a_store() -> None:
    async with api_server() as api:
        await established(api, definition(**OPEN))
        large = widget("large", text="x" * 1_600_000)
        assert (await api("POST", WIDGETS, large)).body == TOO_LARGE
        assert (
            await api("PATCH", f"{WIDGETS}/large", large, {"content-type": APPLY}, fieldManager="m")
        ).body == TOO_LARGE
        await api.create(WIDGETS, widget("w"))
        assert (await api.patch(f"{WIDGETS}/w", {"spec": {"text": "x" * 1_600_000}})).body == TOO_LARGE
        assert (await api.get(f"{WIDGETS}/w"))["spec"] == {}
        answer = await api("POST", WIDGETS, widget("larger", text="x" * 2_900_000))
        assert answer.status == 500
        assert answer.message.startswith(
            "rpc error: code = ResourceExhausted desc = trying to send message larger than max (2900"
        )
        assert (await api("POST", WIDGETS, widget("w2", text="x" * 1_500_000))).status == 201


@pytest.mark.parametrize(("plural", "field"), [("configmaps", "[]"), ("secrets", "data")])
async def test_kinds_with_a_limit_of_their_own(plural: str, field: str) -> None:
    async with api_server() as api:
        answer = await api("POST", f"{CORE}/{plural}", {"metadata": {"name": "a"}, "data": {"a": "eHh4" * 400_000}})
        assert answer.status == 422
        (cause,) = answer.body["details"]["causes"]
        assert cause["field"] == field
        assert cause["message"] == "Too long: may not be more than 1048576 bytes"
