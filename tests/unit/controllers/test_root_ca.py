"""kube-root-ca.crt: made, put back, left alone."""

import pytest
from msgspec.structs import replace

from kybern.api.types.core_v1 import ConfigMap, Namespace, NamespaceStatus
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.controllers import root_ca

RIGHT = ConfigMap(
    metadata=ObjectMeta(
        name="kube-root-ca.crt",
        namespace="a",
        annotations={"kubernetes.io/description": root_ca.DESCRIPTION, "mine": "1"},
    ),
    data={"ca.crt": "PEM"},
)

CASES: dict[str, tuple[str, ConfigMap | None, int]] = {
    "missing": ("Active", None, 1),
    "right": ("Active", RIGHT, 0),
    "other data": ("Active", replace(RIGHT, data={"ca.crt": "old"}), 1),
    "more data": ("Active", replace(RIGHT, data={"ca.crt": "PEM", "x": "y"}), 1),
    "no description": ("Active", replace(RIGHT, metadata=ObjectMeta(annotations={"mine": "1"})), 1),
    "terminating": ("Terminating", None, 0),
}


@pytest.mark.parametrize("case", CASES)
def test_decide(case: str) -> None:
    phase, before, writes = CASES[case]
    namespace = Namespace(metadata=ObjectMeta(name="a"), status=NamespaceStatus(phase=phase))
    plan = root_ca.decide(namespace, before, "PEM")
    assert plan.writes == writes
    for made in [*(each.obj for each in plan.creates), *(each.obj for each in plan.updates)]:
        assert isinstance(made, ConfigMap)
        assert made.data == {"ca.crt": "PEM"}
        assert made.metadata.annotations["kubernetes.io/description"] == root_ca.DESCRIPTION
        assert ("mine" in made.metadata.annotations) == (before is not None)
