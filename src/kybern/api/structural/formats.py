"""The formats of strings that upstream checks (kube-openapi pkg/validation/strfmt, apiserver/validation/formats.go)."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

from kybern.api.structural.patterns import matches
from kybern.api.structural.schema import Schema, types

Check = Callable[[str], bool]

_UUID = "[0-9a-f]{8}-?[0-9a-f]{4}-?%s[0-9a-f]{3}-?%s[0-9a-f]{3}-?[0-9a-f]{12}"


def _pattern(text: str, flags: int = 0) -> Check:
    return lambda value, _match=re.compile(text, flags | re.ASCII).fullmatch: _match(value) is not None  # type: ignore[misc]


_WORD = r"a-zA-Z0-9\p{S}\p{L}"
_ONE = rf"[{_WORD}]((-?[{_WORD}]{{0,62}})?)"
_DOTTED = rf"([{_WORD}](([{_WORD}-]{{0,61}}[{_WORD}])?)(\.)){{1,}}([a-zA-Z\p{{L}}]){{2,63}}"
_HOSTNAME = f"^({_ONE}|{_DOTTED})$"
"""Letters of any script, and symbols: in RE2's syntax, which alone knows these classes."""
_SHORT = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_short_name = _pattern(_SHORT)
_long_name = _pattern(rf"{_SHORT}(?:\.{_SHORT})*")
_email = _pattern(
    r"(?:[^<>@\"]*<)?(?:[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*|\"[^\"\r\n]+\")"
    r"@[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*>?"
)
_octets = _pattern(r"(?:\d{1,3}\.){3}\d{1,3}")
_mac = _pattern(
    r"(?i:[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}|(?::[0-9a-f]{2}){7}|(?::[0-9a-f]{2}){19}"
    r"|(?:-[0-9a-f]{2}){5}|(?:-[0-9a-f]{2}){7}|(?:-[0-9a-f]{2}){19})"
    r"|[0-9a-f]{4}(?:(?:\.[0-9a-f]{4}){2}|(?:\.[0-9a-f]{4}){3}|(?:\.[0-9a-f]{4}){9}))"
)
_base64 = _pattern(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
_rgb = _pattern(
    r"rgb\(\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,"
    r"\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)"
)
_credit_card = _pattern(
    r"4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}"
    r"|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11}"
)
_go_duration = _pattern(r"[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_DURATION_PART = re.compile(r"(\d+)\s*([A-Za-zµ]+)")
_UNITS = ("ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk")
_UNIT_BEGINNINGS = ("nano", "micro", "milli", "sec", "min", "hour", "day", "week")
_CLOCK = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))")


def _ipv4(text: str) -> bool:
    if not _octets(text):
        return _ipv6(text) and "." in text
    return all(int(octet) < 256 for octet in text.split("."))


def _ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return "%" not in text


def _cidr(text: str) -> bool:
    address, slash, length = text.partition("/")
    if not slash or not length.isdecimal() or not length.isascii():
        return False
    return int(length) <= (32 if _octets(address) else 128) and (_ipv4(address) or _ipv6(address))


def _is_hostname(text: str) -> bool:
    encoded = text.encode()
    fits = len(encoded) <= 255 and all(len(part) <= 63 for part in encoded.split(b"."))
    return fits and matches(_HOSTNAME, text)


def _uri(text: str) -> bool:
    """As Go's url.ParseRequestURI: absolute, or an absolute path."""
    if not text or any(ord(rune) < 0x21 or rune == "\x7f" for rune in text):
        return False
    return text == "*" or text.startswith("/") or bool(re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:[/]?[^/]*", text))


def _isbn10(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text)
    if not re.fullmatch(r"[0-9]{9}X|[0-9]{10}", digits, re.ASCII):
        return False
    return sum((index + 1) * (10 if rune == "X" else int(rune)) for index, rune in enumerate(digits)) % 11 == 0


def _isbn13(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text)
    if not re.fullmatch(r"[0-9]{13}", digits, re.ASCII):
        return False
    return sum(int(rune) * (3 if index % 2 else 1) for index, rune in enumerate(digits)) % 10 == 0


def _is_credit_card(text: str) -> bool:
    digits = re.sub(r"[^0-9]+", "", text)
    if not _credit_card(digits):
        return False
    doubled = [int(rune) * (1 + index % 2) for index, rune in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def _date(text: str) -> bool:
    try:
        return len(text) == 10 and text.isascii() and text[4] == "-" and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _date_time(text: str) -> bool:
    day, _, clock = text.lower().partition("t")
    match = _CLOCK.fullmatch(clock)
    return match is not None and _date(day) and match[1] <= "23" and match[2] <= "59" and match[3] <= "59"


def _duration(text: str) -> bool:
    if _go_duration(text):
        return True
    units = [part[2].strip().lower() for part in _DURATION_PART.finditer(text)]
    return any(unit in _UNITS or unit.startswith(_UNIT_BEGINNINGS) for unit in units)


FORMATS: Mapping[str, Check] = {
    "bsonobjectid": _pattern(r"[0-9a-fA-F]{24}"),
    "uri": _uri,
    "email": _email,
    "hostname": _is_hostname,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "cidr": _cidr,
    "mac": _mac,
    "uuid": _pattern(_UUID % ("[0-9a-f]", "[0-9a-f]"), re.IGNORECASE),
    "uuid3": _pattern(_UUID % ("3", "[0-9a-f]"), re.IGNORECASE),
    "uuid4": _pattern(_UUID % ("4", "[89ab]"), re.IGNORECASE),
    "uuid5": _pattern(_UUID % ("5", "[89ab]"), re.IGNORECASE),
    "isbn": lambda text: _isbn10(text) or _isbn13(text),
    "isbn10": _isbn10,
    "isbn13": _isbn13,
    "creditcard": _is_credit_card,
    "ssn": _pattern(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    "hexcolor": _pattern(r"#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "rgbcolor": _rgb,
    "byte": _base64,
    "password": lambda text: True,
    "date": _date,
    "duration": _duration,
    "datetime": _date_time,
    "k8sshortname": lambda text: len(text) <= 63 and _short_name(text),
    "k8slongname": lambda text: len(text) <= 253 and _long_name(text),
}
"""By name without dashes (`date-time` is `datetime`)."""


def format_of(schema: Schema) -> str:
    """The format that counts for a schema's values; "" where upstream ignores what is written."""
    return "" if not schema.get("format") or is_unrecognized(schema) else str(schema["format"])


def is_unrecognized(schema: Schema) -> bool:
    """Whether upstream warns of the format and ignores it."""
    given = schema.get("format")
    if not given:
        return False
    kinds = types(schema)
    match kinds[0] if len(kinds) == 1 else "":
        case "" | "string":
            return given.replace("-", "") not in FORMATS
        case "integer":
            return given not in ("int32", "int64")
        case "number":
            return given not in ("float", "double")
        case _:
            return True


@lru_cache(maxsize=1024)
def check_of(name: str) -> Check | None:
    return FORMATS.get(name.replace("-", ""))
