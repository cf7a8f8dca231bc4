"""`--encryption-provider-config`: which resources are encrypted, by which providers, with which keys.

Pure: YAML in, rows out, upstream's messages for what is wrong. Never logs or repeats a key.
Source: https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kybern.apiserver import yaml
from kybern.apiserver.encryption.kms_configuration import KmsEndpoint, kms_endpoint, kms_faults
from kybern.base.errors import KybernError

KIND = ("apiserver.config.k8s.io/v1", "EncryptionConfiguration")
KEY_BYTES = {"aesgcm": (16, 24, 32), "aescbc": (16, 24, 32), "secretbox": (32,)}
"""Providers with keys of their own, and how long these may be."""
UNSTORED = ("apiserveripinfo", "serviceipallocations", "servicenodeportallocations")

_ONE_PROVIDER = "more than one provider specified in a single element, should split into different list elements"
_NO_PROVIDER = "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"
_OVERLAP = (
    "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed "
    "as they will be masked"
)
_STAR = "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
_EVENTS = (
    "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
)


class ConfigurationError(KybernError):
    """The configuration cannot be used; the text names each field at fault."""


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Key({self.name!r}, [REDACTED])"


@dataclass(frozen=True, slots=True)
class Provider:
    """`kind` is the field's name: aesgcm, aescbc, secretbox, kms, identity."""

    kind: str
    keys: tuple[Key, ...] = ()
    kms: KmsEndpoint | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Resources as the configuration names them (`secrets`, `deployments.apps`, `*.apps`, `*.*`), and their providers;
    the first one writes, all read."""

    resources: tuple[str, ...]
    providers: tuple[Provider, ...]


def parse_configuration(text: bytes) -> tuple[Rule, ...]:
    """The rules, in their order. Raises ConfigurationError."""
    try:
        document = yaml.load(text)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    if not isinstance(document, dict) or (document.get("apiVersion"), document.get("kind")) != KIND:
        raise ConfigurationError(f"no {KIND[1]} of {KIND[0]}")
    rows = document.get("resources") or []
    faults: list[str] = []
    if not isinstance(rows, list) or not rows:
        raise ConfigurationError("resources: Required value: at least one resources is required")
    names: set[str] = set()
    rules = []
    for index, row in enumerate(rows):
        path = f"resources[{index}]"
        if not isinstance(row, dict):
            raise ConfigurationError(f"{path}: Invalid value: must be an object")
        resources, providers = row.get("resources") or [], row.get("providers") or []
        faults.extend(_resource_faults(f"{path}.resources", resources))
        if not providers:
            faults.append(f"{path}.providers: Required value: at least one {path}.providers is required")
        made = []
        for number, provider in enumerate(providers):
            faults.extend(_provider_faults(f"{path}.providers[{number}]", provider, names))
            if not faults:
                made.append(_provider(provider))
        rules.append(Rule(tuple(map(str, resources)), tuple(made)))
    if faults:
        raise ConfigurationError("; ".join(faults))
    _check_masks(rules)
    return tuple(rules)


def _check_masks(rules: Sequence[Rule]) -> None:
    """A rule for a whole group leaves nothing to later ones for a part of it. Raises ConfigurationError."""
    before: set[str] = set()
    for name in (name for rule in rules for name in rule.resources):
        for mask in (f"*.{name.partition('.')[2]}", "*.*"):
            if mask in before:
                raise ConfigurationError(f'resource "{name}" is masked by earlier rule "{mask}"')
        before.add(name)


def _resource_faults(path: str, resources: Sequence[Any]) -> Iterator[str]:
    if not resources:
        yield f"{path}: Required value: at least one {path} is required"
        return
    parsed = [tuple(str(each).partition(".")[::2]) for each in resources]
    if len(set(parsed)) < len(parsed):
        yield f"{path}: Invalid value: the same resource cannot be specified multiple times"
    elif _overlap(parsed):
        yield f"{path}: Invalid value: {_OVERLAP}"
    for index, (resource, group) in enumerate(parsed):
        fault = _name_fault(str(resources[index]), resource, group)
        if fault:
            yield f'{path}[{index}]: Invalid value: "{resources[index]}": {fault}'


def _overlap(parsed: Sequence[tuple[str, ...]]) -> bool:
    groups = [group for resource, group in parsed if resource == "*"]
    return len(parsed) > 1 and ("*" in groups or any(group in groups for resource, group in parsed if resource != "*"))


def _name_fault(name: str, resource: str, group: str) -> str:
    if name != name.lower():
        return "resource name should not contain capital letters"
    if name == "*":
        return _STAR
    if name in UNSTORED:
        return "resources which do not have REST API/s cannot be encrypted"
    if group == "events.k8s.io":
        return _EVENTS
    if group == "extensions":
        return "'extensions' group has been removed and cannot be used for encryption"
    if group == "*" and resource != "*":
        return "encrypting the same resource across groups is not supported"
    return ""


def _provider_faults(path: str, provider: Any, names: set[str]) -> Iterator[str]:
    known = (*KEY_BYTES, "identity", "kms")
    given = [kind for kind in known if isinstance(provider, dict) and provider.get(kind) is not None]
    if len(given) != 1:
        yield f"{path}: Invalid value: {_ONE_PROVIDER if given else _NO_PROVIDER}"
    elif given[0] == "kms":
        yield from kms_faults(f"{path}.kms", provider["kms"], names)
        names.add(provider["kms"].get("name", ""))
    elif given[0] in KEY_BYTES:
        yield from _key_faults(f"{path}.{given[0]}.keys", provider[given[0]].get("keys"), KEY_BYTES[given[0]])


def _key_faults(path: str, keys: Any, lengths: Sequence[int]) -> Iterator[str]:
    if not keys:
        yield f"{path}: Required value: at least one keys is required"
    for index, key in enumerate(keys or ()):
        if not key.get("name"):
            yield f"{path}[{index}].name: Required value: name is a mandatory field for a key"
        if not key.get("secret"):
            yield f"{path}[{index}].secret: Required value: secret is a mandatory field for a key"
            continue
        secret = _decode(key["secret"])
        if secret is None:
            yield f'{path}[{index}].secret: Invalid value: "REDACTED": secrets must be base64 encoded'
        elif len(secret) not in lengths:
            expected = " ".join(map(str, lengths))
            yield (
                f'{path}[{index}].secret: Invalid value: "REDACTED": secret is not of the expected length, '
                f"got {len(secret)}, expected one of [{expected}]"
            )


def _provider(provider: dict[str, Any]) -> Provider:
    """Of a provider without faults."""
    for kind in KEY_BYTES:
        if provider.get(kind) is not None:
            keys = provider[kind]["keys"]
            return Provider(kind, tuple(Key(key["name"], _decode(key["secret"]) or b"") for key in keys))
    if provider.get("kms") is not None:
        return Provider("kms", kms=kms_endpoint(provider["kms"]))
    return Provider("identity")


def _decode(secret: Any) -> bytes | None:
    try:
        return base64.b64decode(str(secret), validate=True)
    except binascii.Error:
        return None
