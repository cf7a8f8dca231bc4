"""The Node's status, from facts."""

from dataclasses import replace
from pathlib import Path

import pytest

from kybern.api.types.core_v1 import ContainerImage, NodeCondition
from kybern.kubelet.eviction.thresholds import Thresholds, shortages
from kybern.kubelet.node import status
from kybern.kubelet.node.machine import Machine, Pressure, read_machine, read_pressure
from kybern.kubelet.node.status import Health, Identity

MACHINE = Machine("amd64", "6.1", "Debian", "m", "u", "b", 2, 4 << 30, 0, 100 << 30, 32768)
PRESSURE = Pressure(2 << 30, 50 << 30, 1000, 900, 200)
WELL = Health("containerd://1.6.20")
NODE = Identity("n1", ["10.89.0.1"])
LIMITS = Thresholds()
NOW = 1_767_323_045.0


def told(pressure: Pressure = PRESSURE, health: Health = WELL) -> dict[str, tuple[str, str]]:
    return {
        each.type: (each.status, each.reason)
        for each in status.conditions(health, shortages(LIMITS, MACHINE, pressure), (), NOW)
    }


def test_a_node_that_is_well() -> None:
    assert told() == {
        "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
        "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
        "PIDPressure": ("False", "KubeletHasSufficientPID"),
        "Ready": ("True", "KubeletReady"),
    }


@pytest.mark.parametrize(
    ("change", "condition", "reason"),
    [
        ({"memory_available_bytes": 99 << 20}, "MemoryPressure", "KubeletHasInsufficientMemory"),
        ({"disk_available_bytes": 9 << 30}, "DiskPressure", "KubeletHasDiskPressure"),
        ({"disk_inodes_free": 49}, "DiskPressure", "KubeletHasDiskPressure"),
        ({"pids": 32000}, "PIDPressure", "KubeletHasInsufficientPID"),
    ],
)
def test_pressure(change: dict[str, int], condition: str, reason: str) -> None:
    assert told(replace(PRESSURE, **change))[condition] == ("True", reason)


def test_a_runtime_that_is_down() -> None:
    conditions = status.conditions(replace(WELL, problems=["container runtime is down", "x"]), (), (), NOW)
    ready = conditions[-1]
    assert (ready.status, ready.reason, ready.message) == ("False", "KubeletNotReady", "container runtime is down, x")


def test_only_a_change_moves_the_transition_time() -> None:
    before = [
        NodeCondition(type="Ready", status="True", last_transition_time="2020-01-01T00:00:00Z"),
        NodeCondition(type="DiskPressure", status="True", last_transition_time="2020-01-01T00:00:00Z"),
    ]
    found = {each.type: each for each in status.conditions(WELL, (), before, NOW)}
    assert found["Ready"].last_transition_time == "2020-01-01T00:00:00Z"
    assert found["DiskPressure"].last_transition_time == "2026-01-02T03:04:05Z"
    assert found["Ready"].last_heartbeat_time == "2026-01-02T03:04:05Z"


def test_what_pods_may_ask_for_is_less_than_there_is() -> None:
    assert status.capacity(MACHINE) == {
        "cpu": "2",
        "ephemeral-storage": "104857600Ki",
        "memory": "4194304Ki",
        "pods": "110",
    }
    assert status.allocatable(MACHINE, LIMITS)["memory"] == "4091904Ki"
    assert status.allocatable(MACHINE, LIMITS)["ephemeral-storage"] == str(90 << 30)


def test_a_heartbeat_alone_is_no_change_and_a_new_image_is() -> None:
    first = status.node_status(NODE, MACHINE, PRESSURE, WELL, [], (), NOW, LIMITS, {})
    later = status.node_status(NODE, MACHINE, PRESSURE, WELL, [], first.conditions, NOW + 10, LIMITS, {})
    image = ContainerImage(names=["localhost/a:1"], size_bytes=1)
    assert status.same(first, later)
    assert not status.same(first, status.node_status(NODE, MACHINE, PRESSURE, WELL, [image], (), NOW, LIMITS, {}))


def test_the_largest_images_are_listed() -> None:
    images = [ContainerImage(names=[f"i{n}"], size_bytes=n) for n in range(60)]
    listed = status.node_status(NODE, MACHINE, PRESSURE, WELL, images, (), NOW, LIMITS, {}).images
    assert [image.names[0] for image in listed][:2] == ["i59", "i58"]
    assert len(listed) == status.IMAGES_LIMIT


def test_this_machine_can_be_read(tmp_path: Path) -> None:
    machine, pressure = read_machine(tmp_path), read_pressure(tmp_path)
    assert machine.cpus >= 1
    assert machine.memory_bytes > pressure.memory_available_bytes > 0
    assert machine.disk_bytes > 0
    assert 0 < pressure.pids < machine.pid_limit


def test_files_that_are_not_there_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  1024 kB\n")
    machine = read_machine(tmp_path, proc=tmp_path, sys=tmp_path, etc=tmp_path)
    assert (machine.memory_bytes, machine.machine_id, machine.os_image) == (1 << 20, "", "Linux")
