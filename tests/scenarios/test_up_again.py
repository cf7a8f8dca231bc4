"""`kybern up` with a cluster that another `kybern up` left: the same state, other nodes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.machine import Machine
from tests.scenarios.vocabulary import WEB, Cluster, User

MOVING_SECONDS = 90.0
"""A node that is deleted is in quarantine for forty seconds before its Pods are (upstream's Pod GC)."""


@pytest.fixture
def user(machine: Machine) -> Iterator[User]:
    yield User(machine, "default")
    machine.run("kybern", "down", "--purge")


def test_with_fewer_nodes_the_pods_of_the_others_move(user: User, images: list[Path]) -> None:
    cluster = Cluster(user.machine)
    cluster.up("--nodes", "2")
    cluster.imports(images[0])
    user.kubectl(f"create deployment web --image={WEB} --replicas=2").succeeds()
    user.kubectl("rollout status deployment web --timeout=180s").succeeds()
    user.types("kybern down").succeeds()
    user.types("kybern up").mentions(
        "node kybern-1 was one of an earlier start; its Pods will run elsewhere",
        "node kybern-2 was one of an earlier start; its Pods will run elsewhere",
    )
    cluster.imports(images[0])
    user.kubectl("get nodes --no-headers").prints(f"{user.machine.name} Ready <none> … v1.36…")
    cluster.eventually(
        lambda: user.kubectl("get pods -l app=web --no-headers -o wide").prints(f"""
            web-… 1/1 Running 0 … {user.machine.name} <none> <none>
            web-… 1/1 Running 0 … {user.machine.name} <none> <none>
        """),
        within=MOVING_SECONDS,
    )
    user.types("kybern up").omits("earlier start")
