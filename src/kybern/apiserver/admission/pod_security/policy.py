"""Which level a namespace enforces, audits and warns of: its labels, over defaults.

Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/, KEP-2579.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from kybern.api.resource import FieldError
from kybern.api.validation.field import invalid

PREFIX = "pod-security.kubernetes.io/"
LEVELS = ("privileged", "baseline", "restricted")
"""From the loosest to the strictest."""
PRIVILEGED, RESTRICTED = LEVELS[0], LEVELS[2]
LATEST = "latest"
MODES = ("enforce", "audit", "warn")
_version = re.compile(r"v1\.(0|[1-9][0-9]*)", re.ASCII).fullmatch


class Standard(NamedTuple):
    """A level as of a version of Kubernetes."""

    level: str = PRIVILEGED
    version: str = LATEST
    """`latest` or `v1.27`."""

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    @property
    def minor(self) -> int | None:
        """None: the latest."""
        return None if self.version == LATEST else int(self.version[3:])


class Policy(NamedTuple):
    """What a namespace wants of its Pods."""

    enforce: Standard = Standard()
    audit: Standard = Standard()
    warn: Standard = Standard()

    @property
    def is_privileged(self) -> bool:
        return all(standard.level == PRIVILEGED for standard in self)

    def equals(self, other: "Policy") -> bool:
        """Whether both ask for the same; versions of what asks for nothing are alike."""
        return all(
            mine == theirs or mine.level == theirs.level == PRIVILEGED for mine, theirs in zip(self, other, strict=True)
        )


PERMISSIVE = Policy()
"""Nothing is refused, audited or warned of."""


def strictness(level: str) -> int:
    return LEVELS.index(level)


def policy_of(labels: Mapping[str, str], defaults: Policy) -> tuple[Policy, list[FieldError]]:
    """The policy that holds, with the faults of the labels: what cannot be read enforces the strictest level."""
    faults: list[FieldError] = []
    found: dict[str, Standard] = {}
    for mode, default in zip(MODES, defaults, strict=True):
        found[mode] = _standard(labels, mode, default, faults)
    enforced = labels.get(f"{PREFIX}enforce")
    if f"{PREFIX}warn" not in labels and enforced in LEVELS:
        enforce, warn = found["enforce"], found["warn"]
        if strictness(enforce.level) > strictness(warn.level):
            version = warn.version if f"{PREFIX}warn-version" in labels else enforce.version
            found["warn"] = Standard(enforce.level, version)
    return Policy(**found), faults


def _standard(labels: Mapping[str, str], mode: str, default: Standard, faults: list[FieldError]) -> Standard:
    level, version = default
    key = f"{PREFIX}{mode}"
    if key in labels:
        level = labels[key]
        if level not in LEVELS:
            why = f"must be one of {', '.join(LEVELS)}"
            faults.append(invalid(f"metadata.labels[{key}]", level, why))
            level = RESTRICTED if mode == "enforce" else PRIVILEGED
    key += "-version"
    if key in labels:
        version = labels[key]
        if version != LATEST and not _version(version):
            faults.append(invalid(f"metadata.labels[{key}]", version, 'must be "latest" or "v1.x"'))
            version = LATEST
    return Standard(level, version)
