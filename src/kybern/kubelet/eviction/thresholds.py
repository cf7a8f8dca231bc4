"""When a node is short of something. Pure; upstream's `evictionHard`."""

from dataclasses import dataclass
from typing import Any

from kybern.api.quantity import value
from kybern.kubelet.node.machine import Machine, Pressure

SIGNALS = {
    "memory": "memory.available",
    "ephemeral-storage": "nodefs.available",
    "inodes": "nodefs.inodesFree",
    "pids": "pid.available",
}
"""Upstream's names for what a node can be short of."""
MEMORY, STORAGE, INODES, PIDS = "memory", "ephemeral-storage", "inodes", "pids"
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Below these the node is under pressure. Fractions are of the whole; 0 turns one off."""

    memory_bytes: int = 100 * MEBIBYTE
    disk_fraction: float = 0.10
    inodes_fraction: float = 0.05
    pids_fraction: float = 0.05
    """Upstream sets none for process numbers; without one, a fork bomb ends the node."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """A threshold that is passed."""

    resource: str
    threshold: str
    available: str


_FRACTIONS = {
    "nodefs.available": "disk_fraction",
    "nodefs.inodesFree": "inodes_fraction",
    "pid.available": "pids_fraction",
}


def parse_thresholds(text: str) -> Thresholds:
    """Upstream's `--eviction-hard`: `memory.available<100Mi,nodefs.available<10%`; what is not named is off.

    Raises ValueError for another signal, and for an amount that is no quantity or, but for memory, no percentage.
    """
    found: dict[str, Any] = {"memory_bytes": 0, **dict.fromkeys(_FRACTIONS.values(), 0.0)}
    for part in filter(None, text.split(",")):
        signal, separator, amount = part.partition("<")
        if signal == "memory.available" and separator:
            found["memory_bytes"] = value(amount)
        elif signal in _FRACTIONS and amount.endswith("%"):
            found[_FRACTIONS[signal]] = float(amount[:-1]) / 100
        else:
            raise ValueError(f"invalid eviction threshold {part!r}")
    return Thresholds(**found)


def shortages(thresholds: Thresholds, machine: Machine, pressure: Pressure) -> list[Shortage]:
    """What the node is short of, the most urgent first."""
    disk, inodes = machine.disk_bytes * thresholds.disk_fraction, pressure.disk_inodes * thresholds.inodes_fraction
    pids_left, pids = machine.pid_limit - pressure.pids, machine.pid_limit * thresholds.pids_fraction
    found = []
    if pressure.memory_available_bytes < thresholds.memory_bytes:
        found.append(Shortage(MEMORY, size(thresholds.memory_bytes), size(pressure.memory_available_bytes)))
    if pressure.disk_available_bytes < disk:
        found.append(Shortage(STORAGE, size(int(disk)), size(pressure.disk_available_bytes)))
    if pressure.disk_inodes_free < inodes:
        found.append(Shortage(INODES, str(int(inodes)), str(pressure.disk_inodes_free)))
    if pids_left < pids:
        found.append(Shortage(PIDS, str(int(pids)), str(pids_left)))
    return found


def size(amount: int) -> str:
    """Bytes as upstream's quantities print them: in Ki and larger where that is exact."""
    for unit, suffix in ((1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")):
        if amount and amount % unit == 0:
            return f"{amount // unit}{suffix}"
    return str(amount)
