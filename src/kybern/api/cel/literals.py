"""The values of literals: numbers, and strings with their quotes and escapes."""

import re

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
UINT_MAX = 2**64 - 1

_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "`": "`",
    "?": "?",
}
_ESCAPE = re.compile(r"\\(?:([xX])([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.S)


def parse_int(text: str) -> int | None:
    """The value of an int literal with its sign, or None if it is no int64."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    if len(digits) > 64:
        return None
    number = sign * (int(digits[2:], 16) if digits.startswith("0x") else int(digits))
    return number if INT_MIN <= number <= INT_MAX else None


def parse_uint(text: str) -> int | None:
    """The value of a uint literal with its suffix, or None if it is no uint64."""
    digits = text[:-1]
    if len(digits) > 64:
        return None
    number = int(digits[2:], 16) if digits.startswith("0x") else int(digits)
    return number if number <= UINT_MAX else None


def parse_double(text: str) -> float | None:
    """The value of a double literal, or None if it is too large."""
    number = float(text)
    return None if number in (float("inf"), float("-inf")) else number


def unquote(text: str) -> str:
    """The value of a string literal. Raises ValueError with cel-go's message."""
    body, raw = _body(text)
    return body if raw or "\\" not in body else _ESCAPE.sub(_character, body)


def unquote_bytes(text: str) -> bytes:
    """The value of a bytes literal (without its `b`). Raises ValueError with cel-go's message."""
    body, raw = _body(text)
    if raw or "\\" not in body:
        return body.encode("utf-8", "surrogatepass")
    parts: list[bytes] = []
    position = 0
    for match in _ESCAPE.finditer(body):
        parts.append(body[position : match.start()].encode("utf-8", "surrogatepass"))
        if match[3] or match[4]:
            raise ValueError("unable to unescape string")
        code = int(match[2], 16) if match[2] else int(match[5], 8) if match[5] else ord(_SIMPLE[match[6]])
        parts.append(bytes((code,)))
        position = match.end()
    parts.append(body[position:].encode("utf-8", "surrogatepass"))
    return b"".join(parts)


def _body(text: str) -> tuple[str, bool]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    raw = text[0] in "rR"
    if raw:
        text = text[1:]
    quotes = 3 if len(text) >= 6 and text[:3] in ('"""', "'''") else 1
    return text[quotes:-quotes], raw


def _character(match: re.Match[str]) -> str:
    digits = match[2] or match[3] or match[4]
    if match[6]:
        return _SIMPLE[match[6]]
    code = int(digits, 16) if digits else int(match[5], 8)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError("invalid unicode code point")
    return chr(code)
