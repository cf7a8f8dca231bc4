"""Identity tokens of OpenID Connect issuers: verified by their keys, mapped to users by claims or by CEL.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens, KEP-3331
"""

import asyncio
import logging
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from kybern.api.cel import DYN, STRING, Environment, Program, compile_expression, list_of, map_of, object_type, to_json
from kybern.apiserver.authentication.configuration import ConfigurationError, Issuer, Mapped
from kybern.apiserver.authentication.remote import Remote, RemoteError, trusting
from kybern.apiserver.user import User, authenticated
from kybern.base.clock import Clock
from kybern.base.errors import KybernError, Unauthorized

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA")
KEYS_SECONDS = 3600.0
"""How long an issuer's keys are believed without asking again; an unknown key asks sooner."""
RETRY_SECONDS = 10.0
LEEWAY_SECONDS = 60.0

_CLAIMS = Environment({"claims": map_of(STRING, DYN)})
_USER = Environment(
    {
        "user": object_type(
            "kubernetes.UserInfo",
            {"username": STRING, "uid": STRING, "groups": list_of(STRING), "extra": map_of(STRING, list_of(STRING))},
        )
    }
)


class IssuerTokens:
    """Tokens of one issuer. Raises ConfigurationError when an expression is none."""

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._remote = Remote(
            issuer.discovery_url or f"{issuer.url.rstrip('/')}/.well-known/openid-configuration",
            trusting(issuer.authority),
        )
        self._keys: KeySet | None = None
        self._asked = float("-inf")
        self._asking = asyncio.Lock()
        self._programs: dict[str, Program] = {}
        for expression in (issuer.username.expression, issuer.groups.expression, issuer.uid.expression):
            self._compile(expression, _CLAIMS)
        for _, expression in issuer.extra:
            self._compile(expression, _CLAIMS)
        for rule in issuer.claim_rules:
            self._compile(rule.expression, _CLAIMS)
        for rule in issuer.user_rules:
            self._compile(rule.expression, _USER)

    async def authenticate(self, token: str) -> User | None:
        """None for a token of someone else. Raises Unauthorized."""
        claims = _unverified(token)
        if claims is None or claims.get("iss") != self._issuer.url:
            return None
        await self._verify(token)
        self._check(claims)
        user = self._user(claims)
        info = {
            "username": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {k: list(v) for k, v in user.extra},
        }
        for rule in self._issuer.user_rules:
            if self._value(rule.expression, {"user": info}) is not True:
                raise Unauthorized(
                    f"oidc: error evaluating user info validation rule: {rule.message or rule.expression}"
                )
        groups = tuple(user.groups)
        return authenticated(user.name, groups, user.uid, dict(user.extra))

    def _compile(self, expression: str, environment: Environment) -> None:
        if not expression:
            return
        try:
            self._programs[expression] = compile_expression(expression, environment)
        except KybernError as error:
            raise ConfigurationError(f'Invalid value: "{expression}": compilation failed: {error}') from error

    async def _verify(self, token: str) -> None:
        """Raises Unauthorized unless one of the issuer's keys signed the token."""
        for fresh in (False, True):
            keys = await self._key_set(fresh)
            try:
                jws.deserialize_compact(token, keys, algorithms=list(self._issuer.algorithms or ALGORITHMS))
                return
            except (JoseError, ValueError):
                continue
        raise Unauthorized("oidc: verify token: failed to verify signature: failed to verify id token signature")

    async def _key_set(self, fresh: bool) -> KeySet:
        """The issuer's keys, asked for anew when they are old, or unknown to a token."""
        async with self._asking:
            age = self._clock.monotonic() - self._asked
            if self._keys is None or age > KEYS_SECONDS or (fresh and age > RETRY_SECONDS):
                try:
                    told = await self._remote.get()
                    if told.get("issuer") != self._issuer.url:
                        raise RemoteError(f'issuer did not match: expected "{self._issuer.url}"')
                    self._keys = KeySet.import_key_set(await self._remote.get(told["jwks_uri"]))
                    self._asked = self._clock.monotonic()
                except (RemoteError, KeyError, JoseError, ValueError) as error:
                    if self._keys is None:
                        raise Unauthorized(
                            f"oidc: authenticator for issuer {self._issuer.url!r} is not initialized: {error}"
                        ) from error
            return self._keys

    def _check(self, claims: dict[str, Any]) -> None:
        """Raises Unauthorized."""
        now = self._clock.now()
        if float(claims.get("exp") or 0) < now:
            raise Unauthorized("oidc: verify token: oidc: token is expired")
        if float(claims.get("nbf") or 0) > now + LEEWAY_SECONDS:
            raise Unauthorized("oidc: verify token: current time is before the nbf (not before) time")
        given = claims.get("aud") or []
        given = [given] if isinstance(given, str) else given
        if not set(given) & set(self._issuer.audiences):
            raise Unauthorized(
                f"oidc: verify token: oidc: expected audience in {list(self._issuer.audiences)} got {given}"
            )
        for rule in self._issuer.claim_rules:
            if rule.claim:
                value = claims.get(rule.claim)
                if value != rule.required:
                    raise Unauthorized(
                        f"oidc: required claim {rule.claim} value does not match. Got = {value}, want = {rule.required}"
                    )
            elif self._value(rule.expression, {"claims": claims}) is not True:
                raise Unauthorized(
                    f"oidc: error evaluating claim validation expression: {rule.message or rule.expression}"
                )

    def _user(self, claims: dict[str, Any]) -> User:
        names = self._mapped(self._issuer.username, claims)
        if len(names) != 1 or not names[0]:
            raise Unauthorized("oidc: error parsing username claim: it is missing or empty")
        if self._issuer.username.claim == "email" and claims.get("email_verified", True) is not True:
            raise Unauthorized("oidc: email not verified")
        uids = self._mapped(self._issuer.uid, claims)
        extra: dict[str, tuple[str, ...]] = {}
        for key, expression in self._issuer.extra:
            values = _texts(self._value(expression, {"claims": claims}))
            if values:
                extra[key] = values
        return User(
            names[0], self._mapped(self._issuer.groups, claims), uids[0] if uids else "", tuple(sorted(extra.items()))
        )

    def _mapped(self, mapped: Mapped, claims: dict[str, Any]) -> tuple[str, ...]:
        if mapped.expression:
            return _texts(self._value(mapped.expression, {"claims": claims}))
        found = claims.get(mapped.claim) if mapped.claim else None
        return tuple(mapped.prefix + each for each in _texts(found))

    def _value(self, expression: str, values: dict[str, Any]) -> Any:
        try:
            return to_json(self._programs[expression].evaluate(values))
        except KybernError as error:
            raise Unauthorized(f"oidc: error evaluating expression {expression!r}: {error}") from error


def _texts(value: Any) -> tuple[str, ...]:
    """A text or a list of texts. Raises Unauthorized."""
    if value in (None, ""):
        return ()
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise Unauthorized("oidc: a claim is neither a string nor a list of strings")
    return tuple(values)


def _unverified(token: str) -> dict[str, Any] | None:
    if token.count(".") != 2:
        return None
    try:
        claims = orjson.loads(jws.extract_compact(token.encode()).payload)
    except (JoseError, ValueError):
        return None
    return claims if isinstance(claims, dict) else None
