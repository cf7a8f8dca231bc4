"""`Warning` headers (RFC 7234) of an answer: each text once, no more than clients and proxies bear."""

import unicodedata
from collections.abc import Sequence

TOTAL_LIMIT = 4 * 1024
"""Characters of all warnings; when they are more, each is cut."""
CUT = 256
"""Characters that are left of one."""


def warning_headers(texts: Sequence[str]) -> list[tuple[str, str]]:
    """In their order. What holds control characters is left out, as upstream does."""
    plain = [text for text in dict.fromkeys(texts) if text and not any(map(_is_control, text))]
    if sum(map(len, plain)) <= TOTAL_LIMIT:
        return [_header(text) for text in plain]
    headers, written = [], 0
    for text in plain:
        if written >= TOTAL_LIMIT:
            break
        headers.append(_header(text[:CUT]))
        written += len(text[:CUT])
    return headers


def _is_control(character: str) -> bool:
    return not character.isprintable() and unicodedata.category(character) == "Cc"


def _header(text: str) -> tuple[str, str]:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    # Headers are written as Latin-1; a warning's bytes are UTF-8, as Go writes them.
    return "Warning", f'299 - "{escaped}"'.encode().decode("latin-1")
