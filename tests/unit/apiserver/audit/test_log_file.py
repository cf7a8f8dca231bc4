"""The audit's file: set aside when full, and old ones removed."""

from pathlib import Path

from kybern.apiserver.audit.log_file import LINES_LIMIT, LogFile


def test_lines_are_in_the_file_when_flushed_and_appended(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "audit.log"
    for text in (b"a\n", b"b\n"):
        file = LogFile(path)
        file.write(text)
        file.write(text)
        file.flush()
        assert path.read_bytes().endswith(text * 2)
        file.write(b"last\n")
        file.close()
    assert path.read_bytes() == b"a\na\nlast\nb\nb\nlast\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_file_is_set_aside_and_only_some_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    file = LogFile(path, max_bytes=10, max_files=2)
    for number in range(10):
        file.write(b"%09d\n" % number)
        assert len(list(tmp_path.iterdir())) == min(number + 1, 3)
    file.close()
    assert path.read_bytes() == b"000000009\n"
    olds = sorted(each for each in tmp_path.iterdir() if each != path)
    assert [old.read_bytes() for old in olds] == [b"000000007\n", b"000000008\n"]


def test_lines_do_not_wait_without_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    file = LogFile(path)
    for _ in range(LINES_LIMIT + 1):
        file.write(b"line\n")
    assert path.read_bytes() == b"line\n" * LINES_LIMIT
    file.close()
    assert path.read_bytes() == b"line\n" * (LINES_LIMIT + 1)
