"""Signals that a container may be stopped with (KEP-4960)."""

from collections.abc import Iterator

from kybern.api.resource import FieldError
from kybern.api.validation.field import forbidden, not_supported

_NAMED = [
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
]
_FROM_MIN = [f"SIGRTMIN+{offset}" for offset in range(1, 16)]
_FROM_MAX = [f"SIGRTMAX-{offset}" for offset in range(1, 15)]
LINUX = sorted([*_NAMED, "SIGRTMIN", "SIGRTMAX", *_FROM_MIN, *_FROM_MAX])
WINDOWS = ["SIGKILL", "SIGTERM"]


def validate_stop_signal(signal: str, os_name: str | None, path: str) -> Iterator[FieldError]:
    if os_name is None:
        yield forbidden(path, "may not be set for containers with empty `spec.os.name`")
    elif os_name == "windows" and signal not in WINDOWS:
        yield not_supported(path, signal, WINDOWS)
    elif os_name == "linux" and signal not in LINUX:
        yield not_supported(path, signal, LINUX)
