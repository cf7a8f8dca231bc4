"""Secrets whose keys a KMS v2 plugin guards: sealed, read again, rotated, and what happens when the plugin is ill."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kybern.apiserver.encryption.encrypted_backend import Untransformable
from kybern.storage.backend import Backend
from kybern.storage.memory import MemoryBackend
from kybern.storage.sqlite import SqliteBackend
from tests.cluster.api_server import CORE, Api, api_server
from tests.cluster.kms_plugin import KmsPlugin, kms_plugin

PASSWORD = "correct horse battery staple"
SECRETS = f"{CORE}/secrets"
KEY = "/registry/secrets/default/s"
PREFIX = b"k8s:enc:kms:v2:vault:"


def _config(folder: Path, plugin: KmsPlugin, before: str = "") -> Path:
    path = folder / "config.yaml"
    path.write_text(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n"
        f"- resources: [secrets]\n  providers:\n{before}  - kms: {{apiVersion: v2, name: vault, "
        f"endpoint: '{plugin.endpoint}', timeout: 60s}}\n  - identity: {{}}\n"
    )
    return path


async def _create(api: Api, name: str = "s") -> Any:
    return await api.create(SECRETS, {"metadata": {"name": name}, "stringData": {"password": PASSWORD}})


async def _password(api: Api, name: str = "s") -> str:
    return base64.b64decode((await api.get(f"{SECRETS}/{name}"))["data"]["password"]).decode()


async def _stored(backend: Backend, key: str = KEY) -> bytes:
    entry = await backend.get(key)
    assert entry is not None
    return entry.value


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def _files(folder: Path) -> bytes:
    """All that the store has on disk."""
    return b"".join(file.read_bytes() for file in folder.glob("store*"))


async def _text(api: Api, path: str) -> tuple[int, str]:
    answer = await api.raw("GET", path)
    return answer.status, answer.body.decode()


async def test_secrets_are_sealed_and_read_after_a_restart(tmp_path: Path) -> None:
    async with kms_plugin(tmp_path) as plugin:
        config = _config(tmp_path, plugin)
        backend = await SqliteBackend.open(tmp_path / "store.sqlite")
        async with api_server(backend, encryption_provider_config=config) as api:
            for number in range(20):
                await _create(api, f"s{number}")
        await backend.close()
        assert plugin.calls == ["Status", "Encrypt"], "one seed seals all"
        files = _files(tmp_path)
        assert PREFIX in files
        assert PASSWORD.encode() not in files
        assert base64.b64encode(PASSWORD.encode()) not in files
        backend = await SqliteBackend.open(tmp_path / "store.sqlite")
        async with api_server(backend, encryption_provider_config=config) as api:
            assert await _password(api, "s7") == PASSWORD
        await backend.close()
        assert plugin.calls.count("Decrypt") == 1, "the seed is opened once"


async def test_another_key_of_the_plugin_makes_values_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kybern.apiserver.encryption.kms.PROBE_SECONDS", 0.01)
    backend = MemoryBackend()
    async with (
        kms_plugin(tmp_path) as plugin,
        api_server(backend, encryption_provider_config=_config(tmp_path, plugin)) as api,
    ):
        secret = await _create(api)
        same = await api("PUT", f"{SECRETS}/s", secret)
        assert same.body["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]
        plugin.set(key="two")
        await _until(lambda: plugin.calls.count("Encrypt") == 2)
        async with asyncio.timeout(60):
            changed = same
            while changed.body["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]:
                await asyncio.sleep(0.01)
                changed = await api("PUT", f"{SECRETS}/s", secret)
        assert b"two" in await _stored(backend)
        again = await api("PUT", f"{SECRETS}/s", changed.body)
        assert again.body["metadata"]["resourceVersion"] == changed.body["metadata"]["resourceVersion"]
        assert await _password(api) == PASSWORD


async def test_a_sick_plugin_is_told_by_the_health_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kybern.apiserver.encryption.kms.WELL_TTL_SECONDS", 0.0)
    monkeypatch.setattr("kybern.apiserver.encryption.kms.SICK_TTL_SECONDS", 0.0)
    async with (
        kms_plugin(tmp_path) as plugin,
        api_server(encryption_provider_config=_config(tmp_path, plugin)) as api,
    ):
        assert await _text(api, "/healthz/kms-providers") == (200, "ok")
        assert await _text(api, "/readyz") == (200, "ok")
        plugin.set(healthz="on fire")
        status, text = await _text(api, "/healthz/kms-providers")
        assert status == 500
        assert text == (
            "internal server error: kms-provider-0: kmsv2 Provider vault is not healthy, error: "
            "got unexpected healthz status: on fire\n"
        )
        for path in ("/readyz", "/livez", "/healthz"):
            status, text = await _text(api, path)
            assert status == 500
            assert "[-]kms-providers failed: reason withheld" in text
        plugin.set(version="v1")
        _, text = await _text(api, "/healthz/kms-providers")
        assert "expected KMSv2 API version v2, got v1" in text
        plugin.set(version="v2beta1")
        _, text = await _text(api, "/healthz/kms-providers")
        assert "should not change after the initial status response version v2, got v2beta1" in text
        plugin.set(key="")
        _, text = await _text(api, "/healthz/kms-providers")
        assert 'got invalid KMSv2 KeyID hash "": keyID is empty' in text
        plugin.set()
        assert await _text(api, "/readyz") == (200, "ok")
        _, metrics = await _text(api, "/metrics")
        assert (
            'apiserver_envelope_encryption_invalid_key_id_from_status_total{error="empty",provider_name="vault"} '
            in (metrics)
        )
        assert 'method_name="/v2.KeyManagementService/Status"' in metrics


async def test_without_the_plugin_nothing_is_sealed_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = MemoryBackend()
    async with (
        kms_plugin(tmp_path) as plugin,
        api_server(backend, encryption_provider_config=_config(tmp_path, plugin)) as api,
    ):
        await _create(api)
        await plugin.stop()
        await _create(api, "while-the-seed-is-good")
        monkeypatch.setattr("kybern.base.clock.time.time", lambda: 4e9)
        refused = await api("POST", SECRETS, {"metadata": {"name": "late"}})
        assert refused.status == 500
        assert refused.message.startswith('Internal error occurred: encryptedDEKSource with keyID hash "sha256:')
        assert "(current time is 2096-10-02T07:06:40Z)" in refused.message
        assert await _password(api) == PASSWORD, "what is known can be read"
        assert (await api("POST", f"{CORE}/configmaps", {"metadata": {"name": "c"}})).status == 201


async def test_a_start_waits_for_the_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("kybern.apiserver.encryption.encrypted_backend.RETRY_SECONDS", 0.01)
    backend = MemoryBackend()
    async with kms_plugin(tmp_path) as plugin:
        config = _config(tmp_path, plugin)
        async with api_server(backend, encryption_provider_config=config) as api:
            await _create(api)
        await plugin.stop()
        config.write_text(config.read_text().replace("timeout: 60s", "timeout: 1s"))

        async def restarted() -> str:
            async with api_server(backend, encryption_provider_config=config) as api:
                return await _password(api)

        starting = asyncio.create_task(restarted())
        await _until(lambda: "asking again" in caplog.text)
        assert not starting.done()
        await plugin.start()
        async with asyncio.timeout(60):
            assert await starting == PASSWORD


async def test_a_first_start_waits_for_the_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("kybern.apiserver.encryption.encrypted_backend.RETRY_SECONDS", 0.01)
    monkeypatch.setattr("kybern.apiserver.encryption.kms.SICK_PROBE_SECONDS", 0.01)
    monkeypatch.setattr("kybern.apiserver.encryption.kms.SICK_TTL_SECONDS", 0.0)
    plugin = KmsPlugin(tmp_path)
    config = _config(tmp_path, plugin)
    config.write_text(config.read_text().replace("[secrets]", "['*.*']").replace("timeout: 60s", "timeout: 1s"))
    backend = MemoryBackend()

    async def started() -> int:
        async with api_server(backend, encryption_provider_config=config) as api:
            return int((await api("GET", f"{CORE}/serviceaccounts/default")).status)

    starting = asyncio.create_task(started())
    try:
        await _until(lambda: "trying again" in caplog.text)
        assert not starting.done()
        await plugin.start()
        async with asyncio.timeout(60):
            assert await starting == 200
    finally:
        await plugin.stop()
    assert (await _stored(backend, "/registry/serviceaccounts/default/default")).startswith(PREFIX)


async def test_a_key_that_the_plugin_has_lost_is_named(tmp_path: Path) -> None:
    backend = MemoryBackend()
    async with kms_plugin(tmp_path) as plugin:
        config = _config(tmp_path, plugin)
        async with api_server(backend, encryption_provider_config=config) as api:
            await _create(api)
        plugin.set(key="two", lost=["one"])
        with pytest.raises(
            Untransformable,
            match=f'unable to transform key "{KEY}": failed to decrypt DEK, error: '
            "rpc error: code = NotFound desc = no key one",
        ):
            async with api_server(backend, encryption_provider_config=config):
                pass


async def test_a_new_file_is_used_once_its_plugin_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kybern.apiserver.encryption.encryption.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("kybern.apiserver.encryption.kms.SICK_TTL_SECONDS", 0.0)
    secret = base64.b64encode(b"k" * 32).decode()
    old = f"  - aesgcm: {{keys: [{{name: old, secret: {secret}}}]}}\n"
    backend = MemoryBackend()
    async with kms_plugin(tmp_path) as plugin:
        config = _config(tmp_path, plugin, old)
        options = {"encryption_provider_config": config, "encryption_provider_config_automatic_reload": True}
        async with api_server(backend, **options) as api:
            await _create(api)
            assert (await _stored(backend)).startswith(b"k8s:enc:aesgcm:v1:old:")
            plugin.set(healthz="not yet")
            text = _config(tmp_path, plugin).read_text()
            asked = len(plugin.calls)
            config.write_text(text.replace("  - identity: {}\n", old + "  - identity: {}\n"))
            await _until(lambda: len(plugin.calls) > asked + 1)
            await api("PUT", f"{SECRETS}/s", await api.get(f"{SECRETS}/s"))
            assert (await _stored(backend)).startswith(b"k8s:enc:aesgcm:v1:old:"), "the plugin is not well"
            plugin.set()
            async with asyncio.timeout(60):
                while not (await _stored(backend)).startswith(PREFIX):
                    await api("PUT", f"{SECRETS}/s", await api.get(f"{SECRETS}/s"))
                    await asyncio.sleep(0.01)
            assert await _password(api) == PASSWORD
            _, metrics = await _text(api, "/metrics")
            assert "apiserver_encryption_config_controller_automatic_reloads_total{" in metrics
