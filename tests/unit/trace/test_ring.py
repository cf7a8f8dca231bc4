"""The ring is bounded, folds repeats and loses the oldest first."""

from kybern.trace import Ring, Verdict


def ring(limit: int = 3) -> Ring:
    times = iter(range(1000))
    return Ring(limit, lambda: float(next(times)))


def record(into: Ring, *messages: str) -> None:
    for message in messages:
        into.record("Pod/default/web", Verdict.WAITED, "BackOff", message, component="kubelet/n1")


def test_the_oldest_fall_out() -> None:
    full = ring()
    record(full, "a", "b", "c", "d")
    assert [decision.message for decision in full.take(9)] == ["b", "c", "d"]
    assert full.dropped == 1


def test_a_repeat_is_folded_and_becomes_the_newest() -> None:
    folded = ring()
    record(folded, "a", "b", "a")
    taken = folded.take(9)
    assert [(decision.message, decision.time) for decision in taken] == [("b", 1.0), ("a", 2.0)]


def test_taking_removes_up_to_the_limit() -> None:
    some = ring()
    record(some, "a", "b")
    assert [decision.message for decision in some.take(1)] == ["a"]
    assert len(some) == 1
