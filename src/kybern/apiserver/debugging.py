"""/debug: how much is logged, and where the server spends its time. Upstream's paths, for those who may use them.

`/debug/flags/v` takes a verbosity by PUT; `/debug/pprof/profile` and `/debug/pprof/goroutine` are what `go tool pprof`
reads. What Python has no profile of is unknown.
"""

import asyncio
import logging
import sys
import threading
from collections import Counter
from collections.abc import Awaitable

from kybern.apiserver.call import Call
from kybern.apiserver.profile import HERTZ, Stack, encode, sample, stack_of, written
from kybern.transport.exchange import Response

_FLAGS, _PPROF = "/debug/flags", "/debug/pprof"
_TEXT, _HTML, _BINARY = "text/plain; charset=utf-8", "text/html; charset=utf-8", "application/octet-stream"
_SAFE = (("X-Content-Type-Options", "nosniff"),)
_DEBUG_FROM = 4
"""The verbosity from which upstream's programs tell of details."""
_LEVELS = 1 << 32
SECONDS_LIMIT = 300.0
_FLAGS_PAGE = (
    "<html>\n<head>\n<title>/debug/flags/</title>\n</head>\n<body>\n/debug/flags/<br>\n<br>\nflags:<br>\n<table>\n"
    "<tr>v<br>\n</table>\n<br>\nfull flags configurable<br>\n</body>\n</html>\n"
)
_PROFILES_PAGE = (
    "<html>\n<head>\n<title>/debug/pprof/</title>\n</head>\n<body>\n/debug/pprof/<br>\n<ul>\n"
    '<li><a href="goroutine?debug=1">goroutine</a>: tasks and threads, and where they stand</li>\n'
    '<li><a href="profile">profile</a>: processor time; ?seconds= says for how long it is taken</li>\n'
    "</ul>\n</body>\n</html>\n"
)


class Debugging:
    """The pages."""

    paths = ()
    """None is listed."""

    def __init__(self) -> None:
        self._profiling = False

    def answer(self, call: Call) -> Response | Awaitable[Response] | None:
        """None: no such page."""
        path = call.request.path
        if path == f"{_FLAGS}/v":
            return _verbosity(call)
        if path == _FLAGS or path.startswith(f"{_FLAGS}/"):
            return Response(200, _FLAGS_PAGE.encode(), _HTML)
        if path == _PPROF:
            moved = f'<a href="{_PPROF}/">Found</a>.\n\n'.encode()
            return Response(302, moved, _HTML, (("Location", f"{_PPROF}/"),))
        if not path.startswith(f"{_PPROF}/"):
            return None
        return self._profile(call, path.removeprefix(f"{_PPROF}/"))

    def _profile(self, call: Call, name: str) -> Response | Awaitable[Response]:
        if name == "":
            return Response(200, _PROFILES_PAGE.encode(), _HTML, _SAFE)
        if name == "symbol":
            return Response(200, b"num_symbols: 1\n", _TEXT, _SAFE)
        if name == "goroutine":
            return _standing(in_words=call.request.parameter("debug", "0") != "0")
        if name == "profile":
            return self._take(_seconds(call.request.parameter("seconds")))
        return Response(404, b"Unknown profile\n", _TEXT, (*_SAFE, ("X-Go-Pprof", "1")))

    async def _take(self, seconds: float) -> Response:
        """One at a time."""
        if self._profiling:
            told = b"Could not enable CPU profiling: cpu profiling already in use\n"
            return Response(500, told, _TEXT, (*_SAFE, ("X-Go-Pprof", "1")))
        self._profiling = True
        try:
            met = await asyncio.to_thread(sample, seconds)
        finally:
            self._profiling = False
        attachment = ("Content-Disposition", 'attachment; filename="profile"')
        body = encode(met, "cpu", "nanoseconds", 1_000_000_000 // HERTZ, seconds)
        return Response(200, body, _BINARY, (*_SAFE, attachment))


def _seconds(text: str) -> float:
    try:
        asked = float(text)
    except ValueError:
        return 30.0
    return min(asked, SECONDS_LIMIT) if asked > 0 else 30.0


def _verbosity(call: Call) -> Response:
    if call.request.method != "PUT":
        return Response(406, b"unsupported http method\n", "text/plain", _SAFE)
    text = call.request.body.decode(errors="replace")
    if not (text.isascii() and text.isdigit()):
        return Response(400, f'strconv.ParseUint: parsing "{text}": invalid syntax\n'.encode(), "text/plain", _SAFE)
    if int(text[:20]) >= _LEVELS:
        return Response(400, f'strconv.ParseUint: parsing "{text}": value out of range\n'.encode(), "text/plain", _SAFE)
    logging.getLogger().setLevel(logging.DEBUG if int(text) >= _DEBUG_FROM else logging.INFO)
    return Response(200, f"successfully set klog.logging.verbosity to {text}\n".encode(), "text/plain", _SAFE)


def _standing(*, in_words: bool) -> Response:
    """Where every task and thread stands: what has goroutines upstream."""
    stacks: list[tuple[str, Stack]] = []
    for task in asyncio.all_tasks():
        frames = task.get_stack(limit=64)
        stacks.append(
            (f"task {task.get_name()}", tuple(place for frame in reversed(frames) for place in stack_of(frame)[:1]))
        )
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        stacks.append((f"thread {names.get(ident, ident)}", stack_of(frame)))
    if in_words:
        return Response(200, f"goroutine profile: total {len(stacks)}\n{written(stacks)}".encode(), _TEXT, _SAFE)
    attachment = ("Content-Disposition", 'attachment; filename="goroutine"')
    met = Counter(stack for _, stack in stacks)
    return Response(200, encode(met, "goroutine", "count"), _BINARY, (*_SAFE, attachment))
