"""Characters to tokens, by the lexical grammar of cel-go (CEL.g4).

What is no token is reported as ANTLR does, with the characters it had looked at, and skipped.
"""

import re
from typing import NamedTuple

from kybern.api.cel.errors import Issues

_ESCAPE = r"(?:\\[abfnrtv\"'\\?`]|\\[0-3][0-7][0-7]|\\[xX][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8})"
_STRING = (
    rf"(?:[rR]\"\"\"[\s\S]*?\"\"\"|[rR]'''[\s\S]*?'''|[rR]\"[^\"\n\r]*\"|[rR]'[^'\n\r]*'"
    rf"|\"\"\"(?:{_ESCAPE}|[^\\])*?\"\"\"|'''(?:{_ESCAPE}|[^\\])*?'''"
    rf"|\"(?:{_ESCAPE}|[^\\\"\n\r])*\"|'(?:{_ESCAPE}|[^\\'\n\r])*')"
)
_TOKEN = re.compile(
    rf"(?P<SPACE>[\t \r\n\f]+|//[^\n]*)"
    rf"|(?P<NUM_FLOAT>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)"
    rf"|(?P<NUM_UINT>0x[0-9a-fA-F]+[uU]|[0-9]+[uU])"
    rf"|(?P<NUM_INT>0x[0-9a-fA-F]+|[0-9]+)"
    rf"|(?P<BYTES>[bB]{_STRING})"
    rf"|(?P<STRING>{_STRING})"
    rf"|(?P<IDENTIFIER>[A-Za-z_][A-Za-z0-9_]*)"
    rf"|(?P<ESC_IDENTIFIER>`[A-Za-z0-9_./ -]+`)"
    rf"|(?P<SYMBOL>==|!=|<=|>=|&&|\|\||[\[\]{{}}().,\-!?:+*/%<>])"
)
_STRING_START = re.compile(rf"(['\"])(?:{_ESCAPE}|(?!\1)[^\\\n\r])*")
_ESCAPE_START = re.compile(r"\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?")
_KEYWORDS = frozenset({"in", "true", "false", "null"})

EOF = "<EOF>"
_KINDS = """
    == != in < <= >= > && || [ ] { } ( ) . , - ! ? : + * / % true false null NUM_FLOAT NUM_INT NUM_UINT STRING
    BYTES IDENTIFIER ESC_IDENTIFIER
"""
TOKEN_ORDER = _KINDS.split()
"""Kinds of token in the order in which ANTLR lists what it expected."""


class Token(NamedTuple):
    """`kind` is the symbol or keyword itself, or the grammar's name of the class."""

    kind: str
    text: str
    offset: int


def tokenize(text: str, issues: Issues) -> list[Token]:
    """The tokens, ended by one of kind EOF. Strings keep their quotes."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            end = _unmatched(text, position)
            issues.report(position, f"Syntax error: token recognition error at: '{_shown(text[position:end])}'")
            position = end
            continue
        kind, word = str(match.lastgroup), match[0]
        if kind != "SPACE":
            symbolic = kind == "SYMBOL" or (kind == "IDENTIFIER" and word in _KEYWORDS)
            tokens.append(Token(word if symbolic else kind, word, position))
        position = match.end()
    tokens.append(Token(EOF, EOF, len(text)))
    return tokens


def _unmatched(text: str, position: int) -> int:
    """Where the lexer goes on: behind the first character that no token could have had at its place."""
    first = text[position]
    end = position
    if first in "&|=":
        end = position + 1
    elif first == "`":
        end = position + 1
        while end < len(text) and re.match(r"[A-Za-z0-9_./ -]", text[end]):
            end += 1
    elif first in "'\"":
        started = _STRING_START.match(text, position)
        end = started.end() if started else position + 1
        escape = _ESCAPE_START.match(text, end)
        end = escape.end() if escape else end
    return min(end + 1, len(text))


def _shown(text: str) -> str:
    return text.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
