"""What happens in the work queues of a program, under upstream's names: how much, how long it waits, how long it takes.

Work on a key lasts until the queue gets it back, the wait for the cache after a write included.
"""

from collections.abc import Callable, Hashable, Iterator

from kybern.base.clock import Clock
from kybern.metrics.family import GAUGE, Family
from kybern.metrics.series import Counter, Histogram, exponential

BOUNDS_SECONDS = exponential(10e-9, 10, 10)


class QueueCounts:
    """All queues of one program."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.adds = Counter("workqueue_adds_total", "[BETA] Total number of adds handled by workqueue", "name")
        self.retries = Counter("workqueue_retries_total", "[BETA] Total number of retries handled by workqueue", "name")
        self.waited = Histogram(
            "workqueue_queue_duration_seconds",
            "[BETA] How long in seconds an item stays in workqueue before being requested.",
            BOUNDS_SECONDS,
            "name",
        )
        self.worked = Histogram(
            "workqueue_work_duration_seconds",
            "[BETA] How long in seconds processing an item from workqueue takes.",
            BOUNDS_SECONDS,
            "name",
        )
        self._watched: list[QueueWatch] = []

    def watch(self, name: str, depth: Callable[[], int]) -> "QueueWatch":
        """For one more queue; `depth` tells how many keys wait in it."""
        watch = QueueWatch(self, name, depth)
        self._watched.append(watch)
        return watch

    def families(self) -> Iterator[Family]:
        depth = Family("workqueue_depth", GAUGE, "[BETA] Current depth of workqueue")
        unfinished = Family(
            "workqueue_unfinished_work_seconds",
            GAUGE,
            "[BETA] How many seconds of work has done that is in progress and hasn't been observed by work_duration. "
            "Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at "
            "which this increases.",
        )
        longest = Family(
            "workqueue_longest_running_processor_seconds",
            GAUGE,
            "[BETA] How many seconds has the longest running processor for workqueue been running.",
        )
        now = self.clock.monotonic()
        for each in self._watched:
            lasting = [now - begun for begun in each.begun.values()]
            depth.add(each.depth(), name=each.name)
            unfinished.add(sum(lasting), name=each.name)
            longest.add(max(lasting, default=0), name=each.name)
        yield from (depth, self.adds.family(), self.waited.family(), self.worked.family())
        yield from (unfinished, longest, self.retries.family())


class QueueWatch:
    """One queue's: told of each key that comes, is taken, and is given back."""

    def __init__(self, counts: QueueCounts, name: str, depth: Callable[[], int]) -> None:
        self.name = name
        self.depth = depth
        self.begun: dict[Hashable, float] = {}
        """Keys that are worked on, and since when."""
        self._came: dict[Hashable, float] = {}
        self._counts = counts

    def added(self, key: Hashable) -> None:
        self._counts.adds.count(self.name)
        self._came[key] = self._counts.clock.monotonic()

    def retried(self) -> None:
        self._counts.retries.count(self.name)

    def taken(self, key: Hashable) -> None:
        now = self._counts.clock.monotonic()
        self._counts.waited.observe(now - self._came.pop(key, now), self.name)
        self.begun[key] = now

    def done(self, key: Hashable) -> None:
        now = self._counts.clock.monotonic()
        self._counts.worked.observe(now - self.begun.pop(key, now), self.name)
