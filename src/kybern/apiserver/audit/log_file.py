"""Audit events as lines of a file, which is set aside when it is full.

Names and limits are upstream's (`--audit-log-maxsize`, `-maxbackup`, `-maxage`): `audit.log` becomes
`audit-2026-01-31T12-00-00.000.log`. Lines are with the kernel when `flush` returns, in one call for all that were written
since the last one.
"""

import os
import time
from pathlib import Path

MEGABYTE = 1 << 20
DAY_SECONDS = 24 * 3600
STDOUT = "-"
LINES_LIMIT = 256
"""Lines that wait for `flush` at most."""


class LogFile:
    """`max_bytes`, `max_files` and `max_age_seconds` of 0 mean no limit. Raises OSError when made."""

    def __init__(
        self, path: Path, *, max_bytes: int = 100 * MEGABYTE, max_files: int = 0, max_age_seconds: int = 0
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._max_age_seconds = max_age_seconds
        self._stdout = str(path) == STDOUT
        self._last = 0.0
        """When the newest file was set aside, by its name."""
        self._file = 1 if self._stdout else self._open()
        self._size = 0 if self._stdout else os.fstat(self._file).st_size
        """With the lines that wait."""
        self._lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        """Raises OSError, where the file is full and cannot be set aside."""
        if not self._stdout and self._max_bytes and self._size and self._size + len(line) > self._max_bytes:
            self.flush()
            self._set_aside()
        self._lines.append(line)
        self._size += len(line)
        if len(self._lines) >= LINES_LIMIT:
            self.flush()

    def flush(self) -> None:
        """Raises OSError; what was not written then is lost."""
        lines, self._lines = self._lines, []
        data = b"".join(lines)
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Raises OSError, where lines that waited are lost."""
        try:
            self.flush()
        finally:
            if not self._stdout:
                os.close(self._file)
            self._file = -1  # Nothing late is written to whatever gets this number next.

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _set_aside(self) -> None:
        os.close(self._file)
        now = time.time()
        # Names stay in order and differ, however quickly files fill.
        self._last = max(now, self._last + 0.001)
        self._path.rename(self._aside(self._last))
        self._file, self._size = self._open(), 0
        self._remove_old(now)

    def _aside(self, moment: float) -> Path:
        stamp = time.strftime("%Y-%m-%dT%H-%M-%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}"
        return self._path.with_name(f"{self._path.stem}-{stamp}{self._path.suffix}")

    def _remove_old(self, now: float) -> None:
        olds = sorted(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"), reverse=True)
        for index, old in enumerate(olds):
            too_many = self._max_files and index >= self._max_files
            too_old = self._max_age_seconds and now - old.stat().st_mtime > self._max_age_seconds
            if too_many or too_old:
                old.unlink(missing_ok=True)
