"""Service-account tokens: JSON web tokens, bound to what they were issued for.

A token holds only while its ServiceAccount, and the Pod, Secret or Node that it is bound to, are there.
Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
"""

from collections.abc import Sequence
from typing import Any

import orjson
from joserfc import jws

from kybern.api.resource import Object
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.authentication.service_account_keys import KeySet, NamedKey
from kybern.apiserver.user import User, service_account_user
from kybern.base.clock import Clock, parse_time
from kybern.base.errors import Unauthorized
from kybern.base.ids import Ids

CLAIM = "kubernetes.io"
LEEWAY_SECONDS = 60.0
"""Of clocks; also how long tokens of something that is being deleted still hold, so that it can end in order."""
_EXTRA = "authentication.kubernetes.io/"


class TokenIssuer:
    """Signs."""

    def __init__(self, key: NamedKey, issuer: str, clock: Clock, ids: Ids) -> None:
        self._key = key
        self._issuer = issuer
        self._clock = clock
        self._ids = ids

    def issue(
        self, account: Object, bound: Sequence[Object], audiences: Sequence[str], seconds: int, warn_after: int = 0
    ) -> str:
        """A token for a ServiceAccount, bound to objects (a Pod and its node, a Secret), valid for `seconds`.

        `warn_after`: seconds after which a client that still uses it is behind the times.
        """
        now = int(self._clock.now())
        metadata = account["metadata"]
        private: dict[str, Any] = {"namespace": metadata["namespace"]}
        for obj in bound:
            uid = obj["metadata"].get("uid")
            private[obj["kind"].lower()] = {"name": obj["metadata"]["name"], **({"uid": uid} if uid else {})}
        private["serviceaccount"] = {"name": metadata["name"], "uid": metadata["uid"]}
        if warn_after:
            private["warnafter"] = now + warn_after
        claims = {
            "aud": list(audiences),
            "exp": now + seconds,
            "iat": now,
            "iss": self._issuer,
            "jti": self._ids.uid(),
            CLAIM: private,
            "nbf": now,
            "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
        }
        header = {"alg": self._key.algorithm, "kid": self._key.kid}
        return jws.serialize_compact(header, orjson.dumps(claims), self._key.key, algorithms=[self._key.algorithm])


class ServiceAccountTokens:
    """Verifies."""

    def __init__(
        self, keys: KeySet, issuers: Sequence[str], audiences: Sequence[str], clock: Clock, lookup: Lookup
    ) -> None:
        self._keys = keys
        self._issuers = frozenset(issuers)
        self._audiences = tuple(audiences)
        self._clock = clock
        self._lookup = lookup

    def authenticate(self, token: str) -> User | None:
        """None for what is no token of these issuers. Raises Unauthorized."""
        found = self.verify(token, self._audiences)
        return None if found is None else found[0]

    def verify(self, token: str, audiences: Sequence[str]) -> tuple[User, list[str]] | None:
        """The user, and those of `audiences` for whom the token is. Raises Unauthorized."""
        claims = self._keys.claims(token, self._issuers)
        if claims is None:
            return None
        given = claims.get("aud") or self._audiences
        given = [given] if isinstance(given, str) else given
        asked = audiences or self._audiences
        common = [audience for audience in asked if audience in given]
        if not common:
            raise Unauthorized(f"token audiences {_listed(given)} is invalid for the target audiences {_listed(asked)}")
        self._check_times(claims)
        return self._user(claims), common

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._clock.now()
        if claims.get("nbf", 0) - LEEWAY_SECONDS > now:
            raise Unauthorized("service account token is not valid yet")
        if claims.get("exp", now) + LEEWAY_SECONDS < now:
            raise Unauthorized("service account token has expired")
        if claims.get("iat", 0) - LEEWAY_SECONDS > now:
            raise Unauthorized("service account token is issued in the future")

    def _user(self, claims: dict[str, Any]) -> User:
        private = claims.get(CLAIM) or {}
        namespace, account = private.get("namespace", ""), private.get("serviceaccount") or {}
        self._check_account(namespace, account)
        extra: dict[str, tuple[str, ...]] = {}
        if claims.get("jti"):
            extra[f"{_EXTRA}credential-id"] = (f"JTI={claims['jti']}",)
        for kind, plural in (("secret", "secrets"), ("pod", "pods")):
            if kind in private:
                self._check_bound(plural, namespace, private[kind])
        for kind in ("pod", "node"):
            if kind in private:
                extra[f"{_EXTRA}{kind}-name"] = (private[kind]["name"],)
                if private[kind].get("uid"):
                    extra[f"{_EXTRA}{kind}-uid"] = (private[kind]["uid"],)
        if "node" in private and "pod" not in private:
            self._check_bound("nodes", "", private["node"])
        return service_account_user(namespace, account["name"], account.get("uid", ""), extra)

    def _check_account(self, namespace: str, reference: dict[str, Any]) -> None:
        name = reference.get("name", "")
        found = self._lookup.get("serviceaccounts", name, namespace)
        if found is None:
            raise Unauthorized(f'serviceaccounts "{name}" not found')
        uid, claimed = found["metadata"]["uid"], reference.get("uid", "")
        if uid != claimed:
            raise Unauthorized(f"service account UID ({uid}) does not match claim ({claimed})")
        if self._gone(found):
            raise Unauthorized(f"service account {namespace}/{name} has been deleted")

    def _check_bound(self, plural: str, namespace: str, reference: dict[str, Any]) -> None:
        found = self._lookup.get(plural, reference.get("name", ""), namespace)
        if found is None:
            raise Unauthorized("service account token has been invalidated")
        kind, uid, claimed = plural[:-1], found["metadata"]["uid"], reference.get("uid", "")
        if uid != claimed:
            raise Unauthorized(f"{kind} UID ({uid}) does not match service account {kind} ref claim ({claimed})")
        if self._gone(found):
            raise Unauthorized("service account token has been invalidated")

    def _gone(self, obj: Object) -> bool:
        deleted = obj["metadata"].get("deletionTimestamp")
        return bool(deleted) and parse_time(deleted) + LEEWAY_SECONDS < self._clock.now()


def _listed(audiences: Sequence[str]) -> str:
    """As Go shows a list of strings."""
    return f"[{' '.join(orjson.dumps(each).decode() for each in audiences)}]"
