"""A real etcd as the store: where things lie in it, how they are sealed there, and that two servers may share it."""

import base64
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kybern.apiserver.etcd_layout import etcd_layout
from kybern.storage.etcd import EtcdBackend
from tests.cluster.api_server import CORE, api_server, config_map, pod
from tests.cluster.custom_resources import WIDGETS, definition, established, widget
from tests.unit.storage.etcd_server import etcd_server, needs_etcd

pytestmark = needs_etcd
PREFIX = "/of/this/cluster"
OPTIONS: dict[str, Any] = {"shared_store": True, "etcd_prefix": PREFIX}


async def _open(url: str) -> EtcdBackend:
    return await EtcdBackend.open([url], layout=etcd_layout(PREFIX))


async def test_places(tmp_path: Path) -> None:
    async with etcd_server(tmp_path) as url:
        backend = await _open(url)
        async with api_server(backend, **OPTIONS) as api:
            await established(api, definition())
            await api.create(WIDGETS, widget("w"))
            await api.create(f"{CORE}/pods", pod("p"))
            await api.create(f"{CORE}/endpoints", {"metadata": {"name": "e"}})
            await api.create("/api/v1/nodes", {"metadata": {"name": "n"}})
            assert await api.names(f"{CORE}/pods") == "p"
        await backend.close()
        plain = await EtcdBackend.open([url])
        keys = {entry.key for entry in (await plain.range(f"{PREFIX}/")).entries}
        await plain.close()
    assert {
        f"{PREFIX}/{place}"
        for place in (
            "pods/default/p", "services/endpoints/default/e", "minions/n", "example.com/widgets/default/w",
            "apiextensions.k8s.io/customresourcedefinitions/widgets.example.com", "services/specs/default/kubernetes",
        )
    } <= keys  # fmt: skip


async def test_values_are_sealed_to_their_place_in_etcd(tmp_path: Path) -> None:
    key = bytes(32)
    config = tmp_path / "config.yaml"
    config.write_text(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n"
        f"  providers: [{{aesgcm: {{keys: [{{name: a, secret: {base64.b64encode(key).decode()}}}]}}}}]\n"
    )
    async with etcd_server(tmp_path) as url:
        backend = await _open(url)
        async with api_server(backend, encryption_provider_config=config, **OPTIONS) as api:
            await api.create(f"{CORE}/secrets", {"metadata": {"name": "s"}, "stringData": {"a": "b"}})
        await backend.close()
        plain = await EtcdBackend.open([url])
        place = f"{PREFIX}/secrets/default/s"
        entry = await plain.get(place)
        await plain.close()
    assert entry is not None
    sealed = entry.value.removeprefix(b"k8s:enc:aesgcm:v1:a:")
    assert b'"name":"s"' in AESGCM(key).decrypt(sealed[:12], sealed[12:], place.encode())


async def test_two_servers_on_one_etcd(tmp_path: Path) -> None:
    async with etcd_server(tmp_path) as url:
        backends = await _open(url), await _open(url)
        async with api_server(backends[0], **OPTIONS) as one, api_server(backends[1], **OPTIONS) as two:
            watch = await two.watch(f"{CORE}/configmaps", resourceVersion="0")
            await one.create(f"{CORE}/configmaps", config_map("c", a="1"))
            while (event := await watch.next())["object"]["metadata"]["name"] != "c":
                pass
            assert event["type"] == "ADDED"
            assert (await two.patch(f"{CORE}/configmaps/c", {"data": {"a": "2"}})).status == 200
            assert (await one.get(f"{CORE}/configmaps/c"))["data"] == {"a": "2"}
        for backend in backends:
            await backend.close()
