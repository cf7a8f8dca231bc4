"""A stream of tokens that complains and recovers as ANTLR's parsers do.

Clients print the messages, and some expect several of them for one text; so the strategy is ANTLR's: a token too many
is dropped, a missing one is assumed, otherwise the rule is left and tokens are skipped until one that a rule around it
can go on with. No second complaint before a token has fitted again.
"""

from collections.abc import Iterable

from kybern.api.cel.errors import Issues
from kybern.api.cel.lexer import EOF, TOKEN_ORDER, Token

_BEGINNINGS = """
    [ { ( . - ! true false null NUM_FLOAT NUM_INT NUM_UINT STRING BYTES IDENTIFIER
"""
EXPRESSION = frozenset(_BEGINNINGS.split())
"""What an expression can begin with."""

MAX_RECOVERIES = 30
MAX_DEPTH = 250


class TooDeep(Exception):
    """The nesting or the number of faults has passed its limit; parsing ends, what is reported stays."""


class Mismatch(Exception):
    """The rule at hand cannot go on; whoever began it recovers."""


def expected_text(kinds: Iterable[str]) -> str:
    """`{'[', '(', IDENTIFIER}`, or the one kind alone, in ANTLR's order."""
    order = {kind: position for position, kind in enumerate((*TOKEN_ORDER, EOF))}
    names = [k if k.isupper() or k == EOF else f"'{k}'" for k in sorted(set(kinds), key=order.__getitem__)]
    return names[0] if len(names) == 1 else "{" + ", ".join(names) + "}"


class TokenStream:
    """The tokens of one expression and the state of recovery. `follow` is a stack: for each rule being parsed, the
    kinds that its caller goes on with."""

    def __init__(self, tokens: list[Token], issues: Issues) -> None:
        self.tokens = tokens
        self.issues = issues
        self.position = 0
        self.follow: list[frozenset[str]] = []
        self._recovering = False
        self._last_error = -1
        self._recoveries = 0

    @property
    def current(self) -> Token:
        return self.tokens[self.position]

    @property
    def kind(self) -> str:
        return self.tokens[self.position].kind

    def ahead(self, distance: int) -> Token:
        """The token `distance` behind the current one; the last one for ever."""
        return self.tokens[min(self.position + distance, len(self.tokens) - 1)]

    def advance(self) -> Token:
        """Takes a token that fits."""
        token = self.current
        self._recovering = False
        if token.kind != EOF:
            self.position += 1
        return token

    def expect(self, kind: str, after: frozenset[str] = frozenset()) -> Token:
        """Takes a token of that kind. One too many before it is dropped; if the current one could come after the
        missing one, that is assumed to be there. `after` with EOF stands for the end of the rule. Raises Mismatch."""
        if self.kind == kind:
            return self.advance()
        self._count_recovery()
        wanted = expected_text([kind])
        if self.ahead(1).kind == kind and self.kind != EOF:
            self.report(f"extraneous input {self.shown()} expecting {wanted}")
            self.position += 1
            return self.advance()
        if self.kind in after or (EOF in after and any(self.kind in follow for follow in self.follow)):
            self.report(f"missing {wanted} at {self.shown()}")
            return Token(kind, "", self.current.offset)
        self.report(f"mismatched input {self.shown()} expecting {wanted}")
        raise Mismatch

    def sync(self, expected: frozenset[str]) -> None:
        """Before a choice: drops one token too many, or raises Mismatch if none of `expected` comes."""
        if self._recovering or self.kind in expected:
            if self.kind not in expected:
                raise Mismatch
            return
        if self.ahead(1).kind in expected and self.kind != EOF:
            self.report(f"extraneous input {self.shown()} expecting {expected_text(expected)}")
            self.position += 1
            self._recovering = False
            return
        self.report(f"mismatched input {self.shown()} expecting {expected_text(expected)}")
        raise Mismatch

    def no_alternative(self, distance: int) -> Mismatch:
        """Reports that the token `distance` ahead fits none of the rules that begin here."""
        offender = self.ahead(distance)
        words = self.tokens[self.position : self.position + distance + 1]
        text = "".join(token.text for token in words if token.kind != EOF)
        if offender.kind in ("true", "false", "null") and distance == 1:
            self.report(f"mismatched input '{offender.text}' expecting IDENTIFIER", offender)
        else:
            self.report(f"no viable alternative at input '{text}'", offender)
        return Mismatch()

    def recover(self) -> None:
        """Skips to a token that a rule around the failed one can go on with."""
        self._count_recovery()
        if self._last_error == self.position and self.kind != EOF:
            self.position += 1
        self._last_error = self.position
        while self.kind != EOF and not any(self.kind in follow for follow in self.follow):
            self.position += 1

    def report(self, message: str, at: Token | None = None) -> None:
        if not self._recovering:
            self._recovering = True
            self.issues.report((at or self.current).offset, f"Syntax error: {message}")

    def shown(self) -> str:
        text = self.current.text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
        return f"'{text}'"

    def _count_recovery(self) -> None:
        if self._recoveries == MAX_RECOVERIES:
            self._recovering = False
            self.report(f"error recovery attempt limit exceeded: {MAX_RECOVERIES}")
            raise TooDeep
        self._recoveries += 1
