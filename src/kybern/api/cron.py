"""Cron schedules as upstream's parser reads them (github.com/robfig/cron v3, ParseStandard), purely.

Five fields (minute, hour, day of month, month, day of week), names of months and days, lists, ranges, steps, `@hourly`
and its like, `@every 1h30m`, `TZ=Area/City` in front. Days of the week are 0 to 6. When both day fields are restricted
either suffices. A wall-clock time that a change to summer time skips does not occur that day; one that happens twice
occurs twice.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

YEARS_LIMIT = 5
"""A schedule that does not occur within so many years (February 30) never does."""

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")


class CronError(ValueError):
    """The text is no schedule; the message is the parser's."""


@dataclass(frozen=True, slots=True)
class _Field:
    """The values that a field allows, and whether it was a plain `*`."""

    values: frozenset[int]
    star: bool


@dataclass(frozen=True, slots=True)
class Every:
    """A constant distance from any time."""

    seconds: int

    def next(self, after: float) -> float | None:
        """The next time, in whole seconds since the epoch."""
        return float(int(after) + self.seconds)


@dataclass(frozen=True, slots=True)
class Fields:
    """Wall-clock times in a zone."""

    minute: _Field
    hour: _Field
    day: _Field
    month: _Field
    weekday: _Field
    zone: tzinfo

    def next(self, after: float) -> float | None:
        """The first time later than `after` (seconds since the epoch); None if there is none in YEARS_LIMIT years."""
        stamp = float(int(after) // 60 * 60 + 60)
        limit = datetime.fromtimestamp(after, self.zone).year + YEARS_LIMIT
        while True:
            local = datetime.fromtimestamp(stamp, self.zone)
            if local.year > limit:
                return None
            if local.month not in self.month.values:
                first = local.replace(day=1, hour=0, minute=0, second=0, fold=0)
                stamp = (first + timedelta(days=32)).replace(day=1).timestamp()
            elif not self._day_matches(local):
                midnight = local.replace(hour=0, minute=0, second=0, fold=0)
                stamp = max((midnight + timedelta(days=1)).timestamp(), stamp + 60)
            elif local.hour not in self.hour.values:
                stamp += 3600 - local.minute * 60 - local.second
            elif local.minute not in self.minute.values:
                stamp += 60 - local.second
            else:
                return stamp - local.second

    def _day_matches(self, local: datetime) -> bool:
        by_day = local.day in self.day.values
        by_weekday = local.isoweekday() % 7 in self.weekday.values
        if self.day.star or self.weekday.star:
            return by_day and by_weekday
        return by_day or by_weekday


Schedule = Every | Fields


def parse(text: str, time_zone: str = "") -> Schedule:
    """A schedule; `time_zone` is the CronJob's (spec.timeZone), UTC without one. Raises CronError.

    Parsed schedules are kept: the same text is parsed once.
    """
    return _parse(text, time_zone)


@lru_cache(maxsize=1024)
def _parse(text: str, time_zone: str) -> Schedule:
    if not text:
        raise CronError("empty spec string")
    zone = zone_of(time_zone or "UTC")
    if text.startswith(("TZ=", "CRON_TZ=")):
        name, _, text = text.partition("=")[2].partition(" ")
        zone = zone_of(name)
        text = text.strip()
    if text.startswith("@"):
        if text.startswith("@every "):
            return Every(max(int(duration(text.removeprefix("@every "))), 1))
        if text not in _DESCRIPTORS:
            raise CronError(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    parts = text.split()
    if len(parts) != 5:
        raise CronError(f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]")
    return Fields(
        _field(parts[0], 0, 59),
        _field(parts[1], 0, 23),
        _field(parts[2], 1, 31),
        _field(parts[3], 1, 12, _MONTHS, first=1),
        _field(parts[4], 0, 6, _DAYS),
        zone,
    )


def zone_of(name: str) -> tzinfo:
    """A time zone of the IANA database. Raises CronError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CronError(f"provided bad location {name}: unknown time zone {name}") from error


def duration(text: str) -> float:
    """Seconds of a Go duration: `1h30m`, `1.5h`, `90s`. Raises CronError."""
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise CronError(f'failed to parse duration @every {text}: time: invalid duration "{text}"')
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _field(text: str, lowest: int, highest: int, names: Sequence[str] = (), *, first: int = 0) -> _Field:
    values: set[int] = set()
    star = False
    for part in filter(None, text.split(",")):
        bounds, slash, step_text = part.partition("/")
        if "/" in step_text:
            raise CronError(f"too many slashes: {part}")
        low_text, dash, high_text = bounds.partition("-")
        if "-" in high_text:
            raise CronError(f"too many hyphens: {part}")
        step = _number(step_text, part) if slash else 1
        if low_text in ("*", "?"):
            low, high = lowest, highest
            star = star or step == 1
        else:
            low = _value(low_text, names, first, part)
            high = _value(high_text, names, first, part) if dash else low
            if slash and not dash:
                high = highest
        _check(low, high, step, lowest, highest, part)
        values.update(range(low, high + 1, step))
    return _Field(frozenset(values), star)


def _check(low: int, high: int, step: int, lowest: int, highest: int, part: str) -> None:
    if low < lowest:
        raise CronError(f"beginning of range ({low}) below minimum ({lowest}): {part}")
    if high > highest:
        raise CronError(f"end of range ({high}) above maximum ({highest}): {part}")
    if low > high:
        raise CronError(f"beginning of range ({low}) beyond end of range ({high}): {part}")
    if step == 0:
        raise CronError(f"step of range should be a positive number: {part}")


def _value(text: str, names: Sequence[str], first: int, part: str) -> int:
    lowered = text.lower()
    return names.index(lowered) + first if lowered in names else _number(text, part)


def _number(text: str, part: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise CronError(f'failed to parse int from {part}: strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)
