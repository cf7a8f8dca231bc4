"""Secrets of ServiceAccounts on a real API server: filled with a token, deleted with their account."""

from base64 import b64decode
from pathlib import Path

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from kybern.api.types import convert
from kybern.api.types.core_v1 import Secret, ServiceAccount
from kybern.base.errors import NotFound

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
