"""A document read once more, slowly: numbers as they were written, and what Go takes though the quick parser does not.

The quick parser makes floats of `1e3` and of whole numbers beyond 64 bits, and refuses halves of surrogate pairs.
"""

import json
from typing import Any

_REPLACEMENT = "\ufffd"


class WrittenNumber(float):
    """A float that shows the text it was made from."""

    text: str

    def __new__(cls, text: str) -> "WrittenNumber":
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


def parse(body: bytes) -> Any:
    """Of a document in which Go finds no fault of syntax. Raises RecursionError."""
    return _repaired(json.loads(body.decode("utf-8", "replace"), parse_float=WrittenNumber))


def plain(value: Any) -> Any:
    """With common floats."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return float(value) if isinstance(value, WrittenNumber) else value


def _repaired(value: Any) -> Any:
    """Halves of surrogate pairs are no characters."""
    if isinstance(value, str):
        return value if value.isascii() else "".join(map(_character, value))
    if isinstance(value, dict):
        return {_repaired(key): _repaired(part) for key, part in value.items()}
    return [_repaired(part) for part in value] if isinstance(value, list) else value


def _character(character: str) -> str:
    return _REPLACEMENT if "\ud800" <= character <= "\udfff" else character
