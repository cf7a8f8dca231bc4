"""Ends that were told, and answers that do not show them yet."""

import dataclasses

import pytest

from kybern.kubelet.exits import Exits
from kybern.kubelet.observed import PodRuntime

from .worlds import exited, runs, sandbox, world

DEAD = dataclasses.replace(sandbox(), ready=False)


@pytest.mark.parametrize(
    ("told", "observed", "hidden"),
    [
        ("c-0", world(runs("c")), True),
        ("c-0", world(exited("c", 0)), False),
        ("c-0", world(exited("c", 0), runs("c", 1)), False),
        ("other", world(runs("c")), False),
        ("s0", world(exited("c", 0)), True),
        ("s0", world(sandboxes=(DEAD,)), False),
        ("c-0", PodRuntime("u"), False),
    ],
)
def test_what_has_ended_and_looks_alive(told: str, observed: PodRuntime, hidden: bool) -> None:
    exits = Exits()
    exits.tell(told)
    assert exits.are_hidden_in(observed) is hidden


def test_the_oldest_are_forgotten() -> None:
    exits = Exits(limit=2)
    for id in ("a-0", "b-0", "c-0"):
        exits.tell(id)
    assert [exits.are_hidden_in(world(runs(name))) for name in "abc"] == [False, True, True]
