"""Values of flags."""

import argparse

import pytest

from kybern.cli.values import add_boolean, boolean, names, ports, seconds, whole_seconds


def test_values_are_read_as_upstream_reads_them() -> None:
    assert [seconds(text) for text in ("1h30m", "1.5s", "250ms", "0", "90")] == [5400.0, 1.5, 0.25, 0.0, 90.0]
    assert whole_seconds("1m30s") == 90
    assert [boolean(text) for text in ("true", "T", "1", "false", "F", "0")] == [True] * 3 + [False] * 3
    assert (names("a,,b"), names("")) == (("a", "b"), ())
    assert ports("30000-32767") == (30000, 32767)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (seconds, "1 h"),
        (seconds, "h"),
        (boolean, "yes"),
        (ports, "1"),
        (ports, "2-1"),
        (ports, "0-9"),
        (ports, "1-65536"),
    ],
)
def test_values_that_are_none(read: object, text: str) -> None:
    assert callable(read)
    with pytest.raises(argparse.ArgumentTypeError):
        read(text)


def test_booleans_need_no_value() -> None:
    parser = argparse.ArgumentParser()
    add_boolean(parser, "--elect", False, "whether")
    found = [parser.parse_args(line).elect for line in ([], ["--elect"], ["--elect=true"], ["--elect=false"])]
    assert found == [False, True, True, False]
