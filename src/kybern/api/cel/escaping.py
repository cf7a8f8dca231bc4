"""Names of properties as expressions write them: `foo.bar` is `foo__dot__bar`, `namespace` is `__namespace__`."""

import re

_RESERVED_WORDS = """
    true false null in as break const continue else for function if import let loop package namespace return var
    void while
"""
RESERVED = frozenset(_RESERVED_WORDS.split())

_PARTS = re.compile(r"__|[-./]")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*", re.ASCII)
_ESCAPED = re.compile(r"__([^_]+)__")
_NAMES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_SYMBOLS = {"underscores": "__", "dot": ".", "dash": "-", "slash": "/"}


def escape(name: str) -> str | None:
    """The name to use in expressions; None for one that has none."""
    if name in RESERVED:
        return f"__{name}__"
    if not _PLAIN.fullmatch(name) and not (name[:1] in "-./" and name and _PLAIN.fullmatch("_" + name)):
        return None
    return _PARTS.sub(lambda match: _NAMES[match[0]], name)


def unescape(escaped: str) -> str | None:
    """The property that an escaped name means; None if it is not escaped rightly."""
    parts: list[str] = []
    position = 0
    for match in _ESCAPED.finditer(escaped):
        parts.append(escaped[position : match.start()])
        word = match[1]
        if word in _SYMBOLS:
            parts.append(_SYMBOLS[word])
        elif word in RESERVED and match[0] == escaped:
            parts.append(word)
        else:
            return None
        position = match.end()
    return "".join(parts) + escaped[position:]
