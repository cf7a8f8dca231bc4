"""Patches of webhooks that would make of an object what it cannot be."""

from pathlib import Path
from typing import Any

import pytest

from tests.cluster.api_server import CORE, api_server, config_map
from tests.cluster.test_webhooks import configure, hook, rule
from tests.cluster.webhook_server import patching, webhook_server

MOVED = "the namespace of the provided object does not match the namespace sent on the request"


def put(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


@pytest.mark.parametrize(
    ("operation", "code", "words"),
    [
        (put("/kind", "Secret"), 500, "Internal error occurred: converting (v1.Secret) to (v1.ConfigMap): unknown"),
        (
            put("/apiVersion", "v2"),
            500,
            "Internal error occurred: converting (v2.ConfigMap) to (v1.ConfigMap): unknown",
        ),
        (
            put("/metadata", "x"),
            500,
            "Internal error occurred: json: cannot unmarshal string into Go struct field ConfigMap.m",
        ),
        (
            put("/data", {"a": 5}),
            500,
            "Internal error occurred: json: cannot unmarshal number into Go struct field ConfigMap.d",
        ),
        (put("/metadata", None), 422, 'ConfigMap "" is invalid: '),
        (put("/metadata/namespace", "kube-system"), 400, MOVED),
        (put("/data", {"a b": "1"}), 422, 'ConfigMap "m" is invalid: data[a b]: '),
        ({"op": "remove", "path": "/data/none"}, 500, "Internal error occurred: remove operation does not apply: "),
    ],
)
async def test_creations_that_fail(operation: dict[str, Any], code: int, words: str, tmp_path: Path) -> None:
    async with webhook_server(lambda request: patching(operation), tmp_path) as server, api_server() as api:
        await configure(api, "Mutating", "m", hook(server, rule("configmaps")))
        refused = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert refused.status == code
        assert refused.message.startswith(words)
        assert (await api("GET", f"{CORE}/configmaps/m")).status == 404


@pytest.mark.parametrize(
    ("operation", "code", "words"),
    [
        (put("/metadata/name", "other"), 422, 'metadata.name: Invalid value: "other": field is immutable'),
        (put("/metadata/uid", "77"), 422, 'metadata.uid: Invalid value: "77": field is immutable'),
        (put("/metadata/namespace", "kube-system"), 400, MOVED),
        ({"op": "remove", "path": "/kind"}, 500, "unknown conversion"),
    ],
)
async def test_updates_that_fail(operation: dict[str, Any], code: int, words: str, tmp_path: Path) -> None:
    async with webhook_server(lambda request: patching(operation), tmp_path) as server, api_server() as api:
        await api.create(f"{CORE}/configmaps", config_map("m", k="old"))
        await configure(api, "Mutating", "m", hook(server, rule("configmaps", operations=("UPDATE",))))
        refused = await api("PUT", f"{CORE}/configmaps/m", config_map("m", k="new"))
        assert refused.status == code
        assert refused.message.endswith(words)
        assert (await api("GET", f"{CORE}/configmaps/m")).body["data"] == {"k": "old"}


async def test_what_a_webhook_leaves_out_is_put_back(tmp_path: Path) -> None:
    """The namespace is the path's, fields that the kind does not have are dropped."""
    drop = {"op": "remove", "path": "/metadata/namespace"}
    reply = patching(drop, put("/unknown", 1), put("/metadata/labels", {"seen": "yes"}))
    async with webhook_server(lambda request: reply, tmp_path) as server, api_server() as api:
        await configure(api, "Mutating", "m", hook(server, rule("configmaps")))
        made = await api.create(f"{CORE}/configmaps", config_map("m"))
    assert made["metadata"]["namespace"] == "default"
    assert made["metadata"]["labels"] == {"seen": "yes"}
    assert "unknown" not in made
