"""The keeper: waits for the supervisor's death, however it comes, and becomes its successor.

It is a shell that reads from a pipe: some hundred kilobytes, and no processor time. Only the supervisor holds the other
end, so the kernel ends the reading when it dies; then the shell executes the successor. The supervisor watches over its
keeper as over any program, and ends it first when it stops: so nobody comes back from a cluster that was told to end.
"""

import os
from collections.abc import Sequence

NAME = "keeper"
SHELL = "/bin/sh"
WAIT_AND_BECOME = 'read -r _; exec "$@"'


class LifeLine:
    """A pipe into which nothing is ever written. Its writing end must be the supervisor's alone."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe2(os.O_CLOEXEC)

    def let_go(self) -> None:
        """What every forked child does first: held by a child, the line would outlive the supervisor."""
        os.close(self._writing)

    def keep(self, successor: Sequence[str]) -> None:
        """Become the keeper (in a process forked for it); returns only by an exception."""
        os.dup2(self._reading, 0)
        os.execv(SHELL, ["sh", "-c", WAIT_AND_BECOME, f"kybern-{NAME}", *successor])
