"""The last words of programs that fail."""

from pathlib import Path

from kybern.supervisor.logs import LAST_BYTES, Logs

STACK = """Traceback (most recent call last):
  File "/opt/kybern/server.py", line 3, in <module>
    import nothing
    ^^^^^^^^^^^^^^
ModuleNotFoundError: No module named 'nothing'
"""


def check(directory: Path, former: str, later: str, expected: list[str]) -> None:
    log = directory / "one.log"
    log.write_text(former)
    logs = Logs(directory)
    with log.open("a") as file:
        file.write(later)
    told = [f"{log} ends with:", *(f"    {line}" for line in expected)] if expected else [f"see {directory}"]
    assert logs.last_words("one") == "\n".join(told)


def test_of_an_exception_its_own_words_are_told_once(tmp_path: Path) -> None:
    check(tmp_path, "", STACK * 3, ["ModuleNotFoundError: No module named 'nothing'"])


def test_what_was_said_before_is_not_told(tmp_path: Path) -> None:
    check(tmp_path, "told to stop\n", "", [])
    check(tmp_path, "told to stop\n", "no room\n", ["no room"])


def test_only_the_last_lines_are_told(tmp_path: Path) -> None:
    check(tmp_path, "", "a\nb\nc\n\nd\n", ["b", "c", "d"])
    check(tmp_path, "", "x" * LAST_BYTES + "y\nlast\n", ["last"])


def test_a_log_that_was_put_aside_is_told_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    log.write_text("much\n" * 10)
    logs = Logs(tmp_path)
    log.write_text("new\n")
    assert logs.last_words("one") == f"{log} ends with:\n    new"


def test_who_says_nothing_is_spoken_for(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    (tmp_path / "supervisor.log").write_text("one was killed by SIGKILL\n")
    expected = f"{tmp_path / 'supervisor.log'} ends with:\n    one was killed by SIGKILL"
    assert logs.last_words("one", "supervisor") == expected
