"""Where others learn how to verify the tokens of ServiceAccounts: OpenID discovery and the keys (JWKS)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kybern.apiserver.authentication.service_account_keys import KeySet, NamedKey
from kybern.apiserver.paths import Document

if TYPE_CHECKING:
    from kybern.apiserver.config import ApiServerConfig

_KEYS = "/openid/v1/jwks"


def discovery_documents(config: "ApiServerConfig", keys: Sequence[NamedKey]) -> Mapping[str, Document]:
    """Path -> document."""
    known = KeySet(keys, config.service_account_issuer)
    keys_at = config.service_account_jwks_uri or f"https://{config.advertised}{_KEYS}"
    return {
        _KEYS: Document("application/jwk-set+json", known.jwks),
        "/.well-known/openid-configuration": Document("application/json", lambda: known.discovery(keys_at)),
    }
