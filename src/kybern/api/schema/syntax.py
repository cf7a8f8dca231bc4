"""Go's words for a document that is no JSON. Only asked when the parser has refused the document."""

import re

_SPACE = re.compile(r"[ \t\r\n]*")
_TEXT = re.compile(r'[^"\\\x00-\x1f]*')
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_BEGINNING = "looking for beginning of value"
_END = "unexpected end of JSON input"


class _Fault(Exception):
    """The text is Go's message."""


def fault(body: bytes) -> str:
    """The first fault of a document, "" where Go would find none."""
    text = body.decode("utf-8", "replace")
    try:
        end = _value(text, _skip(text, 0))
        end = _skip(text, end)
        if end < len(text):
            raise _invalid(text, end, "after top-level value")
    except _Fault as found:
        return str(found)
    except RecursionError:
        return f"invalid character '{max('[{', key=text.count)}' exceeded max depth"
    return ""


def summary(body: bytes) -> str:
    """The beginning of a body, as upstream shows it."""
    if not body:
        return "<empty>"
    start = body[:30]
    shown = start.decode("utf-8", "replace") if body[:1] == b"{" else start.hex()
    return shown + (" ..." if len(body) > 30 else "")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _invalid(text: str, at: int, context: str) -> _Fault:
    if at >= len(text):
        return _Fault(_END)
    character = chr(text[at].encode()[0])  # Go tells bytes.
    shown = {"'": r"'\''", '"': "'\"'"}.get(character) or "'" + repr(character + '"')[1:-2] + "'"
    return _Fault(f"invalid character {shown} {context}")


def _value(text: str, at: int) -> int:
    first = text[at : at + 1]
    if first == "{":
        return _members(text, at + 1)
    if first == "[":
        return _elements(text, at + 1)
    if first == '"':
        return _string(text, at)
    if first in _LITERALS:
        return _literal(text, at, _LITERALS[first])
    if first and first in "-0123456789":
        return _number(text, at)
    raise _invalid(text, at, _BEGINNING)


def _members(text: str, at: int) -> int:
    at = _skip(text, at)
    if text[at : at + 1] == "}":
        return at + 1
    while True:
        if text[at : at + 1] != '"':
            raise _invalid(text, at, "looking for beginning of object key string")
        at = _skip(text, _string(text, at))
        if text[at : at + 1] != ":":
            raise _invalid(text, at, "after object key")
        at = _skip(text, _value(text, _skip(text, at + 1)))
        if text[at : at + 1] == "}":
            return at + 1
        if text[at : at + 1] != ",":
            raise _invalid(text, at, "after object key:value pair")
        at = _skip(text, at + 1)


def _elements(text: str, at: int) -> int:
    at = _skip(text, at)
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        at = _skip(text, _value(text, at))
        if text[at : at + 1] == "]":
            return at + 1
        if text[at : at + 1] != ",":
            raise _invalid(text, at, "after array element")
        at = _skip(text, at + 1)


def _string(text: str, at: int) -> int:
    match = _TEXT.match(text, at + 1)
    assert match is not None
    at = match.end()
    while text[at : at + 1] != '"':
        if text[at : at + 1] != "\\":
            raise _invalid(text, at, "in string literal")
        escaped = text[at + 1 : at + 2]
        if escaped == "u":
            for digit in range(at + 2, at + 6):
                if text[digit : digit + 1] not in tuple("0123456789abcdefABCDEF"):
                    raise _invalid(text, digit, "in \\u hexadecimal character escape")
            at += 6
        elif escaped and escaped in 'bfnrt\\/"':
            at += 2
        else:
            raise _invalid(text, at + 1, "in string escape code")
        match = _TEXT.match(text, at)
        assert match is not None
        at = match.end()
    return at + 1


def _literal(text: str, at: int, word: str) -> int:
    for offset, expected in enumerate(word):
        if text[at + offset : at + offset + 1] != expected:
            raise _invalid(text, at + offset, f"in literal {word} (expecting '{expected}')")
    return at + len(word)


def _number(text: str, at: int) -> int:
    if text[at] == "-":
        at += 1
        if not text[at : at + 1].isdecimal():
            raise _invalid(text, at, "in numeric literal")
    at = at + 1 if text[at] == "0" else _digits(text, at)
    if text[at : at + 1] == ".":
        at += 1
        if not text[at : at + 1].isdecimal():
            raise _invalid(text, at, "after decimal point in numeric literal")
        at = _digits(text, at)
    if text[at : at + 1] in ("e", "E"):
        at += 2 if text[at + 1 : at + 2] in ("+", "-") else 1
        if not text[at : at + 1].isdecimal():
            raise _invalid(text, at, "in exponent of numeric literal")
        at = _digits(text, at)
    return at


def _digits(text: str, at: int) -> int:
    while text[at : at + 1].isdecimal():
        at += 1
    return at
