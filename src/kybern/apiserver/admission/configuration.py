"""The file of `--admission-control-config-file`: an AdmissionConfiguration with what single plugins are told.

Source: https://kubernetes.io/docs/reference/config-api/apiserver-admission.v1/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kybern.apiserver import yaml
from kybern.apiserver.admission.event_rate_limit import BUCKETS_LIMIT, Limit
from kybern.apiserver.admission.pod_security.plugin import UNRESTRICTED, PodSecurityConfig
from kybern.apiserver.admission.pod_security.policy import LEVELS, MODES, PERMISSIVE, PREFIX, policy_of
from kybern.apiserver.admission.quota.limited import LimitedResource, limited_resources

_KINDS = {
    "PodSecurity": ("PodSecurityConfiguration",),
    "ResourceQuota": ("ResourceQuotaConfiguration", "Configuration"),
}
_LIMIT_TYPES = ("Server", "Namespace", "User", "SourceAndObject")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Upstream's defaults where there is no file."""

    pod_security: PodSecurityConfig = UNRESTRICTED
    event_limits: tuple[Limit, ...] = ()
    limited: tuple[LimitedResource, ...] = ()


def read_configuration(path: Path | None) -> Configuration:
    """Raises ValueError, OSError."""
    if path is None:
        return Configuration()
    document = _load(path, "AdmissionConfiguration")
    found = {row.get("name") or "": _settings(path, row) for row in document.get("plugins") or ()}
    return Configuration(
        _pod_security(found.get("PodSecurity") or {}),
        _limits(found.get("EventRateLimit") or {}),
        limited_resources(found.get("ResourceQuota") or {}),
    )


def _load(path: Path, *kinds: str) -> dict[str, Any]:
    loaded = yaml.load(path.read_bytes())
    if not isinstance(loaded, dict) or loaded.get("kind") not in (*kinds, None):
        raise ValueError(f"{path}: not of kind {kinds[0]}")
    return loaded


def _settings(path: Path, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a plugin is told: in place, or in a file of its own beside this one."""
    if row.get("configuration") is not None:
        settings: Mapping[str, Any] = row["configuration"]
        return settings
    if row.get("path"):
        return _load(path.parent / row["path"], *_KINDS.get(row["name"], ("Configuration",)))
    return {}


def _pod_security(settings: Mapping[str, Any]) -> PodSecurityConfig:
    defaults, exemptions = settings.get("defaults") or {}, settings.get("exemptions") or {}
    unknown = sorted(set(defaults) - {*MODES, *(f"{mode}-version" for mode in MODES)})
    if unknown:
        raise ValueError(f'unknown field "defaults.{unknown[0]}"')
    policy, faults = policy_of({PREFIX + key: value for key, value in defaults.items()}, PERMISSIVE)
    if faults:
        raise ValueError(f"PodSecurityConfiguration.defaults: {faults[0].message} (levels: {', '.join(LEVELS)})")
    if "warn" not in defaults:
        policy = policy._replace(warn=PERMISSIVE.warn)
    return PodSecurityConfig(
        policy,
        frozenset(exemptions.get("namespaces") or ()),
        frozenset(exemptions.get("usernames") or ()),
        frozenset(exemptions.get("runtimeClasses") or exemptions.get("runtimeClassNames") or ()),
    )


def _limits(settings: Mapping[str, Any]) -> tuple[Limit, ...]:
    limits = []
    for index, row in enumerate(settings.get("limits") or ()):
        kind, qps, burst = row.get("type"), row.get("qps") or 0, row.get("burst") or 0
        if kind not in _LIMIT_TYPES:
            raise ValueError(f"limits[{index}].type: Unsupported value: {kind!r}: supported: {', '.join(_LIMIT_TYPES)}")
        if qps <= 0 or burst <= 0:
            raise ValueError(f"limits[{index}]: qps and burst must be positive")
        limits.append(Limit(kind, qps, burst, row.get("cacheSize") or BUCKETS_LIMIT))
    return tuple(limits)
