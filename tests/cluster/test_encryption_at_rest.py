"""Secrets on disk: unreadable without the key, readable through a change of keys."""

import asyncio
import base64
from pathlib import Path

import pytest

from kybern.apiserver.encryption.configuration import ConfigurationError
from kybern.apiserver.encryption.encrypted_backend import Untransformable
from kybern.storage.backend import Backend
from kybern.storage.sqlite import SqliteBackend
from tests.cluster.api_server import CORE, api_server

PASSWORD = "correct horse battery staple"
SECRETS = f"{CORE}/secrets"


def _write(path: Path, *providers: str) -> Path:
    path.write_text(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n"
        "- resources: [secrets]\n  providers:\n" + "".join(f"  - {provider}\n" for provider in providers)
    )
    return path


def _aes(name: str) -> str:
    secret = base64.b64encode(name[0].encode() * 32).decode()
    return f"aesgcm: {{keys: [{{name: {name}, secret: {secret}}}]}}"


IDENTITY = "identity: {}"


def _on_disk(folder: Path, text: str) -> bool:
    wanted = (text.encode(), base64.b64encode(text.encode()))
    return any(each in file.read_bytes() for file in folder.glob("store*") for each in wanted)


async def _open(folder: Path) -> Backend:
    return await SqliteBackend.open(folder / "store.sqlite")


async def test_no_secret_is_readable_on_disk(tmp_path: Path) -> None:
    backend = await _open(tmp_path)
    config = _write(tmp_path / "config.yaml", _aes("first"), IDENTITY)
    async with api_server(backend, encryption_provider_config=config) as api:
        await api.create(SECRETS, {"metadata": {"name": "s"}, "stringData": {"password": PASSWORD}})
        await api.create(f"{CORE}/configmaps", {"metadata": {"name": "c"}, "data": {"note": "readable note"}})
        secret = await api.get(f"{SECRETS}/s")
        assert base64.b64decode(secret["data"]["password"]).decode() == PASSWORD
    await backend.close()
    assert not _on_disk(tmp_path, PASSWORD)
    assert _on_disk(tmp_path, "readable note")


async def test_keys_are_rotated_by_replacing_what_has_not_changed(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    for providers, rewrites in (
        ((IDENTITY,), False),
        ((_aes("first"), IDENTITY), True),
        ((_aes("second"), _aes("first")), True),
        ((_aes("second"),), False),
    ):
        backend = await _open(tmp_path)
        async with api_server(backend, encryption_provider_config=_write(config, *providers)) as api:
            if providers == (IDENTITY,):
                await api.create(SECRETS, {"metadata": {"name": "s"}, "stringData": {"password": PASSWORD}})
            secret = await api.get(f"{SECRETS}/s")
            assert base64.b64decode(secret["data"]["password"]).decode() == PASSWORD
            replaced = await api("PUT", f"{SECRETS}/s", secret)
            changed = replaced.body["metadata"]["resourceVersion"] != secret["metadata"]["resourceVersion"]
            assert changed is rewrites, providers
            again = await api("PUT", f"{SECRETS}/s", replaced.body)
            assert again.body["metadata"]["resourceVersion"] == replaced.body["metadata"]["resourceVersion"]
        await backend.close()


async def test_a_missing_key_is_named(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    backend = await _open(tmp_path)
    async with api_server(backend, encryption_provider_config=_write(config, _aes("first"))) as api:
        await api.create(SECRETS, {"metadata": {"name": "s"}, "stringData": {"password": PASSWORD}})
    with pytest.raises(Untransformable, match='unable to transform key "/registry/secrets/default/s": no matching'):
        async with api_server(backend, encryption_provider_config=_write(config, _aes("second"))):
            pass
    await backend.close()


async def test_the_file_is_read_again_while_the_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kybern.apiserver.encryption.encryption.LOOK_SECONDS", 0.01)
    config = _write(tmp_path / "config.yaml", IDENTITY)
    backend = await _open(tmp_path)
    options = {"encryption_provider_config": config, "encryption_provider_config_automatic_reload": True}
    async with api_server(backend, **options) as api:
        _write(config, "aesgcm: {keys: []}")  # Of no use, so that nothing changes.
        _write(config, _aes("first"), IDENTITY)
        async with asyncio.timeout(60):
            for number in range(10_000):
                await api.create(
                    SECRETS, {"metadata": {"name": f"s{number}"}, "stringData": {"p": f"{PASSWORD}{number}"}}
                )
                if not _on_disk(tmp_path, f"{PASSWORD}{number}"):
                    break
                await asyncio.sleep(0.01)
        before = await api.get(f"{SECRETS}/s0")
        rewritten = await api("PUT", f"{SECRETS}/s0", before)
        assert rewritten.body["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"], "it was plain"
        assert (await api.get(f"{SECRETS}/s{number}"))["data"]
    await backend.close()


async def test_a_bad_configuration_ends_the_start(tmp_path: Path) -> None:
    for path in (_write(tmp_path / "config.yaml", "aesgcm: {keys: []}"), tmp_path / "absent.yaml"):
        with pytest.raises(ConfigurationError, match=path.name):
            async with api_server(encryption_provider_config=path):
                pass
