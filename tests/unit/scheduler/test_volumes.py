"""Where claims let a Pod run."""

from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import PersistentVolume, PersistentVolumeClaim
from kybern.api.types.storage_v1 import StorageClass
from kybern.scheduler.volumes import VolumeView, choose
from tests.unit.scheduler.world import node, request, table

ZONED = {
    "required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["1"]}]}]}
}


def claim(**rest: Any) -> PersistentVolumeClaim:
    spec = {"storageClassName": "late", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    spec |= rest
    status = {"phase": "Bound" if rest.get("volumeName") else "Pending"}
    return convert(
        {"metadata": {"name": "c", "namespace": "default"}, "spec": spec, "status": status}, PersistentVolumeClaim
    )


def volume(size: str = "1Gi", **rest: Any) -> PersistentVolume:
    spec = {"storageClassName": "late", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}} | rest
    return convert({"metadata": {"name": "v"}, "spec": spec, "status": {"phase": "Available"}}, PersistentVolume)


def check(claims: list[Any], volumes: list[Any], provisioner: str, expected: tuple[str, set[str], int]) -> None:
    classes = {
        "late": {"volumeBindingMode": "WaitForFirstConsumer", "provisioner": provisioner},
        "now": {"volumeBindingMode": "Immediate", "provisioner": provisioner},
    }
    view = VolumeView(
        lambda namespace, name: next((each for each in claims if each.metadata.name == name), None),
        lambda name: next((each for each in volumes if each.metadata.name == name), None),
        lambda: volumes,
        lambda name: convert(classes[name], StorageClass) if name in classes else None,
    )
    world = table([node("a", labels={"zone": "1"}), node("b", labels={"zone": "2"})])
    asking = request("p", volumes=[{"name": "x", "persistentVolumeClaim": {"claimName": "c"}}])
    choice = choose(asking, view, world)
    allowed = {name for name, row in world.rows.items() if choice.mask and choice.mask.allowed[row]}
    assert (choice.whole, allowed, len(choice.waiting)) == expected


LOCAL = "kubernetes.io/no-provisioner"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"
CASES: dict[str, tuple[list[Any], list[Any], str, tuple[str, set[str], int]]] = {
    "no claim": ([], [], "p", ('persistentvolumeclaim "c" not found', set(), 0)),
    "bound to a zone": ([claim(volumeName="v")], [volume(nodeAffinity=ZONED)], "p", ("", {"a"}, 0)),
    "bound to what is gone": ([claim(volumeName="v")], [], "p", ("", set(), 0)),
    "immediate": ([claim(storageClassName="now")], [], "p", (UNBOUND, set(), 0)),
    "no class": ([claim(storageClassName="")], [], "p", (UNBOUND, set(), 0)),
    "made where it is wanted": ([claim()], [], "p", ("", {"a", "b"}, 1)),
    "found where it is": ([claim()], [volume(nodeAffinity=ZONED)], LOCAL, ("", {"a"}, 1)),
    "too small": ([claim()], [volume("1Mi")], LOCAL, ("", set(), 1)),
    "taken": ([claim()], [volume(claimRef={"namespace": "default", "name": "other"})], LOCAL, ("", set(), 1)),
}


@pytest.mark.parametrize("name", CASES)
def test_volumes(name: str) -> None:
    check(*CASES[name])
