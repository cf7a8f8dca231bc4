"""Whose tokens are believed, asked by real requests: of a file, of ServiceAccounts, of nodes that join."""

import asyncio
import time
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws

from kybern.base.clock import format_time
from kybern.controllers.service_account_tokens import Signer

from .api_server import CORE, Api, api_server, pod
from .asking_who import REVIEW, WHO, reviewed, who

SECRETS = "/api/v1/namespaces/kube-system/secrets"


@pytest.fixture
def signing_key(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "sa.key"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return path


async def request_token(api: Api, **spec: Any) -> str:
    answer = await api("POST", f"{CORE}/serviceaccounts/default/token", {"spec": spec})
    assert answer.status == 201, answer
    return str(answer.body["status"]["token"])


async def test_tokens_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens.csv"
    path.write_text('good,jane,7,"dev,ops"\n')
    async with api_server(token_auth_file=path) as api:
        found = await who(api, "good")
        assert found == {"username": "jane", "uid": "7", "groups": ["dev", "ops", "system:authenticated"]}
        assert await who(api, "bad") == 401
        state = await reviewed(api, "good")
        assert (state["authenticated"], state["audiences"]) == (True, ["https://kubernetes.default.svc.cluster.local"])
        other = await api("POST", REVIEW, {"spec": {"token": "good", "audiences": ["vault"]}})
        assert "authenticated" not in other.body["status"]
        refused = await api.as_user(None)("POST", WHO, {}, {"authorization": "Bearer bad"})
        assert (refused.body["reason"], refused.message) == ("Unauthorized", "Unauthorized")


async def test_a_bound_token_says_where_it_is_from_and_dies_with_its_pod(signing_key: Path) -> None:
    async with api_server(service_account_signing_key_file=signing_key) as api:
        made = await api.create(f"{CORE}/pods", pod("p", nodeName="n1"))
        uid = made["metadata"]["uid"]
        bound = {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": uid}
        token = await request_token(api, boundObjectRef=bound)
        found = await who(api, token)
        assert found["username"] == "system:serviceaccount:default:default"
        assert found["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
        extra = found["extra"]
        assert extra["authentication.kubernetes.io/pod-name"] == ["p"]
        assert extra["authentication.kubernetes.io/pod-uid"] == [uid]
        assert extra["authentication.kubernetes.io/node-name"] == ["n1"]
        assert extra["authentication.kubernetes.io/credential-id"][0].startswith("JTI=")
        assert (await reviewed(api, token))["authenticated"] is True
        await api("DELETE", f"{CORE}/pods/p", {"gracePeriodSeconds": 0})
        dead = await reviewed(api, token)
        assert "authenticated" not in dead
        assert dead["error"].startswith("[invalid bearer token, ")


async def test_a_token_for_others_is_none_here(signing_key: Path) -> None:
    async with api_server(service_account_signing_key_file=signing_key) as api:
        token = await request_token(api, audiences=["vault"])
        assert await who(api, token) == 401
        spec = {"spec": {"token": token, "audiences": ["vault", "other"]}}
        state = (await api("POST", REVIEW, spec)).body["status"]
        assert (state["authenticated"], state["audiences"]) == (True, ["vault"])


async def labels_of(api: Api, secret: str) -> dict[str, str]:
    found: dict[str, str] = (await api.get(f"{CORE}/secrets/{secret}"))["metadata"].get("labels") or {}
    return found


async def test_legacy_tokens_hold_while_their_secret_has_them(signing_key: Path) -> None:
    async with api_server(service_account_signing_key_file=signing_key) as api:
        annotations = {"kubernetes.io/service-account.name": "default"}
        metadata = {"name": "old", "annotations": annotations}
        secret = {"metadata": metadata, "type": "kubernetes.io/service-account-token"}
        await api.create(f"{CORE}/secrets", secret)
        account = (await api.get(f"{CORE}/serviceaccounts/default"))["metadata"]
        signer = Signer.read(signing_key)
        claim = "kubernetes.io/serviceaccount/"
        claims = {
            "iss": "kubernetes/serviceaccount",
            f"{claim}namespace": "default",
            f"{claim}secret.name": "old",
            f"{claim}service-account.name": "default",
            f"{claim}service-account.uid": account["uid"],
            "sub": "system:serviceaccount:default:default",
        }
        header = {"alg": signer.algorithm}
        token = jws.serialize_compact(header, orjson.dumps(claims), signer.key, algorithms=[signer.algorithm])
        state = await reviewed(api, token)
        assert state["error"] == "[invalid bearer token, Token does not match server's copy]"
        await api.patch(f"{CORE}/secrets/old", {"data": {"token": b64encode(token.encode()).decode()}})
        assert (await who(api, token))["username"] == "system:serviceaccount:default:default"
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        async with asyncio.timeout(60):
            while (await labels_of(api, "old")).get("kubernetes.io/legacy-token-last-used") != today:
                await asyncio.sleep(0.01)
        tracking = "/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking"
        assert (await api.get(tracking))["data"] == {"since": today}
        invalid = "kubernetes.io/legacy-token-invalid-since"
        await api.patch(f"{CORE}/secrets/old", {"metadata": {"labels": {invalid: today}}})
        assert (await reviewed(api, token))["error"] == (
            "[invalid bearer token, the token in secret default/old for service account default/default has been "
            "marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove "
            f"the '{invalid}' label from the secret to temporarily allow use of this token]"
        )
        await api("DELETE", f"{CORE}/secrets/old")
        assert (await reviewed(api, token))["error"] == "[invalid bearer token, Token has been invalidated]"


def bootstrap(**data: str) -> dict[str, Any]:
    plain = {
        "token-id": "abcdef",
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-authentication": "true",
        **{name.replace("_", "-"): value for name, value in data.items()},
    }
    return {
        "metadata": {"name": "bootstrap-token-abcdef"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": plain,
    }


async def test_bootstrap_tokens() -> None:
    async with api_server(enable_bootstrap_token_auth=True) as api:
        token = "abcdef.0123456789abcdef"
        assert await who(api, token) == 401
        await api.create(SECRETS, bootstrap(auth_extra_groups="system:bootstrappers:workers"))
        found = await who(api, token)
        assert found["username"] == "system:bootstrap:abcdef"
        groups = ["system:bootstrappers", "system:bootstrappers:workers", "system:authenticated"]
        assert found["groups"] == groups
        for changed in (
            {"token-secret": "0000000000000000"},
            {"token-secret": "0123456789abcdef", "expiration": format_time(time.time() - 5)},
            {"expiration": format_time(time.time() + 500), "usage-bootstrap-authentication": "false"},
        ):
            await api.patch(f"{SECRETS}/bootstrap-token-abcdef", {"stringData": changed})
            assert "authenticated" not in await reviewed(api, token)


def test_an_unfit_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.key"
    path.write_text("nothing")
    with pytest.raises(ValueError, match="PEM"):
        Signer.read(path)
