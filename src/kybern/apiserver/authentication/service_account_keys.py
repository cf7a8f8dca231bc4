"""The keys that sign and verify service-account tokens, and what others need to verify them (JWKS, OpenID discovery).

Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

Key = ECKey | RSAKey
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key, the name by which tokens refer to it, and its algorithm."""

    kid: str
    algorithm: str
    key: Key

    def public(self) -> dict[str, Any]:
        """Its JWK."""
        return {"use": "sig", "kid": self.kid, "alg": self.algorithm, **self.key.as_dict(private=False)}


def read_key(path: Path) -> NamedKey:
    """A private or public key, PEM. Raises OSError, ValueError."""
    data = path.read_bytes()
    if b"PRIVATE KEY" in data:
        private = serialization.load_pem_private_key(data, password=None)
        public = private.public_key()
    else:
        public = serialization.load_pem_public_key(data)
    if isinstance(public, ec.EllipticCurvePublicKey):
        key: Key = ECKey.import_key(data)
        algorithm = _CURVES[public.curve.name]
    elif isinstance(public, rsa.RSAPublicKey):
        key, algorithm = RSAKey.import_key(data), "RS256"
    else:
        raise ValueError(f"{path}: service-account tokens are signed with RSA or elliptic-curve keys")
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    kid = base64.urlsafe_b64encode(hashlib.sha256(spki).digest()).decode().rstrip("=")
    return NamedKey(kid, algorithm, key)


def read_keys(signing: Path | None, verifying: Sequence[Path]) -> list[NamedKey]:
    """The signing key first, then those that only verify, each once. Raises OSError, ValueError."""
    files = [*([signing] if signing is not None else []), *verifying]
    return list({key.kid: key for key in reversed([read_key(file) for file in files])}.values())[::-1]


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
