"""Which pull policy an image's name implies."""

import re
from functools import lru_cache

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])"
_REFERENCE = re.compile(
    rf"(?:{_DOMAIN}(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*(?::(?P<tag>\w[\w.-]{{0,127}}))?"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
MAX_LENGTH = 1024
"""Characters; longer names are not looked at (upstream refuses repositories of more than 255)."""


@lru_cache(maxsize=4096)
def pull_policy(image: str) -> str:
    """Always for the tag `latest` and for neither tag nor digest; IfNotPresent else, also for what is no image."""
    match = _REFERENCE.fullmatch(image) if len(image) <= MAX_LENGTH else None
    if match is None or (match["digest"] and not match["tag"]):
        return "IfNotPresent"
    return "Always" if (match["tag"] or "latest") == "latest" else "IfNotPresent"
