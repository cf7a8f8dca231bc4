"""Legacy ServiceAccount tokens: kept in Secrets, without an end, valid while the Secret holds them.

Source: https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets
"""

import hmac
from base64 import b64decode

from kybern.api.resource import Object
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.authentication.legacy_uses import LegacyUses
from kybern.apiserver.authentication.service_account_keys import KeySet
from kybern.apiserver.user import User, service_account_user
from kybern.base.errors import Unauthorized

ISSUER = "kubernetes/serviceaccount"
CLAIM = "kubernetes.io/serviceaccount/"
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"


class LegacyTokens:
    def __init__(self, keys: KeySet, lookup: Lookup, uses: LegacyUses) -> None:
        self._keys = keys
        self._lookup = lookup
        self._uses = uses

    def authenticate(self, token: str) -> User | None:
        """None for what is no legacy token. Raises Unauthorized."""
        claims = self._keys.claims(token, (ISSUER,))
        if claims is None:
            return None
        values = {key: claims.get(CLAIM + key) for key in _CLAIMS}
        for key, shown in _CLAIMS.items():
            if not values[key]:
                raise Unauthorized(f"{shown} claim is missing")
        namespace, name = str(values["namespace"]), str(values["service-account.name"])
        if claims.get("sub") != f"system:serviceaccount:{namespace}:{name}":
            raise Unauthorized("sub claim is invalid")
        uid = str(values["service-account.uid"])
        secret = self._secret(namespace, str(values["secret.name"]), token)
        account = self._lookup.get("serviceaccounts", name, namespace)
        if account is None:
            raise Unauthorized(f'serviceaccounts "{name}" not found')
        if account["metadata"].get("deletionTimestamp"):
            raise Unauthorized(f"ServiceAccount {namespace}/{name} has been deleted")
        if account["metadata"]["uid"] != uid:
            raise Unauthorized(f"ServiceAccount UID ({account['metadata']['uid']}) does not match claim ({uid})")
        self._uses.note(secret)
        _refuse_invalid(secret, name)
        return service_account_user(namespace, name, uid)

    def _secret(self, namespace: str, name: str, token: str) -> Object:
        """The Secret that holds the token. Raises Unauthorized."""
        secret = self._lookup.get("secrets", name, namespace)
        if secret is None or secret["metadata"].get("deletionTimestamp"):
            raise Unauthorized("Token has been invalidated")
        kept = b64decode((secret.get("data") or {}).get("token") or "")
        if not hmac.compare_digest(kept, token.encode()):
            raise Unauthorized("Token does not match server's copy")
        return secret


def _refuse_invalid(secret: Object, account: str) -> None:
    metadata = secret["metadata"]
    if (metadata.get("labels") or {}).get(INVALID_SINCE):
        namespace = metadata["namespace"]
        raise Unauthorized(
            f"the token in secret {namespace}/{metadata['name']} for service account {namespace}/{account} has been "
            "marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove "
            f"the '{INVALID_SINCE}' label from the secret to temporarily allow use of this token"
        )


_CLAIMS = {
    "namespace": "namespace",
    "secret.name": "secretName",
    "service-account.name": "serviceAccountName",
    "service-account.uid": "serviceAccountUID",
}
