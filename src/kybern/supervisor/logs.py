"""What the programs of a cluster write into their logs from some moment on: the end of it explains a failure."""

from pathlib import Path

LAST_BYTES = 16384
LAST_LINES = 3
"""As much of a program's last words as a person wants to see at once."""
STACK = (" ", "Traceback ", "During handling of ", "The above exception was ")
"""How the lines of a stack begin; of an exception, its own words are told."""


class Logs:
    """The logs of one cluster, of which only what is written after this moment counts."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._former = {path: path.stat().st_size for path in directory.glob("*.log")}

    def last_words(self, *programs: str) -> str:
        """For a person: what the first of these programs that has said anything said last, and where more of it is."""
        for program in programs:
            path = self._directory / f"{program}.log"
            lines = self._lines(path)
            if lines:
                return "\n".join([f"{path} ends with:", *(f"    {line}" for line in lines[-LAST_LINES:])])
        return f"see {self._directory}"

    def _lines(self, path: Path) -> list[str]:
        try:
            with path.open("rb") as log:
                size = path.stat().st_size
                former = self._former.get(path, 0)
                # A log that has shrunk was put aside, and begun again.
                begin = former if former <= size else 0
                log.seek(max(begin, size - LAST_BYTES))
                text = log.read().decode(errors="replace")
        except OSError:
            return []
        lines = text.split("\n")
        whole = lines if size - begin <= LAST_BYTES else lines[1:]
        told = [line.rstrip() for line in whole if line.strip() and not line.startswith(STACK)]
        return list(dict.fromkeys(reversed(told)))[::-1]
