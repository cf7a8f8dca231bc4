"""Go's words for texts that are no time and no base64."""

import re

_DATE = (
    ("2006", r"\d{4}"), ("-", "-"), ("01", r"\d\d"), ("-", "-"), ("02", r"\d\d"), ("T", "T"),
    ("15", r"\d\d"), (":", ":"), ("04", r"\d\d"), (":", ":"), ("05", r"\d\d"),
)  # fmt: skip
_ZONE = ("Z07:00", r"Z|[+-]\d\d:\d\d")
_LAYOUT = "2006-01-02T15:04:05"
_LIMITS = ((5, 1, 12, "month"), (8, 1, 31, "day"), (11, 0, 23, "hour"), (14, 0, 59, "minute"), (17, 0, 59, "second"))


def time(text: str, *, micro: bool) -> str:
    """`parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"`."""
    fraction = (".000000", r"\.\d{6}") if micro else ("", r"([.,]\d+)?")
    layout = _LAYOUT + (".000000" if micro else "") + "Z07:00"
    rest = text
    for element, pattern in (*_DATE, fraction, _ZONE):
        match = re.match(pattern, rest, re.ASCII)
        if match is None:
            return f'parsing time {_quote(text)} as "{layout}": cannot parse {_quote(rest)} as "{element}"'
        rest = rest[match.end() :]
    if rest:
        return f"parsing time {_quote(text)}: extra text: {_quote(rest)}"
    for start, low, high, what in _LIMITS:
        if not low <= int(text[start : start + 2]) <= high:
            return f'parsing time "{text}": {what} out of range'
    return f'parsing time "{text}": day out of range'


def _quote(text: str) -> str:
    """As Go's package time quotes: only what is not plain ASCII is escaped, byte by byte."""
    shown = (
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 0x20 <= byte < 0x80 else f"\\x{byte:02x}"
        for byte in text.encode()
    )
    return f'"{"".join(shown)}"'


def base64(text: str) -> str:
    """`illegal base64 data at input byte 3`: the first character that fits no group of four."""
    match = re.search(r"[^A-Za-z0-9+/\r\n]", text)
    body = text if match is None else text[: match.start()]
    count = sum(character not in "\r\n" for character in body)
    if match is None:
        return f"illegal base64 data at input byte {len(text) - count % 4}"
    padding = text[match.start() :].replace("\n", "").replace("\r", "")
    if count % 4 == 2 and padding.startswith("=") and not padding.startswith("=="):
        return f"illegal base64 data at input byte {match.start() if len(padding) > 1 else len(text)}"
    if count % 4 in (2, 3) and padding.startswith("="):
        return f"illegal base64 data at input byte {match.start() + 4 - count % 4}"
    return f"illegal base64 data at input byte {match.start()}"
