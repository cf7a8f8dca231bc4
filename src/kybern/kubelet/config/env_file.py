"""Environment variables of a file that an init container wrote (KEP-3721): `NAME='value'`, a part of what a shell reads.

A value stands in single quotes and is taken as it is, newlines included; blank lines and lines that begin with `#` say
nothing. Source: https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-via-file/
"""

import re
from pathlib import Path

from kybern.base.errors import KybernError

FILE_LIMIT_BYTES = 64 * 1024
_ENTRY = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*(?P<name>[^\s='#][^\s=']*)='(?P<value>[^']*)'[ \t]*(?:\n|$)")
_BLANK = re.compile(r"(?:[ \t]*(?:#[^\n]*)?(?:\n|$))*")


class BadEnvFile(KybernError):
    """The file is not there, or not of this form."""


def parse_env_file(text: str) -> dict[str, str]:
    """The variables; the last of a name counts. Raises BadEnvFile."""
    found: dict[str, str] = {}
    position = 0
    while entry := _ENTRY.match(text, position):
        found[entry["name"]] = entry["value"]
        position = entry.end()
    if not _BLANK.fullmatch(text, position):
        line = text.count("\n", 0, position) + 1
        raise BadEnvFile(f"failed to parse environment variable file: invalid format at or after line {line}")
    return found


def read_env_file(volume: Path, path: str) -> dict[str, str] | None:
    """The variables of a file within a volume; None where there is none. Blocking. Raises BadEnvFile."""
    root = volume.resolve()
    file = (root / path).resolve()
    if not file.is_relative_to(root):
        raise BadEnvFile(f"environment variable file {path} leaves its volume")
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_LIMIT_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    if len(data) > FILE_LIMIT_BYTES:
        raise BadEnvFile(f"environment variable file {path} is larger than {FILE_LIMIT_BYTES} bytes")
    return parse_env_file(data.decode(errors="replace"))
