"""Node ports: which are taken, by which Service.

What is taken follows from the cache of Services, and from what writes of this process have reserved; a port is free
again when its Service is gone.
"""

from collections.abc import Iterator

from kybern.api.resource import Object
from kybern.apiserver.status import internal_error
from kybern.base.ids import Ids

_STATIC_BAND = (16, 128, 32)
"""The lowest ports are given out only to Services that ask for one of them, while there are others (KEP-3682)."""


def static_band(size: int, least: int, most: int, step: int) -> int:
    """How much of a range is set apart for those who choose: a `step`-th, between `least` and `most`; of a small one
    nothing."""
    return 0 if size <= least else min(max(size // step, least), most)


class PortTaken(ValueError):
    """The message is upstream's."""


class Ports:
    """The range is inclusive at both ends."""

    def __init__(self, first: int, last: int, ids: Ids) -> None:
        self._first = first
        self._last = last
        self._ids = ids
        self._taken: set[int] = set()

    def adopt(self, ports: "set[int]") -> None:
        """What stored Services hold."""
        self._taken |= ports

    def take(self, port: int) -> None:
        """Raises PortTaken."""
        if not self._first <= port <= self._last:
            raise PortTaken(
                f"provided port is not in the valid range. The range of valid ports is {self._first}-{self._last}"
            )
        if port in self._taken:
            raise PortTaken("provided port is already allocated")
        self._taken.add(port)

    def is_taken(self, port: int) -> bool:
        return port in self._taken

    def take_any(self) -> int:
        """From the upper band, while that has any. Raises InternalError when all are taken."""
        width = self._last - self._first + 1
        band = static_band(width, *_STATIC_BAND)
        start = int(self._ids.uid().replace("-", ""), 16)
        for low, high in ((band, width), (0, band)):
            for step in range(high - low):
                port = self._first + low + (start + step) % (high - low)
                if port not in self._taken:
                    self._taken.add(port)
                    return port
        raise internal_error("failed to allocate a nodePort: range is full")

    def release(self, ports: "set[int]") -> None:
        self._taken -= ports


def ports_of(service: Object | None) -> set[int]:
    """Node ports that a Service holds, its health check's with them."""
    return set(_ports(service)) if service is not None else set()


def _ports(service: Object) -> Iterator[int]:
    spec = service.get("spec") or {}
    for port in spec.get("ports") or ():
        if port.get("nodePort"):
            yield port["nodePort"]
    if spec.get("healthCheckNodePort"):
        yield spec["healthCheckNodePort"]
