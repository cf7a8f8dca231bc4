"""Where a process spends its time, or stands: samples of stacks in pprof's format, which `go tool pprof` reads.

Source: https://github.com/google/pprof/blob/main/proto/profile.proto (the numbers of the fields).
"""

import gzip
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from types import FrameType

HERTZ = 100
"""Samples a second, as Go's profiler takes them."""
_NANOSECONDS = 1_000_000_000

Stack = tuple[tuple[str, str, int], ...]
"""(function, file, line), the innermost first."""


def stack_of(frame: FrameType | None) -> Stack:
    stack = []
    while frame is not None:
        stack.append((frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return tuple(stack)


def sample(seconds: float) -> "Counter[Stack]":
    """How often each stack of the other threads was met, once at least; blocks its own thread for so long."""
    met: Counter[Stack] = Counter()
    own, until = threading.get_ident(), time.monotonic() + seconds
    while True:
        met.update(stack_of(frame) for thread, frame in sys._current_frames().items() if thread != own)
        if time.monotonic() >= until:
            return met
        time.sleep(1 / HERTZ)


def encode(met: "Counter[Stack]", kind: str, unit: str, value: int = 1, duration_seconds: float = 0.0) -> bytes:
    """Compressed, as pprof takes it. `value`: of one sample, in `unit`."""
    return gzip.compress(b"".join(_Encoder().profile(met, (kind, unit), value, duration_seconds)), mtime=0)


class _Encoder:
    def __init__(self) -> None:
        self._texts: dict[str, int] = {"": 0}
        self._functions: dict[tuple[str, str], int] = {}
        self._locations: dict[tuple[str, str, int], int] = {}

    def profile(
        self, met: "Counter[Stack]", kind: tuple[str, str], value: int, duration_seconds: float
    ) -> Iterator[bytes]:
        name, unit = map(self._text, kind)
        yield _bytes(1, _number(1, name) + _number(2, unit))
        for stack, count in met.items():
            places = b"".join(_varint(self._location(place)) for place in stack)
            yield _bytes(2, _bytes(1, places) + _bytes(2, _varint(count * value)))
        for (function, file, line), index in self._locations.items():
            where = _number(1, self._functions[function, file]) + _number(2, line)
            yield _bytes(4, _number(1, index) + _bytes(4, where))
        for (function, file), index in self._functions.items():
            named = _number(2, self._text(function)) + _number(3, self._text(function))
            yield _bytes(5, _number(1, index) + named + _number(4, self._text(file)))
        for text in self._texts:
            yield _bytes(6, text.encode())
        yield _number(9, time.time_ns())
        yield _number(10, int(duration_seconds * _NANOSECONDS))
        yield _bytes(11, _number(1, name) + _number(2, unit))
        yield _number(12, value)

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))

    def _location(self, place: tuple[str, str, int]) -> int:
        self._functions.setdefault(place[:2], len(self._functions) + 1)
        return self._locations.setdefault(place, len(self._locations) + 1)


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*made, number))


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def written(stacks: Iterable[tuple[str, Stack]]) -> str:
    """For people: what each is called, and where it stands."""
    blocks = []
    for name, stack in stacks:
        lines = [f"#\t{function}\t{file}:{line}" for function, file, line in stack]
        blocks.append("\n".join([f"{name}:", *lines]))
    return "\n\n".join(blocks) + "\n"
