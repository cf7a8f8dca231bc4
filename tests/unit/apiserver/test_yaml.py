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
    value = {
        "a": "yes",
        "b": "5",
        "c": 5,
        "d": [None, True, "1e3", "2026-01-01", "null", ""],
        "e": {"f": "a: b", "g": "x\ny"},
    }
    assert yaml.load(yaml.dump(value)) == value


def test_no_yaml() -> None:
    with pytest.raises(ValueError, match="yaml: line 1: did not find expected node content"):
        yaml.load(b"a: [")


def test_aliases_are_budgeted() -> None:
    bomb = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    for index, name in enumerate("bcdefg"):
        previous = "abcdefg"[index]
        bomb += f"{name}: &{name} [{','.join([f'*{previous}'] * 10)}]\n".encode()
    with pytest.raises(ValueError, match="aliasing"):
        yaml.load(bomb)


def check_keys(text: str, *expected: str) -> None:
    assert list(yaml.load(text.encode())) == list(expected)


def test_keys_are_strings() -> None:
    check_keys("1: a", "1")
    check_keys("0x10: a", "16")
    check_keys("on: a", "true")
    check_keys("n: a", "false")
    check_keys("1.5: a", "1.5")
    check_keys("1e10: a", "1e+10")
    check_keys(".inf: a", ".inf")
    check_keys('"1": a', "1")


def test_repeated_keys_are_told_by_their_lines() -> None:
    value, repeated = yaml.load_strict(b"a: 1\na: 2\nb:\n  c: 1\n  c:\n    d: 1\n")
    assert value == {"a": 2, "b": {"c": {"d": 1}}}
    assert repeated == ['line 2: key "a" already set in map', 'line 6: key "c" already set in map']


def test_merge_keys() -> None:
    assert yaml.load(b"x: &x {a: 1, b: 1}\nz: {<<: *x, b: 2}")["z"] == {"a": 1, "b": 2}


def test_texts_that_would_read_as_something_else_are_quoted() -> None:
    assert (
        yaml.dump({"d": "2026-01-01", "i": "5", "n": "y", "t": "1:30"})
        == b'd: "2026-01-01"\ni: "5"\n"n": "y"\nt: "1:30"\n'
    )
    assert yaml.dump({"x": "a\nb\n"}) == b"x: |\n  a\n  b\n"
