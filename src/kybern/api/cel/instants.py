"""Timestamps and durations, exact to the nanosecond, with Go's ways of reading and writing them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import total_ordering
from zoneinfo import ZoneInfo

from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.literals import INT_MAX, INT_MIN
from kybern.api.cel.values import NANOS, register_name

MIN_SECONDS, MAX_SECONDS = -62_135_596_800, 253_402_300_799
"""Years 1 to 9999."""

MAX_DIGITS = 19
"""Digits of an int64; numbers in texts that have more are out of every range."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": NANOS, "m": 60 * NANOS, "h": 3600 * NANOS}
_DURATION = re.compile(r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+")
_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)


@total_ordering
class Duration:
    """A span of time in nanoseconds, an int64."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        if not INT_MIN <= nanos <= INT_MAX:
            raise EvaluationError("duration overflow")
        self.nanos = nanos

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.nanos == other.nanos

    def __lt__(self, other: Duration) -> bool:
        return self.nanos < other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __repr__(self) -> str:
        return f"Duration({self.nanos})"

    def __str__(self) -> str:
        """Seconds as the shortest decimal, `1.5s`; added up in doubles as Go does, so that some end in many nines."""
        seconds = self.whole(NANOS) + (self.nanos - self.whole(NANOS) * NANOS) / NANOS
        text = repr(seconds) if "e" not in repr(seconds) else f"{seconds:.9f}".rstrip("0")
        return text.removesuffix(".0").rstrip(".") + "s"

    def whole(self, unit_nanos: int) -> int:
        """In whole units, towards zero."""
        return abs(self.nanos) // unit_nanos * (-1 if self.nanos < 0 else 1)


@total_ordering
class Timestamp:
    """A moment in nanoseconds since 1970; `offset` (seconds east of UTC) matters only to its text."""

    __slots__ = ("nanos", "offset")

    def __init__(self, nanos: int, offset: int = 0) -> None:
        if not MIN_SECONDS <= nanos // NANOS <= MAX_SECONDS:
            raise EvaluationError("timestamp overflow")
        self.nanos = nanos
        self.offset = offset

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.nanos == other.nanos

    def __lt__(self, other: Timestamp) -> bool:
        return self.nanos < other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __repr__(self) -> str:
        return f"Timestamp({self})"

    def __str__(self) -> str:
        """RFC 3339 with as many digits of the second as are needed."""
        local = self.at(timezone(timedelta(seconds=self.offset)))
        fraction = f".{self.nanos % NANOS:09d}".rstrip("0").rstrip(".")
        sign, minutes = ("-", -self.offset // 60) if self.offset < 0 else ("+", self.offset // 60)
        zone = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}" if self.offset else "Z"
        day = f"{local.year:04d}-{local.month:02d}-{local.day:02d}"
        return f"{day}T{local.hour:02d}:{local.minute:02d}:{local.second:02d}{fraction}{zone}"

    def at(self, zone: tzinfo) -> datetime:
        """The wall clock there; without what is below a second."""
        try:
            return (_EPOCH + timedelta(seconds=self.nanos // NANOS)).astimezone(zone)
        except OverflowError:
            raise EvaluationError("timestamp overflow") from None


register_name(Duration, "google.protobuf.Duration")
register_name(Timestamp, "google.protobuf.Timestamp")


def parse_duration(text: str) -> Duration | None:
    """Go's `time.ParseDuration`: `1h30m`, `-1.5s`; None if it is none."""
    if text in ("0", "+0", "-0"):
        return Duration(0)
    if not _DURATION.fullmatch(text):
        return None
    nanos = 0
    for whole, fraction, unit in _DURATION_PART.findall(text):
        if len(whole.lstrip("0")) > MAX_DIGITS:
            return None
        fraction = fraction[:MAX_DIGITS]
        scale = _UNITS[unit]
        nanos += int(whole or "0") * scale
        if fraction:
            nanos += int(fraction) * scale // 10 ** len(fraction)
    nanos = -nanos if text.startswith("-") else nanos
    return Duration(nanos) if INT_MIN <= nanos <= INT_MAX else None


def parse_timestamp(text: str) -> Timestamp | None:
    """Go's `time.Parse(time.RFC3339)`; None if it is none. Raises EvaluationError outside the years 1 to 9999."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if match[8] and (int(match[9]) > 24 or int(match[10]) > 60):
        return None
    offset = (int(match[9]) * 3600 + int(match[10]) * 60) * (-1 if match[8] == "-" else 1) if match[8] else 0
    if year == 0:
        raise EvaluationError("timestamp overflow")
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    seconds = (moment - _EPOCH) // timedelta(seconds=1) - offset
    nanos = int((match[7] or "0")[:9].ljust(9, "0"))
    return Timestamp(seconds * NANOS + nanos, offset)


def time_zone(name: str) -> tzinfo:
    """A zone by name or as `+05:30`. Raises EvaluationError."""
    if ":" in name:
        hours, _, minutes = name.partition(":")
        if not re.fullmatch(r"[+-]?\d{1,9}", hours) or not re.fullmatch(r"[+-]?\d{1,9}", minutes):
            raise EvaluationError(f'strconv.Atoi: parsing "{hours}": invalid syntax')
        total = int(hours) * 60 + (-int(minutes) if name.startswith("-") else int(minutes))
        if abs(total) < 24 * 60:
            return timezone(timedelta(minutes=total))
        raise EvaluationError(f"unknown time zone {name}")
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise EvaluationError(f"unknown time zone {name}") from None
