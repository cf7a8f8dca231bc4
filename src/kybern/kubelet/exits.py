"""Ends that the runtime's events have told of, while its answers may still be those of before.

A runtime tells of an exit when it happens, and writes it down afterwards: with a busy disk a second later. Whoever looks
meanwhile sees what is gone run on, and no event comes any more. So an end that was told is remembered, whether or not
somebody knows the container yet, and a look that does not show it is known to be an old one.
"""

import asyncio
from collections.abc import Callable

from kybern.kubelet.observed import PodRuntime
from kybern.kubelet.runtime.views import ContainerState

LIMIT = 4096
"""Ends remembered, the oldest are forgotten first: a look is seconds late, not thousands of ends."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 1.0
"""Between looks at what has ended and does not show it yet."""


class Exits:
    """Ids of containers and sandboxes whose first process has ended: for good, for none of them is started again."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._told: dict[str, None] = {}

    def tell(self, id: str) -> None:
        self._told[id] = None
        if len(self._told) > self._limit:
            del self._told[next(iter(self._told))]

    def are_hidden_in(self, observed: PodRuntime) -> bool:
        """Whether something that has ended still looks alive."""
        alive = [each.id for each in observed.containers if each.state is not ContainerState.EXITED]
        alive += [sandbox.id for sandbox in observed.sandboxes if sandbox.ready]
        return not self._told.keys().isdisjoint(alive)


class HiddenEnds:
    """Has one Pod looked at again while an end is hidden: soon, and then less and less often."""

    def __init__(self, exits: Exits, wake: Callable[[], None]) -> None:
        self._exits, self._wake = exits, wake
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._next: asyncio.TimerHandle | None = None

    def seen(self, observed: PodRuntime) -> None:
        """What the last look shows. Called in a running loop."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if not self._exits.are_hidden_in(observed):
            self._pause_seconds = FIRST_PAUSE_SECONDS
            return
        self._next = asyncio.get_running_loop().call_later(self._pause_seconds, self._wake)
        self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
