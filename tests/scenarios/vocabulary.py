"""The words that stories are told in: a user who types, a cluster that converges.

user.kubectl("scale deployment web --replicas=3").prints("deployment.apps/web scaled")
cluster.eventually(lambda: user.kubectl("get deployment web").prints(…))
"""

import itertools
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.scenarios.machine import Done, Machine
from tests.scenarios.patience import patience
from tests.scenarios.programs import Program, Terminal
from tests.scenarios.text import holds, matches
from tests.tools import kubectl

WEB = "registry.example.com/shop/api-server:v1.4.2"
"""Answers on port 8080, and is a small machine with a shell."""
NEWER = "registry.example.com/shop/api-server:v1.4.3"
CRASHING = "registry.example.com/shop/api-server:v1.4.4"
"""Ends at its start with code 1."""

EVENTUALLY_SECONDS = 30.0
COMMAND_SECONDS = 200.0
"""More than any of them is told to wait itself."""
PAUSE_SECONDS = 0.1
T = TypeVar("T")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Ended:
    """A command of the user's that has ended. Each word returns the same thing, so that they can be chained."""

    done: Done

    @property
    def out(self) -> str:
        return self.done.out

    def succeeds(self) -> "Ended":
        assert self.done.code == 0, str(self.done)
        return self

    def prints(self, expected: str) -> "Ended":
        """It succeeds and prints this, whole (`tests/scenarios/text.py` says how it is compared)."""
        self.succeeds()
        assert matches(expected, self.done.out), f"expected:\n{expected}\n{self.done}"
        return self

    def mentions(self, *expected: str) -> "Ended":
        """It succeeds, and each of these is somewhere in what it prints."""
        self.succeeds()
        for each in expected:
            assert holds(each, self.done.out), f"expected somewhere:\n{each}\n{self.done}"
        return self

    def omits(self, *unexpected: str) -> "Ended":
        """It succeeds, and none of these is in what it prints."""
        self.succeeds()
        for each in unexpected:
            assert not holds(each, self.done.out), f"not expected:\n{each}\n{self.done}"
        return self

    def warns(self, expected: str) -> "Ended":
        """This is somewhere in what it says on stderr."""
        assert holds(expected, self.done.err), f"expected on stderr:\n{expected}\n{self.done}"
        return self

    def fails(self, expected: str, code: int = 1) -> "Ended":
        """It ends with this exit code and says exactly this on stderr."""
        assert self.done.code == code, f"expected exit {code}\n{self.done}"
        assert matches(expected, self.done.err), f"expected on stderr:\n{expected}\n{self.done}"
        return self


class User:
    """Someone with a terminal and a kubeconfig, at home in one namespace."""

    def __init__(self, machine: Machine, namespace: str, version: str = "1.36") -> None:
        self.machine = machine
        self.namespace = namespace
        self._kubectl = str(kubectl(version))

    def _command(self, line: str) -> list[str]:
        return [self._kubectl, "--namespace", self.namespace, *shlex.split(line)]

    def kubectl(self, line: str, stdin: str = "", within: float = COMMAND_SECONDS, **environment: str) -> Ended:
        """Type a kubectl command and wait for its end. `environment` has names in capitals."""
        pairs = [f"{name}={value}" for name, value in environment.items()]
        done = self.machine.run(*self._command(line), stdin=stdin, within=within, environment=pairs)
        return Ended(Done(f"kubectl {line}", done.code, done.out, done.err))

    def applies(self, manifest: str) -> Ended:
        return self.kubectl("apply -f -", stdin=manifest).succeeds()

    @contextmanager
    def starts(self, line: str, **environment: str) -> Iterator[Program]:
        """A kubectl command that goes on, its input and output pipes; it is ended with the block."""
        pairs = [f"{name}={value}" for name, value in environment.items()]
        command = self.machine.command("env", *pairs, *self._command(line))
        with Program.started(f"kubectl {line}", command) as program:
            yield program

    @contextmanager
    def at_terminal(self, line: str, rows: int = 24, columns: int = 80) -> Iterator[Terminal]:
        """A kubectl command at a terminal of that size; it is ended with the block."""
        with Terminal.started(f"kubectl {line}", self.machine.command(*self._command(line)), rows, columns) as program:
            yield program

    def types(self, line: str, within: float = COMMAND_SECONDS) -> Ended:
        """Any other command, in a shell."""
        done = self.machine.run("sh", "-c", line, within=within)
        return Ended(Done(line, done.code, done.out, done.err))

    def file(self, name: str, content: str | bytes) -> Path:
        """A file in the user's home; where it is."""
        path = self.machine.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


class Cluster:
    """A running cluster of one machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def up(self, *arguments: str) -> None:
        """`kybern up`; returns once the node is Ready."""
        self.machine.must("kybern", "up", *arguments)

    def newcomer(self, version: str = "1.36") -> User:
        """A user at home in a new namespace, with a kubectl of that version."""
        name = f"story-{next(_numbers)}"
        user = User(self.machine, name, version)
        user.kubectl(f"create namespace {name}").prints(f"namespace/{name} created")
        account = "get serviceaccount default -o name"
        self.eventually(lambda: user.kubectl(account).prints("serviceaccount/default"))
        return user

    def imports(self, *archives: Path) -> None:
        """Images of local archives."""
        self.machine.must("kybern", "image", "import", *map(str, archives))

    def eventually(self, story: Callable[[], T], within: float = EVENTUALLY_SECONDS) -> T:
        """Tell `story` again until none of its words is wrong.

        Raises its AssertionError after `within` seconds of a machine of one's own.
        """
        began = time.monotonic()
        while True:
            try:
                return story()
            except AssertionError:
                if time.monotonic() - began > patience(within):
                    raise
            time.sleep(PAUSE_SECONDS)

    def throughout(self, story: Callable[[], object], seconds: float) -> None:
        """`story` is true now and stays so for that long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            story()
            time.sleep(PAUSE_SECONDS)
