"""Identifiers: well formed, and repeatable from a seed."""

import random
import uuid

from kybern.base.ids import NAME_ALPHABET, SUFFIX_LENGTH, RandomIds


def test_a_seed_repeats_everything() -> None:
    first, second = RandomIds(random.Random(7)), RandomIds(random.Random(7))
    assert [first.uid(), first.suffix()] == [second.uid(), second.suffix()]


def test_forms() -> None:
    ids = RandomIds(random.Random(7))
    assert uuid.UUID(ids.uid()).version == 4
    suffix = ids.suffix()
    assert len(suffix) == SUFFIX_LENGTH
    assert set(suffix) <= set(NAME_ALPHABET)
