"""Text to tree: literals by their values, faults by the text that clients print."""

import pytest

from kybern.api.cel import CompileError, Environment, Uint, compile_expression

EXPRESSION = (
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
)
NOTHING = Environment({})


def evaluate(text: str) -> object:
    return compile_expression(text, NOTHING).evaluate({})


def faults(text: str) -> str:
    with pytest.raises(CompileError) as caught:
        compile_expression(text, NOTHING)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1F", 31),
        ("-9223372036854775808", -(2**63)),
        ("18446744073709551615u", Uint(2**64 - 1)),
        ("0xAu", Uint(10)),
        (".5e1", 5.0),
        ("1e3", 1000.0),
        (r"'\u00e9\x41\101\n\\'", "éAA\n\\"),
        (r"r'\n'", "\\n"),
        ('"""a\n"b"\'c"""', 'a\n"b"\'c'),
        ("'''it's'''", "it's"),
        (r"b'\xff\101é'", b"\xffA\xc3\xa9"),
        (r"br'\x41'", b"\\x41"),
        ("'😁'.size()", 1),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("-(1 + 2) * -3", 9),
        ("--1", 1),
        ("!!true", True),
        ("1 < 2 == true", True),
        ("true ? 1 : false ? 2 : 3", 1),
        ("[1, 2,][1]", 2),
        ("{'a': 1,}.a", 1),
        ("1 // a remark\n + 1", 2),
        ("{'null': 1}['null'] in [1]", True),
    ],
)
def test_literals_and_precedence(text: str, value: object) -> None:
    result = evaluate(text)
    assert (type(result), result) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 +", f"ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {EXPRESSION}\n | 1 +\n | ...^"),
        ("1 2", "ERROR: <input>:1:3: Syntax error: extraneous input '2' expecting <EOF>\n | 1 2\n | ..^"),
        ("(1", "ERROR: <input>:1:3: Syntax error: missing ')' at '<EOF>'\n | (1\n | ..^"),
        ("{1}", "ERROR: <input>:1:3: Syntax error: mismatched input '}' expecting ':'\n | {1}\n | ..^"),
        (
            "true ? 1",
            "ERROR: <input>:1:9: Syntax error: mismatched input '<EOF>' expecting ':'\n | true ? 1\n | ........^",
        ),
        (
            "[].true",
            "ERROR: <input>:1:4: Syntax error: mismatched input 'true' expecting IDENTIFIER\n | [].true\n | ...^",
        ),
        ("[1].'x'", "ERROR: <input>:1:5: Syntax error: no viable alternative at input '.'x''\n | [1].'x'\n | ....^"),
        ("for", "ERROR: <input>:1:1: reserved identifier: for\n | for\n | ^"),
        ("9223372036854775808", "ERROR: <input>:1:1: invalid int literal\n | 9223372036854775808\n | ^"),
        ("1e999", "ERROR: <input>:1:1: invalid double literal\n | 1e999\n | ^"),
        ("has(1)", "ERROR: <input>:1:5: invalid argument to has() macro\n | has(1)\n | ....^"),
        ("[1].all(1, true)", "ERROR: <input>:1:9: argument must be a simple name\n | [1].all(1, true)\n | ........^"),
        ("[1].map(1, 2)", "ERROR: <input>:1:9: argument is not an identifier\n | [1].map(1, 2)\n | ........^"),
        (
            "[1].all(i, i, true)",
            "ERROR: <input>:1:12: duplicate variable name: i\n | [1].all(i, i, true)\n | ...........^",
        ),
        ("{}.`a-b`", "ERROR: <input>:1:4: unsupported syntax: '`'\n | {}.`a-b`\n | ...^"),
        ("'\\ud800'", "ERROR: <input>:1:1: invalid unicode code point\n | '\\ud800'\n | ^"),
    ],
)
def test_one_fault(text: str, message: str) -> None:
    assert faults(text) == message


def test_several_faults_come_in_the_order_of_the_text() -> None:
    assert faults("1 | x") == (
        "ERROR: <input>:1:3: Syntax error: token recognition error at: '| '\n | 1 | x\n | ..^\n"
        "ERROR: <input>:1:5: Syntax error: extraneous input 'x' expecting <EOF>\n | 1 | x\n | ....^"
    )


def test_a_fault_in_brackets_does_not_hide_what_is_behind_them() -> None:
    shown = faults("{1} + [2 3] + ")
    assert "mismatched input '}' expecting ':'" in shown
    assert "mismatched input '3' expecting {']', ','}" in shown or "extraneous input '3'" in shown


def test_the_caret_stands_below_wide_characters_of_its_line() -> None:
    assert faults("'é' +\n\t'é' + x") == (
        "ERROR: <input>:2:8: undeclared reference to 'x' (in container '')\n |  'é' + x\n | ..．....^"
    )


def test_only_the_first_hundred_faults_are_shown() -> None:
    shown = faults(" + ".join(f"x{i}" for i in range(130)))
    assert shown.count("ERROR") == 100
    assert shown.endswith("30 more errors were truncated")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(" * 300 + "1" + ")" * 300, "expression recursion limit exceeded: 250"),
        ("1" + "+1" * 300, "max recursion depth exceeded"),
        ("'" + "a" * 100_000 + "'", "expression code point size exceeds limit: size: 100002, limit 100000"),
    ],
)
def test_limits(text: str, message: str) -> None:
    assert faults(text) == f"ERROR: <input>:-1:0: {message}"


def test_up_to_the_limit_nesting_works() -> None:
    depth = 240
    assert evaluate("(" * depth + "1" + ")" * depth) == 1
    assert evaluate("(1 == 2 || " * depth + "true" + ")" * depth) is True
    assert evaluate("[1].all(x, " * depth + "x == 1" + ")" * depth) is True
    assert evaluate("[1].map(x, " * depth + "x" + ")" * depth + ".size()") == 1
