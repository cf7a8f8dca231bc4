"""YAML scalars as Go's clients read and print them."""

import pytest

from kybern.apiserver import yaml


def check(text: str, expected: object) -> None:
    assert yaml.load(f"x: {text}".encode()) == {"x": expected}


def test_scalars() -> None:
    check("2026-01-01", "2026-01-01")
    check("1:30", "1:30")
    check("yes", True)
    check("off", False)
    check("010", 8)
    check("0x1f", 31)
    check("1e3", 1000.0)
    check("~", None)
    check("", None)
    check('"5"', "5")
    check("5", 5)


def test_what_is_dumped_reads_as_it_was() -> None:
    value = {"a": "yes", "b": "5", "c": 5, "d": [None, True, "1e3", "2026-01-01", "null", ""], "e": {"f": "a: b"}}
    assert yaml.load(yaml.dump(value)) == value


def test_no_yaml() -> None:
    with pytest.raises(ValueError, match="error converting YAML"):
        yaml.load(b"a: [")


def test_aliases_are_budgeted() -> None:
    bomb = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    for index, name in enumerate("bcdefg"):
        previous = "abcdefg"[index]
        bomb += f"{name}: &{name} [{','.join([f'*{previous}'] * 10)}]\n".encode()
    with pytest.raises(ValueError, match="aliasing"):
        yaml.load(bomb)
