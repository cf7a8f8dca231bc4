"""Logs as `kubectl logs` shows them."""

import asyncio
from pathlib import Path

import pytest

from kybern.base.errors import BadRequest
from kybern.kubelet.logs import reader
from kybern.kubelet.logs.entry import LogOptions, options_of, parse
from kybern.kubelet.logs.reader import read_log, tail_offset

LOG = b"""\
2026-01-02T03:04:05.1Z stdout F one
2026-01-02T03:04:06.000000000Z stderr F two
2026-01-02T03:04:06.5Z stdout P thr
2026-01-02T03:04:06.6Z stdout F ee
torn
2026-01-02T03:04:07Z stdout F
"""


async def ended() -> bool:
    return False


async def read(path: Path, options: LogOptions) -> str:
    return b"".join([piece async for piece in read_log(path, options, ended)]).decode()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (LogOptions(), "one\ntwo\nthree\n\n"),
        (LogOptions(stream="Stderr"), "two\n"),
        (LogOptions(tail_lines=0), ""),
        (LogOptions(tail_lines=1), "\n"),
        (LogOptions(tail_lines=99), "one\ntwo\nthree\n\n"),
        (LogOptions(limit_bytes=5), "one\nt"),
        (LogOptions(since=b"2026-01-02T03:04:06Z"), "two\nthree\n\n"),
        (LogOptions(since=b"2026-01-02T03:04:08Z"), ""),
        (
            LogOptions(timestamps=True, since=b"2026-01-02T03:04:06Z", limit_bytes=71),
            "2026-01-02T03:04:06.000000000Z two\n2026-01-02T03:04:06.5Z three\n2026-01",
        ),
        (LogOptions(follow=True), "one\ntwo\nthree\n\n"),
    ],
)
async def test_reading(tmp_path: Path, options: LogOptions, expected: str) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(LOG)
    assert await read(path, options) == expected


@pytest.mark.parametrize("count", [1, 2, 7, 4999, 5000, 6000])
def test_the_tail_is_found_across_blocks(tmp_path: Path, count: int) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"".join(b"%05d\n" % number for number in range(5000)) * 3)
    with path.open("rb") as file:
        file.seek(tail_offset(file, count))
        assert file.read().count(b"\n") == count


@pytest.mark.parametrize("line", [b"", b"x", b"time stdout", b"time stdnone F text"])
def test_what_is_no_entry(line: bytes) -> None:
    assert parse(line) is None


async def test_following_goes_on_through_a_rotation_until_the_container_ends(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"2026-01-02T03:04:05Z stdout F one\n")
    running = True

    async def is_running() -> bool:
        return running

    seen, arrived = bytearray(), asyncio.Event()

    async def follow() -> None:
        async for piece in read_log(path, LogOptions(follow=True), is_running):
            seen.extend(piece)
            arrived.set()

    async def until(text: bytes) -> None:
        async with asyncio.timeout(60):
            while bytes(seen) != text:
                await arrived.wait()
                arrived.clear()

    task = asyncio.create_task(follow())
    await until(b"one\n")
    with path.open("ab") as file:
        file.write(b"2026-01-02T03:04:05Z stdout F two\n2026-01-02T03:04:05Z stdout F thr")
    await until(b"one\ntwo\n")
    with path.open("ab") as file:
        file.write(b"ee\n")
    path.rename(tmp_path / "0.log.1")
    path.write_bytes(b"2026-01-02T03:04:05Z stdout F four\n")
    await until(b"one\ntwo\nthree\nfour\n")
    running = False
    async with asyncio.timeout(60):
        await task


async def test_a_line_without_end_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LINE_LIMIT_BYTES", 100)
    path = tmp_path / "0.log"
    path.write_bytes(b"2026-01-02T03:04:05Z stdout F " + b"x" * 200)
    assert await read(path, LogOptions()) == ""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, LogOptions()),
        ({"follow": "true", "timestamps": "1", "tailLines": "10"}, LogOptions(True, 10, None, b"", True)),
        ({"sinceSeconds": "5"}, LogOptions(since=b"2026-01-02T03:04:00Z")),
        ({"sinceTime": "2026-01-02T05:04:00+02:00"}, LogOptions(since=b"2026-01-02T03:04:00Z")),
    ],
)
def test_options(query: dict[str, str], expected: LogOptions) -> None:
    assert options_of(query, 1_767_323_045.0) == expected


@pytest.mark.parametrize(
    "query",
    [
        {"tailLines": "-1"},
        {"limitBytes": "0"},
        {"sinceSeconds": "0"},
        {"sinceSeconds": "x"},
        {"sinceTime": "yesterday"},
        {"sinceTime": "2026-01-02T05:04:00Z", "sinceSeconds": "1"},
        {"stream": "Both"},
        {"stream": "Stderr", "tailLines": "1"},
    ],
)
def test_options_that_make_no_sense(query: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        options_of(query, 0.0)
