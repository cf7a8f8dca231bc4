"""AuthorizationConfiguration: the chain of authorisers, read from a file (`--authorization-config`).

Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#using-configuration-file-for-authorization
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

GROUP = "apiserver.config.k8s.io"
VERSIONS = ("v1", "v1beta1", "v1alpha1")
MODES = ("Node", "RBAC", "ABAC", "AlwaysAllow", "AlwaysDeny", "Webhook")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ConfigurationError(ValueError):
    """The file is none."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook; times in seconds."""

    kubeconfig: Path
    timeout: float = 3.0
    version: str = "v1"
    authorized_ttl: float = 300.0
    unauthorized_ttl: float = 30.0
    denies_on_failure: bool = False
    conditions: tuple[str, ...] = ()
    """CEL; the webhook is asked where all hold."""


@dataclass(frozen=True, slots=True)
class Step:
    """One authoriser of the chain."""

    type: str
    webhook: Webhook | None = None


def read_configuration(path: Path) -> tuple[Step, ...]:
    """Raises OSError, ConfigurationError."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    if not isinstance(document, dict) or document.get("kind") != "AuthorizationConfiguration":
        raise ConfigurationError(f"{path}: expected kind AuthorizationConfiguration")
    if document.get("apiVersion") not in {f"{GROUP}/{version}" for version in VERSIONS}:
        raise ConfigurationError(f"{path}: no kind AuthorizationConfiguration in {document.get('apiVersion')}")
    steps = tuple(
        _step(each, f"authorizers[{number}]") for number, each in enumerate(document.get("authorizers") or ())
    )
    if not steps:
        raise ConfigurationError("authorizers: Required value: at least one authorization mode must be defined")
    names = [step.type for step in steps if step.type != "Webhook"]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f'authorizers: Duplicate value: "{name}"')
    return steps


def _step(told: Mapping[str, Any], at: str) -> Step:
    kind = told.get("type") or ""
    if kind not in MODES:
        raise ConfigurationError(f'{at}.type: Unsupported value: "{kind}"')
    if not told.get("name"):
        raise ConfigurationError(f"{at}.name: Required value")
    if kind != "Webhook":
        return Step(kind)
    hook = told.get("webhook") or {}
    info = hook.get("connectionInfo") or {}
    if info.get("type") != "KubeConfigFile" or not info.get("kubeConfigFile"):
        raise ConfigurationError(f"{at}.webhook.connectionInfo.kubeConfigFile: Required value")
    policy = hook.get("failurePolicy")
    if policy not in ("NoOpinion", "Deny"):
        raise ConfigurationError(
            f'{at}.webhook.failurePolicy: Unsupported value: "{policy or ""}": supported values: "Deny", "NoOpinion"'
        )
    return Step(
        kind,
        Webhook(
            Path(info["kubeConfigFile"]),
            timeout=seconds(hook.get("timeout") or "3s"),
            version=hook.get("subjectAccessReviewVersion") or "v1",
            authorized_ttl=seconds(hook.get("authorizedTTL") or "5m"),
            unauthorized_ttl=seconds(hook.get("unauthorizedTTL") or "30s"),
            denies_on_failure=policy == "Deny",
            conditions=tuple(each["expression"] for each in hook.get("matchConditions") or ()),
        ),
    )


def seconds(duration: str) -> float:
    """Of a Go duration like `5m` or `1m30s`. Raises ConfigurationError."""
    total, number, unit = 0.0, "", ""
    for character in duration + "0":
        if character.isdigit() or character == ".":
            if unit:
                if unit not in _UNITS or not number:
                    raise ConfigurationError(f"{duration!r} is no duration")
                total, number, unit = total + float(number) * _UNITS[unit], "", ""
            number += character
        else:
            unit += character
    return total
