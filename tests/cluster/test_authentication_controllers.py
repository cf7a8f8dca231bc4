"""Secrets of ServiceAccounts on a real API server: filled with a token, deleted with their account."""

from base64 import b64decode
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from kybern.api.types import convert
from kybern.api.types.core_v1 import Pod, Secret, ServiceAccount
from kybern.base.clock import parse_time
from kybern.base.errors import NotFound
from kybern.controllers.legacy_token_cleaner import (
    CLEAN_UP_SECONDS,
    DAY_SECONDS,
    INVALID_SINCE,
    LAST_USED,
    NAME,
    Cleaner,
)

from .machine import plane


def signing_key(directory: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    path = directory / "sa.key"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return str(path)


def key_of(path: str) -> ECKey:
    return ECKey.import_key(Path(path).read_bytes())


async def test_a_secret_is_filled_and_goes_with_its_account(tmp_path: Path) -> None:
    path = signing_key(tmp_path)
    async with plane(("serviceaccount-token-controller",), service_account_private_key_file=path) as world:
        metadata = {"name": "builder", "namespace": "default"}
        account = await world.client.create(convert({"metadata": metadata}, ServiceAccount))
        annotations = {"kubernetes.io/service-account.name": "builder"}
        plain = {
            "metadata": {"name": "builder-token", "namespace": "default", "annotations": annotations},
            "type": "kubernetes.io/service-account-token",
        }
        await world.client.create(convert(plain, Secret))

        async def filled() -> bool:
            return "token" in (await world.client.get(Secret, "builder-token", "default")).data

        await world.until(filled)
        secret = await world.client.get(Secret, "builder-token", "default")
        assert secret.metadata.annotations["kubernetes.io/service-account.uid"] == account.metadata.uid
        assert b64decode(secret.data["namespace"]) == b"default"
        key = key_of(path)
        verified = jws.deserialize_compact(b64decode(secret.data["token"]), key, algorithms=["ES256"])
        claims = orjson.loads(verified.payload)
        assert claims["sub"] == "system:serviceaccount:default:builder"
        assert claims["kubernetes.io/serviceaccount/secret.name"] == "builder-token"
        await world.client.delete(ServiceAccount, "builder", "default")

        async def gone() -> bool:
            try:
                await world.client.get(Secret, "builder-token", "default")
            except NotFound:
                return True
            return False

        await world.until(gone)


async def test_a_token_that_came_unasked_and_is_not_used_is_invalidated_then_deleted() -> None:
    ago = -2 * DAY_SECONDS  # What was made today counts as long unused.
    async with plane((NAME,), legacy_token_clean_up_seconds=ago) as world:
        metadata = {"name": "builder", "namespace": "default"}
        account = {"metadata": metadata, "secrets": [{"name": "generated"}, {"name": "mounted"}]}
        await world.client.create(convert(account, ServiceAccount))
        spec = {
            "containers": [{"name": "c", "image": "app"}],
            "volumes": [{"name": "v", "secret": {"secretName": "mounted"}}],
            "automountServiceAccountToken": False,
        }
        metadata = {"name": "p", "namespace": "default"}
        await world.client.create(
            convert({"metadata": metadata, "spec": {**spec, "serviceAccountName": "builder"}}, Pod)
        )
        await world.until(lambda: world.count(Pod))
        for name in ("mounted", "asked", "generated"):
            annotations = {"kubernetes.io/service-account.name": "builder"}
            metadata = {"name": name, "namespace": "default", "annotations": annotations}
            await world.client.create(
                convert({"metadata": metadata, "type": "kubernetes.io/service-account-token"}, Secret)
            )

        async def gone() -> bool:
            left = {each.metadata.name for each in (await world.client.list(Secret, "default")).items}
            return left == {"mounted", "asked"}

        await world.until(gone)
        left = (await world.client.list(Secret, "default")).items
        assert all(not each.metadata.labels for each in left)


@pytest.mark.parametrize(
    ("used", "invalid", "label", "deleted"),
    [
        (None, None, "2027-01-15", False),
        ("2026-01-14", None, "2027-01-15", False),
        ("2026-01-15", None, None, False),
        ("soon", None, None, False),
        (None, "never", "2027-01-15", False),
        (None, "2026-01-15", None, False),
        (None, "2026-01-14", None, True),
    ],
)
def test_a_year_passes_twice(used: str | None, invalid: str | None, label: str | None, deleted: bool) -> None:
    labels = {key: day for key, day in ((LAST_USED, used), (INVALID_SINCE, invalid)) if day is not None}
    secret = convert({"metadata": {"name": "s", "creationTimestamp": "2020-01-01T00:00:00Z", "labels": labels}}, Secret)
    plan = Cleaner(CLEAN_UP_SECONDS).decide(secret, parse_time("2027-01-15T12:00:00Z"))
    written = [each.patch["metadata"]["labels"] for each in plan.patches]
    assert (written, bool(plan.deletes)) == ([{INVALID_SINCE: label}] if label else [], deleted)
