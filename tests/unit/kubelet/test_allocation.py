"""Resources: desired, allocated, actuated."""

import json
from pathlib import Path
from typing import Any

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.allocation import WHOLE, Allocation, resize_message, resources_of, same, with_resources
from kybern.kubelet.decide import Actions
from kybern.kubelet.events import NoEvents, PodEvents
from kybern.kubelet.node_admission import Refusal
from kybern.kubelet.resizing import allocate, containers_to_resize, is_whole_to_resize, stops_for

from .worlds import container, pod, runs, world


def sized(cpu: str, **fields: Any) -> dict[str, Any]:
    return container("c", resources={"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}, **fields)


def room(pod: Pod) -> Refusal | None:
    return None


def no_room(pod: Pod) -> Refusal | None:
    return Refusal("Deferred", "later")


def events(subject: Pod) -> PodEvents:
    return PodEvents(NoEvents(), subject)


def test_amounts_count_and_not_how_they_are_written() -> None:
    assert same(resources_of(pod(sized("1"))), resources_of(pod(sized("1000m"))))
    assert not same(resources_of(pod(sized("1"))), resources_of(pod(sized("2"))))


def test_what_fits_is_allocated_and_is_then_to_be_actuated(tmp_path: Path) -> None:
    allocation = Allocation.load(tmp_path / "a", pod(sized("1")))
    wider = pod(sized("2"))
    assert allocate(wider, allocation, room, events(wider))
    assert allocation.generation == 1
    given = with_resources(wider, allocation.allocated)
    assert [each.name for each in containers_to_resize(given, allocation, world(runs("c")))] == ["c"]
    assert containers_to_resize(given, allocation, world()) == []
    allocation.actuate("c", given.spec.containers[0].resources)
    assert containers_to_resize(given, allocation, world(runs("c"))) == []


def test_what_does_not_fit_waits_and_changes_nothing(tmp_path: Path) -> None:
    allocation = Allocation.load(tmp_path / "a", pod(sized("1")))
    wider = pod(sized("2"))
    assert not allocate(wider, allocation, no_room, events(wider))
    assert resources_of(with_resources(wider, allocation.allocated)) == resources_of(pod(sized("1")))
    (condition,) = allocation.conditions(wider)
    assert (condition.type, condition.reason, condition.message) == ("PodResizePending", "Deferred", "later")
    allocate(pod(sized("1")), allocation, no_room, events(wider))
    assert allocation.conditions(wider) == []


def test_a_new_kubelet_knows_what_was_begun(tmp_path: Path) -> None:
    allocation = Allocation.load(tmp_path / "a", pod(sized("1")))
    wider = pod(sized("2"))
    allocate(wider, allocation, room, events(wider))
    again = Allocation.load(tmp_path / "a", wider)
    assert (again.allocated, again.actuated) == (allocation.allocated, allocation.actuated)
    assert [each.type for each in again.conditions(wider)] == ["PodResizeInProgress"]


def test_a_policy_asks_for_a_restart(tmp_path: Path) -> None:
    policy = [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]
    allocation = Allocation.load(tmp_path / "a", pod(sized("1", resizePolicy=policy)))
    wider = pod(sized("2", resizePolicy=policy))
    allocate(wider, allocation, room, events(wider))
    (stop,) = stops_for(wider, allocation, world(runs("c")), Actions())
    assert stop.message == "Container c resize requires restart"


def test_a_pods_own_resources_are_its_containers_where_they_have_none(tmp_path: Path) -> None:
    small, large = ({"resources": {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}} for cpu in ("1", "2"))
    both = (container("a"), sized("500m"))
    allocation = Allocation.load(tmp_path / "a", pod(*both, **small))
    assert allocation.conditions(pod(*both, **small)) == []
    wider = pod(*both, **large)
    assert allocate(wider, allocation, room, events(wider))
    assert [each.name for each in containers_to_resize(wider, allocation, world(runs("a"), runs("c")))] == ["a"]
    assert is_whole_to_resize(wider, allocation)
    allocation.actuate(WHOLE, wider.spec.resources)
    assert not is_whole_to_resize(wider, allocation)
    assert with_resources(pod(*both, **small), allocation.allocated).spec.resources == wider.spec.resources
    again = Allocation.load(tmp_path / "a", wider)
    assert [each.type for each in again.conditions(wider)] == ["PodResizeInProgress"], "a container has it not yet"


def test_the_words_of_an_event() -> None:
    text = resize_message(pod(sized("1")), "started")
    assert text.startswith("Pod resize started: ")
    told = json.loads(text.partition(": ")[2])
    resources = {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}
    assert told == {"containers": [{"name": "c", "resources": resources}], "generation": 1}
