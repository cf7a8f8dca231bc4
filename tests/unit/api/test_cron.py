"""Schedules: what upstream's parser accepts, and when they occur."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from kybern.api.cron import CronError, parse


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("*/15 * * * *", "2012-07-09T14:45:00", "2012-07-09T15:00:00"),
        ("*/15 * * * *", "2012-07-09T14:59:59", "2012-07-09T15:00:00"),
        ("20-35/15 * * * *", "2012-07-09T15:45:00", "2012-07-09T16:20:00"),
        ("5/15 * * * *", "2012-07-09T15:51:00", "2012-07-09T16:05:00"),
        ("0 0 29 feb *", "2013-03-01T00:00:00", "2016-02-29T00:00:00"),
        ("0 0 30 2 *", "2013-03-01T00:00:00", None),
        ("0 0 1,15 * sun", "2012-07-09T00:00:00", "2012-07-15T00:00:00"),
        ("0 0 13 * 5", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        ("0 0 13 * *", "2026-01-01T00:00:00", "2026-01-13T00:00:00"),
        ("0 0 */2 * 5", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        ("@hourly", "2026-01-01T10:30:00", "2026-01-01T11:00:00"),
        ("@weekly", "2026-01-01T10:30:00", "2026-01-04T00:00:00"),
        ("@yearly", "2026-01-01T10:30:00", "2027-01-01T00:00:00"),
        ("@every 1h30m", "2026-01-01T10:30:00", "2026-01-01T12:00:00"),
        ("@every 500ms", "2026-01-01T10:30:00", "2026-01-01T10:30:01"),
        ("TZ=Asia/Tokyo 30 9 * * *", "2026-01-01T00:00:00", "2026-01-01T00:30:00"),
        ("CRON_TZ=UTC 30 9 * * ?", "2026-01-01T00:00:00", "2026-01-01T09:30:00"),
        ("0 22-23,0-6 * * 1-5", "2026-01-02T07:00:00", "2026-01-02T22:00:00"),
    ],
)
def test_next(schedule: str, after: str, expected: str | None) -> None:
    assert parse(schedule).next(at(after)) == (expected and at(expected))


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        # 2:30 does not exist on 11 March 2012 in New York, 1:30 exists twice on 4 November.
        ("30 2 * * *", "2012-03-11T00:00:00-05:00", "2012-03-12T02:30:00-04:00"),
        ("30 1 * * *", "2012-11-04T00:00:00-04:00", "2012-11-04T01:30:00-04:00"),
        ("30 1 * * *", "2012-11-04T01:30:00-04:00", "2012-11-04T01:30:00-05:00"),
        ("0 * * * *", "2012-03-11T01:00:00-05:00", "2012-03-11T03:00:00-04:00"),
        ("0 0 * * *", "2012-11-04T00:00:00-04:00", "2012-11-05T00:00:00-05:00"),
    ],
)
def test_summer_time(schedule: str, after: str, expected: str) -> None:
    found = parse(schedule, "America/New_York").next(datetime.fromisoformat(after).timestamp())
    assert found == datetime.fromisoformat(expected).timestamp()


def test_midnight_that_summer_time_skips() -> None:
    """In São Paulo 21 October 2012 began at 1:00: a daily schedule at midnight goes on with the next day."""
    found = parse("0 0 * * *", "America/Sao_Paulo").next(at("2012-10-20T12:00:00", "America/Sao_Paulo"))
    assert found == at("2012-10-22T00:00:00", "America/Sao_Paulo")


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("@often", "unrecognized descriptor: @often"),
        ("@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'),
        ("TZ=Nowhere/Land * * * * *", "provided bad location Nowhere/Land: unknown time zone Nowhere/Land"),
    ],
)
def test_refused(schedule: str, message: str) -> None:
    with pytest.raises(CronError) as caught:
        parse(schedule)
    assert str(caught.value) == message
