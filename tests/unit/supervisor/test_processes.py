"""The supervisor's loop with real processes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import pytest

from kybern.supervisor.identity import Failure, Identity, Record, identify, read_record, stop, write_record
from kybern.supervisor.keeper import LifeLine
from kybern.supervisor.processes import Program, Supervisor

SECONDS = 60.0


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.01)


class Running:
    """A supervisor in a process of its own, as `kybern up` has it."""

    def __init__(
        self,
        directory: Path,
        programs: list[Program],
        born: Callable[[], None] = lambda: None,
        adopted: Mapping[str, Identity] | None = None,
    ) -> None:
        self._record = directory / "record.json"
        self.pid = os.fork()
        if self.pid == 0:
            try:
                # Pytest has put objects of its own in their place.
                sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
                Supervisor(programs, directory / "log", self._write, born, adopted).run()
            finally:
                os._exit(0)

    def _write(self, processes: Mapping[str, Identity], failures: Mapping[str, Failure]) -> None:
        write_record(processes, Path("/"), 1, failures, self._record)

    def processes(self) -> Mapping[str, Identity]:
        record = read_record(self._record)
        return record.processes if record is not None else {}

    def failures(self) -> Mapping[str, Failure]:
        record = read_record(self._record)
        return record.failures if record is not None else {}

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


def test_a_successor_adopts_what_runs_and_starts_what_does_not(tmp_path: Path) -> None:
    programs = [Program("one", sleep), Program("two", sleep)]
    with Running(tmp_path, programs) as first:
        until(lambda: len(first.processes()) == 2)
        former = first.processes()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        stop({"two": former["two"]}, 0.0)
        with Running(tmp_path, programs, adopted=former) as second:
            until(lambda: second.processes().get("two", former["two"]) != former["two"])
            assert second.processes()["one"] == former["one"]
            os.kill(former["one"].pid, signal.SIGKILL)
            until(lambda: second.processes().get("one", former["one"]) != former["one"])
            children = second.processes()
            assert second.end() == 0
            assert not any(child.alive for child in children.values())


def test_an_adopted_program_is_ended_with_its_supervisor(tmp_path: Path) -> None:
    with Running(tmp_path, [Program("one", sleep)]) as first:
        until(lambda: "one" in first.processes())
        child = first.processes()["one"]
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        with Running(tmp_path, [Program("one", sleep), Program("mark", sleep)], adopted={"one": child}) as second:
            until(lambda: "mark" in second.processes())
            assert second.end() == 0
        assert not child.alive


def test_the_keeper_becomes_the_successor_of_a_supervisor_that_dies(tmp_path: Path) -> None:
    line = LifeLine()
    command = ["sh", "-c", f"echo $$ > {tmp_path}/part && mv {tmp_path}/part {tmp_path}/successor; exec sleep 1000"]
    programs = [Program("one", sleep), Program("keeper", lambda: line.keep(command))]
    with Running(tmp_path, programs, line.let_go) as running:
        line.let_go()
        until(lambda: len(running.processes()) == 2)
        processes = running.processes()
        assert not (tmp_path / "successor").exists()
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        until((tmp_path / "successor").exists)
        assert int((tmp_path / "successor").read_text()) == processes["keeper"].pid
        assert processes["one"].alive


def test_a_supervisor_that_is_told_to_stop_has_no_successor(tmp_path: Path) -> None:
    line = LifeLine()
    keeper = Program("keeper", lambda: line.keep(["touch", str(tmp_path / "successor")]), guards=True)
    programs = [keeper, Program("one", sleep)]
    with Running(tmp_path, programs, line.let_go) as running:
        line.let_go()
        until(lambda: len(running.processes()) == 2)
        child = running.processes()["keeper"]
        assert running.end() == 0
        assert not child.alive
        assert not (tmp_path / "successor").exists()


def test_guards_are_stopped_first_and_the_others_from_the_last_on(tmp_path: Path) -> None:
    def tell() -> None:
        name = Path("/proc/self/comm").read_text().removeprefix("kybern ").strip()

        def leave(*_: object) -> None:
            with (tmp_path / "order").open("a") as file:
                file.write(f"{name} ")
            os._exit(0)

        signal.signal(signal.SIGTERM, leave)
        (tmp_path / name).touch()
        sleep()

    names = {"guard", "one", "two"}
    programs = [Program("guard", tell, guards=True), Program("one", tell), Program("two", tell)]
    with Running(tmp_path, programs) as running:
        until(lambda: all((tmp_path / name).exists() for name in names))
        assert running.end() == 0
    assert (tmp_path / "order").read_text() == "guard two one "


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


def test_what_fails_is_recorded_with_its_reason(tmp_path: Path) -> None:
    def unprepared() -> None:
        raise ImportError("no such part")

    programs = [
        Program("leaves", lambda: sys.exit(3)),
        Program("killed", lambda: os.kill(os.getpid(), signal.SIGKILL)),
        Program("unprepared", sleep, prepare=unprepared),
        Program("steady", sleep),
    ]
    with Running(tmp_path, programs) as running:
        until(lambda: len(running.failures()) == 3 and all(each.times > 1 for each in running.failures().values()))
        assert {name: each.how for name, each in running.failures().items()} == {
            "leaves": "exited with 3",
            "killed": "was killed by SIGKILL",
            "unprepared": "could not be prepared (ImportError: no such part)",
        }
        assert all(0.0 <= time.monotonic() - each.at < SECONDS for each in running.failures().values())


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


def test_who_died_without_being_told_to_is_missed() -> None:
    own = identify(os.getpid())
    assert own is not None
    dead = Identity(own.pid, own.started + 1)
    wanted = {"dead": {"supervisor": dead}, "alive": {"supervisor": own}, "none wanted": {"apiserver": dead}}
    found = {name: Record(Path("/"), 1, processes).is_bereft for name, processes in wanted.items()}
    assert found == {"dead": True, "alive": False, "none wanted": False}


def test_an_age_counts_from_the_start() -> None:
    pid = os.fork()
    if pid == 0:
        sleep()
    child = identify(pid)
    assert child is not None
    assert 0.0 <= child.age_seconds < SECONDS
    stop({"child": child}, 0.0)
    os.waitpid(pid, 0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"processes": {"a": {}}}'])
def test_a_broken_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "record").write_text(text)
    assert read_record(tmp_path / "record") is None
