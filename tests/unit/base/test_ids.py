"""Identifiers: well formed, and repeatable from a seed."""

import random
import uuid

from kybern.base.ids import NAME_ALPHABET, SUFFIX_LENGTH, RandomIds


def test_a_seed_repeats_everything() -> None:
    first, second = RandomIds(random.Random(7)), RandomIds(random.Random(7))
    assert [first.uid(), first.suffix()] == [second.uid(), second.suffix()]


def test_forms() -> None:
    ids = RandomIds(random.Random(7))
    for _ in range(100):
        uid = ids.uid()
        assert str(uuid.UUID(uid)) == uid
        assert (uuid.UUID(uid).version, uuid.UUID(uid).variant) == (4, uuid.RFC_4122)
        suffix = ids.suffix()
        assert len(suffix) == SUFFIX_LENGTH
        assert set(suffix) <= set(NAME_ALPHABET)


def test_all_characters_come_at_all_places() -> None:
    ids = RandomIds(random.Random(7))
    suffixes = [ids.suffix() for _ in range(2000)]
    for place in range(SUFFIX_LENGTH):
        assert {suffix[place] for suffix in suffixes} == set(NAME_ALPHABET)
