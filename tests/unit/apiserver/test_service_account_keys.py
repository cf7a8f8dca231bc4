"""Files of keys for ServiceAccounts' tokens: every shape that upstream's API server takes; and tokens of other servers."""

import datetime
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jws

from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.authentication.service_account_keys import KeySet, NamedKey, read_key_file, read_keys
from kybern.apiserver.authentication.service_account_token import ServiceAccountTokens
from kybern.base.clock import SystemClock
from kybern.base.errors import Unauthorized

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP384R1())
PEM, PLAIN = serialization.Encoding.PEM, serialization.NoEncryption()
PKCS1 = serialization.PrivateFormat.TraditionalOpenSSL
PKCS8 = serialization.PrivateFormat.PKCS8
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sa")])
    day = datetime.datetime(2026, 1, 1)
    made = x509.CertificateBuilder(name, name, RSA.public_key(), 1, day, day + datetime.timedelta(9))
    return made.sign(RSA, hashes.SHA256()).public_bytes(PEM)


# What `openssl ecparam -genkey` writes before a key: the curve by its name.
PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n"
SHAPES: dict[str, tuple[bytes, list[str]]] = {
    "PKCS 1": (RSA.private_bytes(PEM, PKCS1, PLAIN), ["RS256"]),
    "PKCS 8": (RSA.private_bytes(PEM, PKCS8, PLAIN), ["RS256"]),
    "public, PKCS 1": (RSA.public_key().public_bytes(PEM, serialization.PublicFormat.PKCS1), ["RS256"]),
    "curve with its parameters": (PARAMETERS + EC.private_bytes(PEM, PKCS1, PLAIN), ["ES384"]),
    "certificate": (certificate(), ["RS256"]),
    "several": (EC.public_key().public_bytes(PEM, SPKI) + b"\n# old\n" + certificate(), ["ES384", "RS256"]),
    "one that signs no tokens before": (
        ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, PLAIN) + EC.private_bytes(PEM, PKCS8, PLAIN),
        ["ES384"],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_keys_of_a_file(shape: str, tmp_path: Path) -> None:
    data, algorithms = SHAPES[shape]
    (tmp_path / "keys").write_bytes(data)
    assert [key.algorithm for key in read_key_file(tmp_path / "keys")] == algorithms


def test_a_file_of_no_keys(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(PARAMETERS)
    with pytest.raises(ValueError, match="does not contain any valid RSA or ECDSA keys"):
        read_key_file(tmp_path / "keys")


def test_a_key_and_its_public_half_are_one_and_the_signing_one_is_first(tmp_path: Path) -> None:
    for name, data in (
        ("sign", EC.private_bytes(PEM, PKCS8, PLAIN)),
        ("verify", SHAPES["several"][0]),
    ):
        (tmp_path / name).write_bytes(data)
    keys = read_keys(tmp_path / "sign", [tmp_path / "verify"])
    assert [(key.algorithm, key.key.is_private) for key in keys] == [("ES384", True), ("RS256", False)]


LONG_AGO = "2020-01-01T00:00:00Z"
OBJECTS: dict[tuple[str, str, str], Any] = {
    ("serviceaccounts", "a", "n"): {"metadata": {"name": "a", "namespace": "n", "uid": "u"}},
    ("serviceaccounts", "old", "n"): {"metadata": {"uid": "u", "deletionTimestamp": LONG_AGO}},
    ("secrets", "s", "n"): {"metadata": {"uid": "1"}},
    ("pods", "old", "n"): {"metadata": {"uid": "1", "deletionTimestamp": LONG_AGO}},
}


class Objects:
    def get(self, resource: str, name: str, namespace: str = "") -> Any:
        return OBJECTS.get((resource, name, namespace))


KNOWN = cast(Lookup, Objects())


def token(key: NamedKey, **claims: Any) -> str:
    private = {"namespace": "n", "serviceaccount": {"name": "a", "uid": "u"}}
    told = {"iss": "https://old", "exp": 1 << 40, "nbf": 0, "kubernetes.io": private, **claims}
    header = {"alg": key.algorithm, "kid": key.kid}
    return jws.serialize_compact(header, orjson.dumps(told), key.key, algorithms=[key.algorithm])


def test_tokens_of_a_former_issuer_and_key_are_taken(tmp_path: Path) -> None:
    (tmp_path / "sign").write_bytes(EC.private_bytes(PEM, PKCS8, PLAIN))
    (tmp_path / "old").write_bytes(RSA.private_bytes(PEM, PKCS1, PLAIN))
    keys = read_keys(tmp_path / "sign", [tmp_path / "old"])
    issuers = ("https://new", "https://old")
    tokens = ServiceAccountTokens(KeySet(keys, "https://new"), issuers, issuers, SystemClock(), KNOWN)
    for claims in ({"aud": ["https://old"]}, {"aud": "https://new"}, {}):
        user = tokens.authenticate(token(keys[1], **claims))
        assert user is not None
        assert user.name == "system:serviceaccount:n:a"
    assert tokens.authenticate(token(keys[1], iss="https://other")) is None


def bound(**more: Any) -> dict[str, Any]:
    """What the claim of a token of ServiceAccount a says."""
    return {"kubernetes.io": {"namespace": "n", "serviceaccount": {"name": "a", "uid": "u"}, **more}}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "for others": (
        {"aud": ["x", "y"]},
        'token audiences ["x" "y"] is invalid for the target audiences ["https://new" "https://old"]',
    ),
    "expired": ({"exp": 1}, "service account token has expired"),
    "not yet": ({"nbf": 1 << 39}, "service account token is not valid yet"),
    "from the future": ({"iat": 1 << 39}, "service account token is issued in the future"),
    "account gone": (bound(serviceaccount={"name": "b", "uid": "u"}), 'serviceaccounts "b" not found'),
    "another account": (
        bound(serviceaccount={"name": "a", "uid": "w"}),
        "service account UID (u) does not match claim (w)",
    ),
    "account being deleted": (
        bound(serviceaccount={"name": "old", "uid": "u"}),
        "service account n/old has been deleted",
    ),
    "Secret gone": (bound(secret={"name": "t", "uid": "1"}), "service account token has been invalidated"),
    "another Secret": (
        bound(secret={"name": "s", "uid": "2"}),
        "secret UID (1) does not match service account secret ref claim (2)",
    ),
    "Pod being deleted": (bound(pod={"name": "old", "uid": "1"}), "service account token has been invalidated"),
    "Node gone": (bound(node={"name": "m", "uid": "1"}), "service account token has been invalidated"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_why_a_token_is_refused(case: str, tmp_path: Path) -> None:
    (tmp_path / "sign").write_bytes(EC.private_bytes(PEM, PKCS8, PLAIN))
    keys = read_keys(tmp_path / "sign", [])
    issuers = ("https://new", "https://old")
    tokens = ServiceAccountTokens(KeySet(keys, "https://new"), issuers, issuers, SystemClock(), KNOWN)
    claims, message = REFUSED[case]
    with pytest.raises(Unauthorized) as error:
        tokens.authenticate(token(keys[0], **claims))
    assert error.value.message == message


def test_signatures_of_nobody_known(tmp_path: Path) -> None:
    (tmp_path / "sign").write_bytes(EC.private_bytes(PEM, PKCS8, PLAIN))
    (key,) = read_keys(tmp_path / "sign", [])
    tokens = ServiceAccountTokens(KeySet([key], "https://old"), ("https://old",), (), SystemClock(), KNOWN)
    head, body, _ = token(key).split(".")
    other = NamedKey("other", key.algorithm, key.key)
    for presented, message in (
        (f"{head}.{body}.{'A' * 128}", "go-jose/go-jose: error in cryptographic primitive"),
        (token(other), "invalid signature, no keys found"),
    ):
        with pytest.raises(Unauthorized) as error:
            tokens.authenticate(presented)
        assert error.value.message == message
