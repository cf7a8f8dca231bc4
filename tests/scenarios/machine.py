"""A private machine for one cluster: `tests/machine`, as a thing that stories can hold."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.scenarios.patience import patience

SCRIPT = Path(__file__).parent.parent / "machine"
RUN_SECONDS = 120.0


@dataclass(frozen=True)
class Done:
    """A program that has ended."""

    command: str
    code: int
    out: str
    err: str

    def __str__(self) -> str:
        parts = [f"$ {self.command}", self.out.rstrip(), self.err.rstrip(), f"(exit {self.code})"]
        return "\n".join(part for part in parts if part)


class Machine:
    """Own network, processes, cgroups, /run, HOME and /var/lib/kybern; nothing of it is seen outside.

    It begins with the first command run in it. Whoever makes it ends it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.home = Path(f"/tmp/machine-{name}/home")

    def command(self, *command: str) -> list[str]:
        """What to start outside so that `command` runs inside."""
        return [str(SCRIPT), self.name, *command]

    def run(self, *command: str, stdin: str = "", within: float = RUN_SECONDS, environment: Sequence[str] = ()) -> Done:
        """Run a program to its end, whatever its exit code. `environment` holds NAME=VALUE.

        Raises TimeoutError after `within` seconds of a machine of one's own (the program is killed).
        """
        inside = ("env", *environment, *command) if environment else command
        try:
            done = subprocess.run(
                self.command(*inside),
                input=stdin,
                capture_output=True,
                text=True,
                timeout=patience(within),
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise TimeoutError(f"{' '.join(command)} has not ended after {within:g} s: {late.stdout!r}") from late
        return Done(" ".join(command), done.returncode, done.stdout, done.stderr)

    def must(self, *command: str, within: float = RUN_SECONDS) -> str:
        """Run a program that has to succeed; what it printed."""
        done = self.run(*command, within=within)
        assert done.code == 0, str(done)
        return done.out

    def cut_power(self) -> None:
        """All its processes end at once; its disk stays for the next command."""
        subprocess.run(self.command("--cut-power"), check=True, timeout=RUN_SECONDS)

    def end(self) -> None:
        """End it with all its processes and forget its disk."""
        subprocess.run(self.command("--end"), check=True, timeout=RUN_SECONDS)
