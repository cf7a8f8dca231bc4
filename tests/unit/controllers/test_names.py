"""Which controllers --controllers means: upstream's names, old and new, and nobody else's."""

from collections.abc import Sequence

import pytest

from kybern.controllers.names import ALIASES, ELSEWHERE, QUEUES
from kybern.controllers.run import NAMES, ON_DEMAND, chosen


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["job-controller"], ["job-controller"]),
        (["job", "cronjob"], ["cronjob-controller", "job-controller"]),
        (["selinux-warning-controller", "attachdetach", "job"], ["job-controller"]),
        (["*", "-job", "-svm"], [name for name in NAMES if name not in ("job-controller", *ON_DEMAND)]),
    ],
)
def test_names_that_are_known(asked: Sequence[str], expected: Sequence[str]) -> None:
    assert chosen(asked) == expected


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["red-controller"], '"red-controller" is not in the list of known controllers'),
        (["*", "-red"], '"red" is not in the list of known controllers'),
        (["a", "-b"], '["a" is not in the list of known controllers, "b" is not in the list of known controllers]'),
    ],
)
def test_names_that_nobody_has(asked: Sequence[str], words: str) -> None:
    with pytest.raises(ValueError) as raised:
        chosen(asked)
    assert str(raised.value) == words


def test_every_name_leads_somewhere() -> None:
    assert set(ALIASES.values()) <= {*NAMES, *ELSEWHERE}
    assert not ELSEWHERE.intersection(NAMES), "what is built is no longer missing"
    assert set(QUEUES) <= set(NAMES)
