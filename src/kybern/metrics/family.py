"""One metric with its series, and the text format of many. Pure.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

Labels = Mapping[str, str]


@dataclass(slots=True)
class Family:
    name: str
    kind: str
    text: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)
    """(suffix of the name, labels, value)."""

    def add(self, value: float, **labels: str) -> None:
        self.samples.append(("", labels, value))

    def add_histogram(self, bounds: Sequence[float], counts: Sequence[int], total: float, labels: Labels) -> None:
        """`counts` has one more than `bounds`: what lies above them all."""
        sums = list(accumulate(counts))
        for bound, count in zip((*map(str, bounds), "+Inf"), sums, strict=True):
            self.samples.append(("_bucket", {**labels, "le": bound}, count))
        self.samples += [("_sum", labels, total), ("_count", labels, sums[-1])]


def render(families: Iterable[Family]) -> bytes:
    return "".join(line for family in families for line in _lines(family)).encode()


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.text}\n# TYPE {family.name} {family.kind}\n"
    for suffix, labels, value in family.samples:
        told = ",".join(f'{key}="{_escaped(labels[key])}"' for key in sorted(labels))
        number = int(value) if value == int(value) else value
        yield f"{family.name}{suffix}{{{told}}} {number}\n" if told else f"{family.name}{suffix} {number}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
