"""Series that a part of the server counts for itself; they become families when somebody asks. Single-threaded, cheap."""

from bisect import bisect_left
from collections.abc import Sequence

from kybern.metrics.family import COUNTER, GAUGE, HISTOGRAM, Family


class Counter:
    """One value for each combination of labels."""

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._counts: dict[tuple[str, ...], int] = {}

    def count(self, *values: str) -> None:
        self._counts[values] = self._counts.get(values, 0) + 1

    def family(self) -> Family:
        family = Family(self._name, COUNTER, self._text)
        for values, count in self._counts.items():
            family.add(count, **dict(zip(self._labels, values, strict=True)))
        return family


class Gauge:
    """The newest value for each combination of labels."""

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._values: dict[tuple[str, ...], float] = {}

    def set(self, value: float, *values: str) -> None:
        self._values[values] = value

    def clear(self) -> None:
        self._values.clear()

    def family(self) -> Family:
        family = Family(self._name, GAUGE, self._text)
        for values, value in self._values.items():
            family.add(value, **dict(zip(self._labels, values, strict=True)))
        return family


class Histogram:
    """Durations in seconds for each combination of labels."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], *labels: str) -> None:
        self._name, self._text, self._bounds, self._labels = name, text, bounds, labels
        self._series: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def observe(self, seconds: float, *values: str) -> None:
        series = self._series.get(values)
        if series is None:
            series = self._series[values] = [0] * (len(self._bounds) + 1), [0.0]
        series[0][bisect_left(self._bounds, seconds)] += 1
        series[1][0] += seconds

    def family(self) -> Family:
        family = Family(self._name, HISTOGRAM, self._text)
        for values, (counts, total) in self._series.items():
            labels = dict(zip(self._labels, values, strict=True))
            family.add_histogram(self._bounds, counts, total[0], labels)
        return family


def exponential(start: float, factor: float, count: int) -> tuple[float, ...]:
    """Upper bounds of buckets, each `factor` times the one before; whole ones as integers, as they are told."""
    bounds = [start]
    while len(bounds) < count:
        bounds.append(bounds[-1] * factor)
    return tuple(int(bound) if bound == int(bound) else bound for bound in bounds)
