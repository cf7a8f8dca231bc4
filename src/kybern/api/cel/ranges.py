"""Ranges of costs and sizes, from the least to the most; unsigned 64-bit numbers that stop at their largest."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from kybern.api.cel.types import UNBOUNDED


class Range(NamedTuple):
    low: int
    high: int

    def add(self, other: Range) -> Range:
        return Range(min(self.low + other.low, UNBOUNDED), min(self.high + other.high, UNBOUNDED))

    def plus(self, amount: int) -> Range:
        return self.add(Range(amount, amount))

    def multiply(self, other: Range) -> Range:
        return Range(min(self.low * other.low, UNBOUNDED), min(self.high * other.high, UNBOUNDED))

    def scaled(self, factor: float) -> Range:
        """Times a factor, rounded up, in doubles as upstream reckons."""
        return Range(_scale(self.low, factor), _scale(self.high, factor))

    def union(self, other: Range) -> Range:
        return Range(min(self.low, other.low), max(self.high, other.high))


def _scale(value: int, factor: float) -> int:
    product = float(value) * factor
    return UNBOUNDED if product >= 2.0**64 else min(math.ceil(product), UNBOUNDED)


ZERO: Final = Range(0, 0)
ONE: Final = Range(1, 1)
UNKNOWN: Final = Range(0, UNBOUNDED)
