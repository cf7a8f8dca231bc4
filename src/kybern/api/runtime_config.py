"""Which versions and resources of the built-in API are served, by `--runtime-config`. Pure.

Upstream's rules: what names a resource goes before what names its version, and that before `api/all`, `api/ga`,
`api/beta` and `api/alpha`. Kybern serves what is generally available, so it can be switched off and on again; what is
not served at all cannot be switched on. Source: https://kubernetes.io/docs/reference/using-api/#enabling-or-disabling
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kybern.base.errors import KybernError
from kybern.base.go_bool import go_bool

_STAGES = {"api/all": "", "api/ga": r"v\d+", "api/beta": r"v\d+beta\d+", "api/alpha": r"v\d+alpha\d+"}
_FLOW_CONTROL = ("flowcontrol.apiserver.k8s.io/v1", "api/ga", "api/all")
"""What decides whether priority and fairness has its kinds, the narrower first."""
_UNSERVED = """
    admission.k8s.io/v1 admission.k8s.io/v1beta1 admissionregistration.k8s.io/v1alpha1
    admissionregistration.k8s.io/v1beta1 apps/v1beta1 apps/v1beta2 authentication.k8s.io/v1alpha1
    authentication.k8s.io/v1beta1 authorization.k8s.io/v1beta1 batch/v1beta1 certificates.k8s.io/v1alpha1
    certificates.k8s.io/v1beta1 coordination.k8s.io/v1alpha2 coordination.k8s.io/v1beta1 discovery.k8s.io/v1beta1
    events.k8s.io/v1beta1 extensions/v1beta1 flowcontrol.apiserver.k8s.io/v1beta1
    flowcontrol.apiserver.k8s.io/v1beta2 flowcontrol.apiserver.k8s.io/v1beta3 imagepolicy.k8s.io/v1alpha1
    internal.apiserver.k8s.io/v1alpha1 networking.k8s.io/v1beta1 node.k8s.io/v1alpha1 node.k8s.io/v1beta1
    policy/v1beta1 rbac.authorization.k8s.io/v1alpha1 rbac.authorization.k8s.io/v1beta1 resource.k8s.io/v1alpha3
    resource.k8s.io/v1beta1 resource.k8s.io/v1beta2 scheduling.k8s.io/v1alpha2 scheduling.k8s.io/v1beta1
    storage.k8s.io/v1alpha1 storage.k8s.io/v1beta1 storagemigration.k8s.io/v1beta1
"""
_UNSERVED_VERSIONS = frozenset(_UNSERVED.split())
"""Versions that upstream's v1.36 knows and does not serve by default: a flag may name them."""


class InvalidRuntimeConfig(KybernError):
    """What the flag says is no choice of versions; its text is the reason."""


@dataclass(frozen=True)
class RuntimeConfig:
    """What is switched off and on."""

    told: Mapping[str, bool] = field(default_factory=dict)

    def serves(self, group: str, version: str, resource: str) -> bool:
        """Whether a resource of the built-in API is to be served."""
        place = f"{group}/{version}"
        for key in (f"{place}/{resource}", place):
            if key in self.told:
                return self.told[key]
        serves = True
        for stage, pattern in _STAGES.items():
            if stage in self.told and (not pattern or re.fullmatch(pattern, version)):
                serves = self.told[stage]
        return serves


def parse(flags: Sequence[str], versions: Collection[tuple[str, str]]) -> RuntimeConfig:
    """Of the values of `--runtime-config`, which may be repeated, for a server of these versions (group, version).

    Raises InvalidRuntimeConfig.
    """
    raw = _raw(flags)
    faults = [*_flow_control_faults(raw), *_place_faults(raw, {group for group, _ in versions})]
    if faults:
        raise InvalidRuntimeConfig(faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]")
    served = {f"{group}/{version}" for group, version in versions}
    told: dict[str, bool] = {}
    for key, value in raw.items():
        told[key] = _switch(key, value, served)
    return RuntimeConfig(told)


def _raw(flags: Sequence[str]) -> dict[str, str]:
    """As it was told, the core's version by its own name."""
    pairs = (each.partition("=") for flag in flags for each in flag.split(",") if each)
    raw = {key.strip(): value.strip() for key, _, value in pairs}
    core = [key for key in raw if f"{key.removeprefix('api/')}/".startswith("v1/")]
    for key in core:
        raw["/v1"] = raw.pop(key)
    raw.pop("api/legacy", None)
    return raw


def _flow_control_faults(raw: Mapping[str, str]) -> list[str]:
    for key in _FLOW_CONTROL:
        if raw.get(key) == "false":
            return [f"--runtime-config={key}=false conflicts with --enable-priority-and-fairness=true"]
        if raw.get(key) == "true":
            return []
    return []


def _place_faults(raw: Mapping[str, str], groups: set[str]) -> list[str]:
    """Keys that name no version, or a group that nobody knows."""
    if raw == {"api/all": "false"}:
        return ["invalid runtime-config with only api/all=false"]
    known = groups | {each.partition("/")[0] for each in _UNSERVED_VERSIONS}
    unknown: set[str] = set()
    for key in raw:
        parts = key.split("/")
        if key in _STAGES:
            continue
        if len(parts) not in (2, 3):
            return [f"runtime-config invalid key {key}"]
        if parts[0] not in known:
            unknown.add("/".join(parts[:2]))
    return [f"unknown api groups {','.join(sorted(unknown))}"] if unknown else []


def _switch(key: str, value: str, served: set[str]) -> bool:
    """What one pair says. Raises InvalidRuntimeConfig."""
    if key in _STAGES:
        if value not in ("true", "false"):
            raise InvalidRuntimeConfig(f"invalid value {key}={value}")
        if value == "true" and key != "api/ga":
            raise InvalidRuntimeConfig(f"cannot set {key}=true: Kybern serves no beta and no alpha version of the API")
        return value == "true"
    group, version, *resource = key.split("/")
    place = f"{group}/{version}"
    if place not in served and place not in _UNSERVED_VERSIONS:
        raise InvalidRuntimeConfig(f"group version {place.removeprefix('/')} that has not been registered")
    enabled = True if not value else go_bool(value)
    if enabled is None:
        wrong = f'strconv.ParseBool: parsing "{value}": invalid syntax'
        raise InvalidRuntimeConfig(f"invalid value of {key}: {value}, err: {wrong}")
    if resource and resource[0] != resource[0].lower():
        raise InvalidRuntimeConfig(
            f'invalid key {key}: group/version/resource and resource is always lowercase plural, not "{resource[0]}"'
        )
    if enabled and place not in served:
        raise InvalidRuntimeConfig(f"cannot enable {key}: Kybern does not serve {place}")
    return enabled
