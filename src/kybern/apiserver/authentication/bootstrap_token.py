"""Bootstrap tokens: `abcdef.0123456789abcdef`, kept in Secrets of kube-system, with which new nodes join.

Source: https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
"""

import hmac
import logging
import re
from base64 import b64decode

from kybern.api.resource import Object
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.user import User, authenticated
from kybern.base.clock import Clock, parse_time

log = logging.getLogger(__name__)

TYPE = "bootstrap.kubernetes.io/token"
DEFAULT_GROUP = "system:bootstrappers"
_TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")


class BootstrapTokens:
    """`--enable-bootstrap-token-auth`"""

    def __init__(self, lookup: Lookup, clock: Clock) -> None:
        self._lookup = lookup
        self._clock = clock

    def authenticate(self, token: str) -> User | None:
        """None for what is no such token, or none that holds."""
        found = _TOKEN.fullmatch(token)
        if found is None:
            return None
        name = f"bootstrap-token-{found[1]}"
        secret = self._lookup.get("secrets", name, "kube-system")
        if secret is None:
            return None
        why = self._fault(secret, found[1], found[2])
        if why:
            log.info("bootstrap secret kube-system/%s %s", name, why)
            return None
        extra = [group.strip() for group in _value(secret, "auth-extra-groups").split(",") if group.strip()]
        if not all(_GROUP.fullmatch(group) for group in extra):
            log.info("bootstrap secret kube-system/%s has invalid value for key auth-extra-groups", name)
            return None
        return authenticated(f"system:bootstrap:{found[1]}", tuple(sorted({DEFAULT_GROUP, *extra})))

    def _fault(self, secret: Object, identity: str, token: str) -> str:
        if secret["metadata"].get("deletionTimestamp"):
            return "is deleted and awaiting removal"
        if secret.get("type") != TYPE:
            return f"has invalid type, expected {TYPE}."
        if not hmac.compare_digest(_value(secret, "token-secret").encode(), token.encode()):
            return "has invalid value for key token-secret."
        if _value(secret, "token-id") != identity:
            return "has invalid value for key token-id."
        expiration = _value(secret, "expiration")
        if expiration:
            try:
                if parse_time(expiration) <= self._clock.now():
                    return "has expired"
            except ValueError:
                return "has an unparseable expiration"
        return "" if _value(secret, "usage-bootstrap-authentication") == "true" else "is not for authentication"


def _value(secret: Object, key: str) -> str:
    return b64decode((secret.get("data") or {}).get(key) or "").decode(errors="replace")
