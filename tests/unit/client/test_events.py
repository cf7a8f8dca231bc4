"""Which Events are written, counted, combined and dropped."""

from kybern.client.event_correlator import COMBINED_PREFIX, SPAM_BURST, Correlator, Occurrence, Record

ABOUT = ("v1", "Pod", "default", "web", "uid")


def occurrence(message: str = "m", reason: str = "BackOff") -> Occurrence:
    return Occurrence(ABOUT, "Warning", reason, message)


def test_the_same_again_is_counted() -> None:
    correlator = Correlator()
    known, message, key = correlator.correlate(occurrence(), 0)
    assert (known, message) == (None, "m")
    stored = correlator.remember(key, Record("web.1", "t", 1))
    assert correlator.correlate(occurrence(), 1)[0] is stored
    assert correlator.correlate(occurrence(reason="Other"), 1)[0] is None


def test_many_that_differ_are_combined() -> None:
    correlator = Correlator()
    messages = [correlator.correlate(occurrence(f"m{n}"), n)[1] for n in range(12)]
    assert messages[:9] == [f"m{n}" for n in range(9)]
    assert messages[9:] == [f"{COMBINED_PREFIX}m{n}" for n in range(9, 12)]
    keys = {str(correlator.correlate(occurrence(f"x{n}"), 20)[2]) for n in range(3)}
    assert len(keys) == 1, "the combined ones are one Event"
    assert correlator.correlate(occurrence("late"), 2000)[1] == "late"


def test_spam_is_dropped_and_tokens_come_back() -> None:
    correlator = Correlator()
    allowed = [correlator.allows(occurrence(), 0) for _ in range(SPAM_BURST + 5)]
    assert allowed.count(True) == SPAM_BURST
    assert not correlator.allows(occurrence(), 299)
    assert correlator.allows(occurrence(), 301)
