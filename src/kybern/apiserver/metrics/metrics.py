"""All metrics of a server: what it counts itself, and what its parts tell when asked."""

from collections.abc import Callable, Iterator

from kybern.apiserver.call import Call
from kybern.apiserver.metrics.requests import Requests
from kybern.metrics.family import Family, render

Source = Callable[[], Iterator[Family]]


class Metrics:
    def __init__(self, *sources: Source) -> None:
        self._requests = Requests()
        self._sources = sources

    def observe(self, call: Call, code: int, seconds: float) -> None:
        """A request has been answered."""
        self._requests.observe(call, code, seconds)

    def render(self) -> bytes:
        """Prometheus' text format."""
        return render(family for source in (self._requests.families, *self._sources) for family in source())
