"""Which features are on, by their gates."""

from collections.abc import Callable, Iterator

from kybern.api.feature_gates import FeatureGates
from kybern.metrics.family import GAUGE, Family


def feature_families(gates: FeatureGates) -> Callable[[], Iterator[Family]]:
    """A source of metrics; the gates never change while a server runs."""
    text = "[BETA] This metric records the data about the stage and enablement of a k8s feature."
    family = Family("kubernetes_feature_enabled", GAUGE, text)
    for name, stage, enabled in sorted(gates.stages()):
        family.add(int(enabled), name=name, stage=stage)
    return lambda: iter((family,))
