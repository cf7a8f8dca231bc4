"""The supervisor's loop with real processes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import pytest

from kybern.supervisor.identity import Identity, identify, read_record, stop, write_record
from kybern.supervisor.processes import Program, Supervisor

SECONDS = 60.0


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.01)


class Running:
    """A supervisor in a process of its own, as `kybern up` has it."""

    def __init__(self, directory: Path, programs: list[Program]) -> None:
        self._record = directory / "record.json"
        self.pid = os.fork()
        if self.pid == 0:
            try:
                # Pytest has put objects of its own in their place.
                sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
                Supervisor(programs, directory / "log", self._write).run()
            finally:
                os._exit(0)

    def _write(self, processes: Mapping[str, Identity]) -> None:
        write_record(processes, Path("/"), 1, self._record)

    def processes(self) -> Mapping[str, Identity]:
        record = read_record(self._record)
        return record.processes if record is not None else {}

    def end(self) -> int:
        os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        status = os.waitpid(self.pid, 0)[1]
        self.pid = 0
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves no process behind, whatever the test thought."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        stop(self.processes(), 0.0)


def sleep() -> None:
    time.sleep(1000)


def test_a_killed_program_is_started_again_and_stopped_at_the_end(tmp_path: Path) -> None:
    with Running(tmp_path, [Program("one", sleep), Program("two", sleep)]) as running:
        until(lambda: len(running.processes()) == 2)
        first = running.processes()["one"]
        os.kill(first.pid, signal.SIGKILL)
        until(lambda: running.processes().get("one", first) != first)
        children = running.processes()
        assert all(child.alive for child in children.values())
        assert running.end() == 0
        assert not any(child.alive for child in children.values())


def test_the_death_of_the_supervisor_harms_no_program(tmp_path: Path) -> None:
    with Running(tmp_path, [Program("one", sleep)]) as running:
        until(lambda: "one" in running.processes())
        child = running.processes()["one"]
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        assert child.alive
        stop({"one": child})
        assert not child.alive


def test_a_failing_program_is_tried_again_and_a_finished_one_is_not(tmp_path: Path) -> None:
    def fail_twice() -> None:
        with (tmp_path / "tries").open("a") as file:
            file.write("x")
        assert (tmp_path / "tries").read_text() == "xxx"

    with Running(tmp_path, [Program("once", fail_twice, once=True), Program("other", sleep)]) as running:
        until(lambda: (tmp_path / "tries").exists() and (tmp_path / "tries").read_text() == "xxx")
        until(lambda: "once" not in running.processes() and "other" in running.processes())
        running.end()
        assert (tmp_path / "tries").read_text() == "xxx"
        assert "AssertionError" in (tmp_path / "log" / "once.log").read_text()


def test_what_is_prepared_is_there_in_the_child(tmp_path: Path) -> None:
    prepared: list[str] = []
    program = Program("one", lambda: print(prepared, flush=True), once=True, prepare=lambda: prepared.append("ready"))
    with Running(tmp_path, [program]) as running:
        until(lambda: (tmp_path / "log" / "one.log").exists() and "ready" in (tmp_path / "log" / "one.log").read_text())
        running.end()


def test_a_stubborn_program_is_killed(tmp_path: Path) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("deaf", flush=True)
        sleep()

    with Running(tmp_path, [Program("deaf", ignore, stop_seconds=0.1)]) as running:
        until(
            lambda: (tmp_path / "log" / "deaf.log").exists() and "deaf" in (tmp_path / "log" / "deaf.log").read_text()
        )
        child = running.processes()["deaf"]
        running.end()
        assert not child.alive


def test_an_identity_is_more_than_a_pid() -> None:
    own = identify(os.getpid())
    assert own is not None
    assert own.alive
    assert not Identity(own.pid, own.started + 1).alive


@pytest.mark.parametrize("text", ["", "{", "[]", '{"processes": {"a": {}}}'])
def test_a_broken_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "record").write_text(text)
    assert read_record(tmp_path / "record") is None
