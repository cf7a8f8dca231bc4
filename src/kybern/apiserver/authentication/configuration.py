"""AuthenticationConfiguration: issuers of identity tokens and who may stay anonymous, read from a file or from flags.

Source: https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/#apiserver-config-k8s-io-v1-AuthenticationConfiguration
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kybern.apiserver.authentication.anonymous import Anonymous

GROUP = "apiserver.config.k8s.io"
VERSIONS = ("v1", "v1beta1", "v1alpha1")


class ConfigurationError(ValueError):
    """The file is none, in upstream's words where it has them."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where a value comes from: a claim with a prefix, or a CEL expression."""

    claim: str = ""
    prefix: str = ""
    expression: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold: a claim's value, or an expression."""

    claim: str = ""
    required: str = ""
    expression: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Issuer:
    """One JWT authenticator."""

    url: str
    audiences: tuple[str, ...]
    discovery_url: str = ""
    authority: str = ""
    """PEM; "": the machine's authorities."""
    username: Mapped = field(default_factory=Mapped)
    groups: Mapped = field(default_factory=Mapped)
    uid: Mapped = field(default_factory=Mapped)
    extra: tuple[tuple[str, str], ...] = ()
    """(key, expression)."""
    claim_rules: tuple[Rule, ...] = ()
    user_rules: tuple[Rule, ...] = ()
    algorithms: tuple[str, ...] = ()
    """Empty: every asymmetric one."""


@dataclass(frozen=True, slots=True)
class AuthenticationConfiguration:
    issuers: tuple[Issuer, ...] = ()
    anonymous: Anonymous | None = None


def read_configuration(path: Path) -> AuthenticationConfiguration:
    """Raises OSError, ConfigurationError."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    if not isinstance(document, dict) or document.get("kind") != "AuthenticationConfiguration":
        raise ConfigurationError(f"{path}: expected kind AuthenticationConfiguration")
    if document.get("apiVersion") not in {f"{GROUP}/{version}" for version in VERSIONS}:
        raise ConfigurationError(f"{path}: no kind AuthenticationConfiguration in {document.get('apiVersion')}")
    anonymous = None
    if document.get("anonymous") is not None:
        told = document["anonymous"]
        paths = frozenset(str(each.get("path") or "") for each in told.get("conditions") or ())
        if paths and not told.get("enabled"):
            raise ConfigurationError(
                "anonymous.conditions: Invalid value: enabled should be set to true when conditions are defined"
            )
        anonymous = Anonymous(bool(told.get("enabled")), paths or None)
    issuers = tuple(_issuer(each, f"jwt[{number}]") for number, each in enumerate(document.get("jwt") or ()))
    seen: set[str] = set()
    for number, issuer in enumerate(issuers):
        if issuer.url in seen:
            raise ConfigurationError(f'jwt[{number}].issuer.url: Duplicate value: "{issuer.url}"')
        seen.add(issuer.url)
    return AuthenticationConfiguration(issuers, anonymous)


def _issuer(told: Mapping[str, Any], at: str) -> Issuer:
    issuer, mappings = told.get("issuer") or {}, told.get("claimMappings") or {}
    url = issuer.get("url") or ""
    if not url:
        raise ConfigurationError(f"{at}.issuer.url: Required value: URL is required")
    if not url.startswith("https://"):
        raise ConfigurationError(f'{at}.issuer.url: Invalid value: "{url}": URL scheme must be https')
    audiences = tuple(issuer.get("audiences") or ())
    if not audiences:
        raise ConfigurationError(
            f"{at}.issuer.audiences: Required value: at least one jwt.issuer.audiences is required"
        )
    username = _mapped(mappings.get("username") or {}, f"{at}.claimMappings.username", "username")
    if not (username.claim or username.expression):
        raise ConfigurationError(f"{at}.claimMappings.username: Required value: claim or expression is required")
    return Issuer(
        url=url,
        audiences=audiences,
        discovery_url=issuer.get("discoveryURL") or "",
        authority=issuer.get("certificateAuthority") or "",
        username=username,
        groups=_mapped(mappings.get("groups") or {}, f"{at}.claimMappings.groups", "groups"),
        uid=_mapped(mappings.get("uid") or {}, f"{at}.claimMappings.uid", ""),
        extra=tuple((each["key"], each["valueExpression"]) for each in mappings.get("extra") or ()),
        claim_rules=tuple(_rule(each) for each in told.get("claimValidationRules") or ()),
        user_rules=tuple(_rule(each) for each in told.get("userValidationRules") or ()),
    )


def _mapped(told: Mapping[str, Any], at: str, prefixed: str) -> Mapped:
    claim, expression = told.get("claim") or "", told.get("expression") or ""
    if claim and expression:
        raise ConfigurationError(f"{at}: Invalid value: claim and expression can't both be set")
    if claim and prefixed and told.get("prefix") is None:
        why = "prefix is required when claim is set. It can be set to an empty string to disable prefixing"
        raise ConfigurationError(f"{at}.prefix: Required value: {why}")
    return Mapped(claim, told.get("prefix") or "", expression)


def _rule(told: Mapping[str, Any]) -> Rule:
    return Rule(
        told.get("claim") or "",
        told.get("requiredValue") or "",
        told.get("expression") or "",
        told.get("message") or "",
    )


def from_flags(
    url: str,
    client: str,
    *,
    username_claim: str = "sub",
    username_prefix: str = "",
    groups_claim: str = "",
    groups_prefix: str = "",
    authority: str = "",
    required: Sequence[str] = (),
    algorithms: Sequence[str] = ("RS256",),
) -> Issuer:
    """`--oidc-…`: the older way to name one issuer. `required`: `claim=value`."""
    prefix = username_prefix
    if not prefix and username_claim != "email":
        prefix = f"{url}#"
    pairs = [each.partition("=") for each in required]
    return Issuer(
        url=url,
        audiences=(client,),
        authority=authority,
        username=Mapped(username_claim, "" if prefix == "-" else prefix),
        groups=Mapped(groups_claim, groups_prefix),
        claim_rules=tuple(Rule(claim=name, required=value) for name, _, value in pairs),
        algorithms=tuple(algorithms),
    )
