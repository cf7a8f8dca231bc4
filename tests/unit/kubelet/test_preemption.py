"""Who ends for a critical Pod."""

import pytest
from msgspec.structs import replace

from kybern.api.types import convert
from kybern.api.types.core_v1 import Node, Pod
from kybern.kubelet.node_admission import decide_room
from kybern.kubelet.preemption import NoRoom, may_preempt

from .worlds import container, pod

CRITICAL = 2_000_000_000
NODE = convert({"status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "6"}}}, Node)


def named(name: str, requests: dict[str, str], *, limits: dict[str, str] | None = None, priority: int = 0) -> Pod:
    made = pod(container("c", resources={"requests": requests, "limits": limits or {}}), priority=priority)
    return replace(made, metadata=replace(made.metadata, name=name, uid=name))


def critical(**requests: str) -> Pod:
    return named("critical", requests, priority=CRITICAL)


def guaranteed(name: str, cpu: str) -> Pod:
    both = {"cpu": cpu, "memory": "100Mi"}
    return named(name, both, limits=both)


NOTHING = named("nothing", {})
SMALL, LARGE = named("small", {"cpu": "300m"}), named("large", {"cpu": "900m"})
PROMISED = guaranteed("promised", "700m")
STATIC = named("static", {"cpu": "600m"}, priority=CRITICAL + 1000)
STATIC.metadata.annotations["kubernetes.io/config.source"] = "file"
PLACES = [named(f"p{number}", {}) for number in range(5)]


@pytest.mark.parametrize(
    ("subject", "others", "expected"),
    [
        (critical(cpu="1"), [SMALL, PROMISED], []),
        (critical(cpu="1"), [SMALL, LARGE], ["small"]),
        (critical(cpu="1500m"), [SMALL, LARGE], ["large"]),
        (critical(cpu="2"), [NOTHING, SMALL, LARGE], ["large", "small"]),
        (critical(cpu="1"), [PROMISED, SMALL, NOTHING, named("other", {"cpu": "300m"})], ["small"]),
        (critical(cpu="2"), [PROMISED, SMALL], ["small", "promised"]),
        (critical(cpu="1500m"), [PROMISED, SMALL], ["promised"]),
        (critical(), [NOTHING, SMALL, *PLACES[:4]], ["nothing"]),
        (critical(cpu="1600m"), [STATIC], NoRoom),
        (critical(memory="2Gi"), [SMALL], NoRoom),
        (named("common", {"cpu": "2"}, priority=5), [SMALL], []),
    ],
)
def test_who_goes(subject: Pod, others: list[Pod], expected: list[str] | type[NoRoom]) -> None:
    if isinstance(expected, list):
        assert [victim.metadata.name for victim in decide_room(subject, others, NODE).victims] == expected
        return
    with pytest.raises(expected):
        decide_room(subject, others, NODE)


def test_why_there_is_no_room() -> None:
    with pytest.raises(NoRoom) as raised:
        decide_room(critical(cpu="3", memory="2Gi"), [SMALL], NODE)
    found = "no set of running pods found to reclaim resources: [(res: cpu, q: 1000), (res: memory, q: 1073741824), ]"
    assert str(raised.value) == f"preemption: error finding a set of pods to preempt: {found}"


@pytest.mark.parametrize(
    ("subject", "other", "expected"),
    [
        (critical(), SMALL, True),
        (STATIC, SMALL, True),
        (critical(), STATIC, False),
        (STATIC, critical(), True),
        (critical(), critical(), False),
        (named("a", {}, priority=2), named("b", {}, priority=1), True),
        (pod(), pod(), False),
    ],
)
def test_whose_place_may_be_taken(subject: Pod, other: Pod, expected: bool) -> None:
    assert may_preempt(subject, other) is expected
