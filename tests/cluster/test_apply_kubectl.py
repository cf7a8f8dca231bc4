"""`kubectl apply --server-side` and its kin, with the real programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.test_kubectl_protobuf import Kubectl, served

VERSIONS = ("1.36", "1.32")
STDIN = ("-f", "-")
SERVER_SIDE = ("apply", "--server-side", *STDIN)


def manifest(image: str = "v1", replicas: int = 2) -> bytes:
    container = {"name": "c", "image": f"example.com/app:{image}", "ports": [{"containerPort": 80}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return json.dumps(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    ).encode()


async def found(client: Kubectl) -> Any:
    return json.loads(await client("get", "deployment", "web", "-o", "json", "--show-managed-fields"))


async def managers(client: Kubectl) -> list[str]:
    entries = (await found(client))["metadata"]["managedFields"]
    return [f"{each['manager']} {each['operation']}" for each in entries]


@pytest.mark.parametrize("version", VERSIONS)
async def test_server_side_apply(tmp_path: Path, version: str) -> None:
    async with served(tmp_path, version) as client:
        assert await client(*SERVER_SIDE, body=manifest()) == b"deployment.apps/web serverside-applied\n"
        first = await found(client)
        await client(*SERVER_SIDE, body=manifest())
        assert await found(client) == first
        assert await managers(client) == ["kubectl Apply"]
        assert b"managedFields" not in await client("get", "deployment", "web", "-o", "yaml")

        code, _, error = await client.run(*SERVER_SIDE, "--field-manager", "other", body=manifest("v2", 3))
        assert code == 1
        assert error.decode().startswith(
            'error: Apply failed with 2 conflicts: conflicts with "kubectl":\n- .spec.replicas\n'
            '- .spec.template.spec.containers[name="c"].image\n'
        )
        dry = ("--field-manager", "other", "--force-conflicts", "--dry-run=server")
        await client(*SERVER_SIDE, *dry, body=manifest("v2", 3))
        assert await found(client) == first
        await client(*SERVER_SIDE, *dry[:-1], body=manifest("v2", 3))
        assert sorted(await managers(client)) == ["kubectl Apply", "other Apply"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_diff_on_the_server(tmp_path: Path, version: str) -> None:
    async with served(tmp_path, version) as client:
        await client(*SERVER_SIDE, body=manifest())
        assert await client("diff", "--server-side", *STDIN, body=manifest()) == b""
        code, out, _ = await client.run("diff", "--server-side", *STDIN, body=manifest("v2"))
        assert code == 1
        assert b"-      - image: example.com/app:v1\n+      - image: example.com/app:v2\n" in out


@pytest.mark.parametrize("version", VERSIONS)
async def test_from_client_side_to_server_side(tmp_path: Path, version: str) -> None:
    async with served(tmp_path, version) as client:
        await client("apply", *STDIN, body=manifest())
        assert await managers(client) == ["kubectl-client-side-apply Update"]
        await client(*SERVER_SIDE, body=manifest("v2", 3))
        assert "kubectl-client-side-apply Update" not in await managers(client)
        changed = await found(client)
        assert changed["spec"]["replicas"] == 3
        last = json.loads(changed["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])
        assert last["spec"]["replicas"] == 3
        await client("apply", *STDIN, body=manifest("v1", 4))
        assert (await found(client))["spec"]["replicas"] == 4


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_verb_names_its_manager(tmp_path: Path, version: str) -> None:
    async with served(tmp_path, version) as client:
        await client("create", *STDIN, body=manifest())
        await client("label", "deployment", "web", "a=b")
        await client("annotate", "deployment", "web", "a=b")
        await client("patch", "deployment", "web", "-p", '{"spec":{"paused":true}}')
        await client("scale", "deployment", "web", "--replicas", "5")
        assert sorted(await managers(client)) == [
            "kubectl Update",
            "kubectl-annotate Update",
            "kubectl-create Update",
            "kubectl-label Update",
            "kubectl-patch Update",
        ]


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_kubectl_tells_of_odd_bodies(tmp_path: Path, version: str) -> None:
    body = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"b"},"extra":1}'
    async with served(tmp_path, version) as client:
        code, _, error = await client.run("create", *STDIN, body=body)
        assert code == 1
        assert error.decode() == (
            'Error from server (BadRequest): error when creating "STDIN": ConfigMap in version "v1" cannot be handled '
            'as a ConfigMap: strict decoding error: unknown field "extra"\n'
        )
        code, _, error = await client.run("create", "--validate=warn", *STDIN, body=body)
        assert (code, error) == (0, b'Warning: unknown field "extra"\n')
        test = '[{"op":"test","path":"/data/a","value":"x"}]'
        code, _, error = await client.run("patch", "configmap", "c", "--type", "json", "-p", test)
        assert code == 1
        assert error == b"The request is invalid: the server rejected our request due to an error in our request\n"
