"""The keys that sign and verify service-account tokens, and what others need to verify them (JWKS, OpenID discovery).

Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
"""

import base64
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from kybern.base.errors import Unauthorized

Key = ECKey | RSAKey
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key, the name by which tokens refer to it, and its algorithm."""

    kid: str
    algorithm: str
    key: Key

    def public(self) -> dict[str, Any]:
        """Its JWK."""
        told = self.key.as_dict(private=False)
        return {"use": "sig", "kty": told.pop("kty"), "kid": self.kid, "alg": self.algorithm, **told}


def read_key_file(path: Path) -> list[NamedKey]:
    """All keys of a file, private or public or in certificates; what else it holds is passed over, as upstream does.

    Raises OSError; ValueError for a file that holds none.
    """
    found = [_named(key) for block in _BLOCK.finditer(path.read_bytes()) if (key := _key(block)) is not None]
    if not found:
        raise ValueError(f"{path}: data does not contain any valid RSA or ECDSA keys")
    return found


def _key(block: re.Match[bytes]) -> Any:
    """The key of one block; None: it is none that signs tokens."""
    data, label = block.group() + b"\n", block.group(1)
    try:
        if label.endswith(b"PRIVATE KEY"):
            key: Any = serialization.load_pem_private_key(data, password=None)
        elif label == b"CERTIFICATE":
            key = x509.load_pem_x509_certificate(data).public_key()
        else:
            key = serialization.load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    curve = getattr(key, "curve", None)
    usable = isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey) or (curve is not None and curve.name in _CURVES)
    return key if usable else None


def _named(key: Any) -> NamedKey:
    """Its name is the digest of its public half, as upstream's servers name it."""
    private = isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    public = key.public_key() if private else key
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    spki = public.public_bytes(serialization.Encoding.DER, form)
    kid = base64.urlsafe_b64encode(hashlib.sha256(spki).digest()).decode().rstrip("=")
    if private:
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    else:
        pem = public.public_bytes(serialization.Encoding.PEM, form)
    if isinstance(public, rsa.RSAPublicKey):
        return NamedKey(kid, "RS256", RSAKey.import_key(pem))
    return NamedKey(kid, _CURVES[public.curve.name], ECKey.import_key(pem))


def read_keys(signing: Path | None, verifying: Sequence[Path]) -> list[NamedKey]:
    """The signing key first, then those that only verify, each once. Raises OSError, ValueError."""
    files = [*([signing] if signing is not None else []), *verifying]
    found = [key for file in files for key in read_key_file(file)]
    return list({key.kid: key for key in reversed(found)}.values())[::-1]


class KeySet:
    """What is told to the world."""

    def __init__(self, keys: Sequence[NamedKey], issuer: str) -> None:
        self._keys = {key.kid: key for key in keys}
        self._issuer = issuer

    def find(self, kid: str) -> Sequence[NamedKey]:
        """The key of a name; all keys for a token that names none."""
        if not kid:
            return list(self._keys.values())
        key = self._keys.get(kid)
        return [key] if key is not None else []

    def claims(self, token: str, issuers: Collection[str]) -> dict[str, Any] | None:
        """What a token says; None unless it says that it is of these issuers. Raises Unauthorized for a bad signature."""
        if token.count(".") != 2:
            return None
        try:
            unverified = jws.extract_compact(token.encode())
            claims = orjson.loads(unverified.payload)
        except (JoseError, ValueError):
            return None
        if not isinstance(claims, dict) or claims.get("iss") not in issuers:
            return None
        keys = self.find(unverified.headers().get("kid", ""))
        if not keys:
            raise Unauthorized("invalid signature, no keys found")
        for named in keys:
            try:
                jws.deserialize_compact(token, named.key, algorithms=[named.algorithm])
                return claims
            except (JoseError, ValueError):
                continue
        raise Unauthorized("go-jose/go-jose: error in cryptographic primitive")

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.public() for key in self._keys.values()]}

    def discovery(self, keys_at: str) -> dict[str, Any]:
        """/.well-known/openid-configuration; `keys_at` is the URL of the keys."""
        return {
            "issuer": self._issuer,
            "jwks_uri": keys_at,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({key.algorithm for key in self._keys.values()}),
        }
