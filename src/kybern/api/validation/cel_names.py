"""Names of variables in CEL."""

import re

_RESERVED = frozenset(
    [
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_identifier = re.compile("[_a-zA-Z][_a-zA-Z0-9]*").fullmatch


def is_cel_identifier(name: str) -> bool:
    return _identifier(name) is not None and name not in _RESERVED
