"""Feature gates: which features are on, by `--feature-gates` of an API server. Pure.

Every gate of v1.36 may be named; what upstream refuses is refused in its words. A gate that Kybern cannot switch may be
given the value that it has. Source: https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kybern.api.feature_table import ELSEWHERE, GATES, INWARD, NEEDS
from kybern.base.errors import KybernError
from kybern.base.go_bool import go_bool

SWITCHED = frozenset(("APIServerIdentity", "ComponentFlagz", "ComponentStatusz"))
"""Gates that Kybern's API server obeys."""
_FREE = SWITCHED | ELSEWHERE | INWARD
_STAGES = {"AllAlpha": "ALPHA", "AllBeta": "BETA"}
_KUBE = "kube"


class InvalidFeatureGates(KybernError):
    """What the flag says is no choice of features; its text is the reason."""


@dataclass(frozen=True)
class FeatureGates:
    """The features, as chosen."""

    chosen: Mapping[str, bool] = field(default_factory=dict)

    def enabled(self, name: str) -> bool:
        """Whether a feature of the table is on. Raises KeyError for what is none."""
        return self.chosen.get(name, GATES[name].default)

    def warnings(self) -> Iterator[str]:
        """Of gates that a future release will no longer know."""
        for name, value in self.chosen.items():
            stage = {"": "GA", "DEPRECATED": "deprecated"}.get(GATES[name].stage)
            if stage is not None:
                yield f"setting {stage} feature gate {name}={str(value).lower()}: it will be removed in a future release"

    def stages(self) -> Iterator[tuple[str, str, bool]]:
        """(name, stage, whether it is on) of every gate, as metrics tell them."""
        for name, stage in _STAGES.items():
            yield name, stage, False
        for name, gate in GATES.items():
            yield name, gate.stage, self.enabled(name)


def parse(flags: Sequence[str]) -> FeatureGates:
    """Of the values of `--feature-gates`, which may be repeated. Raises InvalidFeatureGates."""
    told = _told(flags)
    faults = [*_faults(told)]
    if not faults:
        chosen = _with_stages(told)
        faults = [*_unmet(chosen)] or [*_fixed(chosen)]
    if faults:
        raise InvalidFeatureGates(faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]")
    return FeatureGates(chosen)


def _told(flags: Sequence[str]) -> dict[str, bool]:
    """By the names in the flags, `AllAlpha` and `AllBeta` among them."""
    told: dict[str, bool] = {}
    components: set[str] = set()
    for pair in ",".join(flags).split(","):
        if not pair:
            continue
        component, colon, rest = pair.partition(":")
        if not colon:
            component, rest = "", pair
        components.add(component)
        name, equals, value = rest.partition("=")
        name, value = name.strip(), value.strip()
        if not equals:
            raise InvalidFeatureGates(f"missing bool value for {name}")
        truth = go_bool(value)
        if truth is None:
            wrong = f'strconv.ParseBool: parsing "{value}": invalid syntax'
            raise InvalidFeatureGates(f"invalid value of {name}={value}, err: {wrong}")
        told[name] = truth
    if {"", _KUBE} <= components:
        raise InvalidFeatureGates(
            "set kube feature gates with default empty prefix or kube: prefix consistently, do not mix use"
        )
    for component in sorted(components - {"", _KUBE}):
        raise InvalidFeatureGates(f"component not registered: {component}")
    return told


def _faults(told: Mapping[str, bool]) -> Iterator[str]:
    """What is unknown or locked."""
    for name, value in told.items():
        gate = GATES.get(name)
        if gate is None and name not in _STAGES:
            yield f"unrecognized feature gate: {name}"
        elif gate is not None and gate.locked and gate.default != value:
            yield f"cannot set feature gate {name} to {_shown(value)}, feature is locked to {_shown(gate.default)}"


def _with_stages(told: Mapping[str, bool]) -> dict[str, bool]:
    """With all the gates that `AllAlpha` and `AllBeta` mean; what is named alone goes before."""
    chosen = {name: value for name, value in told.items() if name not in _STAGES}
    for all_of, stage in _STAGES.items():
        if all_of in told:
            for name, gate in GATES.items():
                if gate.stage == stage:
                    chosen.setdefault(name, told[all_of])
    return chosen


def _unmet(chosen: Mapping[str, bool]) -> Iterator[str]:
    gates = FeatureGates(chosen)
    for name, needed in NEEDS.items():
        disabled = [each for each in needed if not gates.enabled(each)]
        if disabled and gates.enabled(name):
            yield f"{name} is enabled, but depends on features that are disabled: [{' '.join(disabled)}]"


def _fixed(chosen: Mapping[str, bool]) -> Iterator[str]:
    for name, value in chosen.items():
        if value != GATES[name].default and name not in _FREE:
            yield f"cannot set feature gate {name} to {_shown(value)}: Kybern has it as {_shown(not value)} only"


def _shown(value: bool) -> str:
    return str(value).lower()
