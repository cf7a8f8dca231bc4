"""Tokens to a syntax tree, by cel-go's grammar (CEL.g4), macros expanded on the way.

Invariant: nesting is bounded; whatever the text, parsing ends with a tree or with issues.
"""

from collections.abc import Callable

from kybern.api.cel.errors import Issues, Source
from kybern.api.cel.lexer import EOF, tokenize
from kybern.api.cel.nodes import (
    Call,
    Literal,
    Node,
    Select,
    Unspecified,
)
from kybern.api.cel.operands import OperandParser
from kybern.api.cel.syntax import EXPRESSION, MAX_DEPTH, Mismatch, TokenStream, TooDeep

MAX_CODE_POINTS = 100_000

_RELATIONS = {"<": "_<_", "<=": "_<=_", ">=": "_>=_", ">": "_>_", "==": "_==_", "!=": "_!=_", "in": "@in"}
_PRODUCTS = {"*": "_*_", "/": "_/_", "%": "_%_"}
_SUMS = {"+": "_+_", "-": "_-_"}

_ANY_SUM = frozenset((*_PRODUCTS, *_SUMS))


def parse(source: Source, issues: Issues) -> Node:
    """The tree of an expression; what is wrong is reported to `issues`, and then the tree is of no use."""
    size = len(source.text)
    if size > MAX_CODE_POINTS:
        message = f"expression code point size exceeds limit: size: {size}, limit {MAX_CODE_POINTS}"
        issues.report(-1, message)
        return Unspecified(-1)
    parser = _Parser(TokenStream(tokenize(source.text, issues), issues), issues)
    try:
        return parser.start()
    except TooDeep as error:
        if error.args:
            issues.report(-1, str(error))
    return Unspecified(-1)


class _Parser(OperandParser):
    """One method for each rule of the grammar that has a decision of its own."""

    def __init__(self, stream: TokenStream, issues: Issues) -> None:
        super().__init__(stream, issues)
        self.nesting = 0
        self.links = 0

    def start(self) -> Node:
        node = self._within({EOF}, self._expression)
        try:
            self.stream.expect(EOF)
        except Mismatch:
            pass
        return node

    def _link(self) -> None:
        """One more step of a chain, `a.b.c`, `1 + 2 + 3`: the tree becomes that much deeper."""
        self.links += 1
        if self.links > MAX_DEPTH:
            raise TooDeep("max recursion depth exceeded")

    def _expression(self) -> Node:
        self.nesting += 1
        if self.nesting > MAX_DEPTH:
            raise TooDeep(f"expression recursion limit exceeded: {MAX_DEPTH}")
        try:
            condition = self._within({"?"}, lambda: self._logical("||", "_||_", self._conjunction))
            if self.stream.kind != "?":
                return condition
            at = self.stream.advance().offset
            chosen = self._within({":"}, lambda: self._logical("||", "_||_", self._conjunction))
            self.stream.expect(":", EXPRESSION)
            other = self._within(set(), self._expression)
            return self._call(at, "_?_:_", [condition, chosen, other])
        except Mismatch:
            self.stream.recover()
            return Unspecified(self.stream.current.offset)
        finally:
            self.nesting -= 1

    def _conjunction(self) -> Node:
        return self._logical("&&", "_&&_", self._relation)

    def _logical(self, symbol: str, function: str, operand: Callable[[], Node]) -> Node:
        terms = [self._within({symbol}, operand)]
        places: list[int] = []
        while self.stream.kind == symbol:
            places.append(self.stream.advance().offset)
            terms.append(self._within({symbol}, operand))
        return self._balanced(function, terms, places) if places else terms[0]

    def _balanced(self, function: str, terms: list[Node], places: list[int]) -> Node:
        """`a && b && c && d` as a balanced tree, as cel-go builds it."""
        if not places:
            return terms[0]
        middle = len(places) // 2
        left = self._balanced(function, terms[: middle + 1], places[:middle])
        right = self._balanced(function, terms[middle + 1 :], places[middle + 1 :])
        return Call(places[middle], function, [left, right])

    def _relation(self) -> Node:
        follow = frozenset(_RELATIONS)
        node = self._within(follow, self._sum)
        before = self.links
        while self.stream.kind in _RELATIONS:
            self._link()
            token = self.stream.advance()
            node = self._call(token.offset, _RELATIONS[token.kind], [node, self._within(follow, self._sum)])
        self.links = before
        return node

    def _sum(self) -> Node:
        node = self._product()
        before = self.links
        while self.stream.kind in _SUMS:
            self._link()
            token = self.stream.advance()
            node = self._call(token.offset, _SUMS[token.kind], [node, self._product()])
        self.links = before
        return node

    def _product(self) -> Node:
        node = self._within(_ANY_SUM, self._unary)
        before = self.links
        while self.stream.kind in _PRODUCTS:
            self._link()
            token = self.stream.advance()
            node = self._call(token.offset, _PRODUCTS[token.kind], [node, self._within(_ANY_SUM, self._unary)])
        self.links = before
        return node

    def _unary(self) -> Node:
        """`member`, or one with signs before it: an even number of them is none. Recovers from its own faults."""
        try:
            self.stream.sync(EXPRESSION)
            sign = self.stream.kind
            if sign == "!" or (sign == "-" and self.stream.ahead(1).kind not in ("NUM_INT", "NUM_FLOAT")):
                return self._signed(sign)
            return self._member()
        except Mismatch:
            self.stream.recover()
            return Unspecified(self.stream.current.offset)

    def _signed(self, sign: str) -> Node:
        at = self.stream.current.offset
        count = 0
        while self.stream.kind == sign:
            if sign == "-" and count and self.stream.ahead(1).kind in ("NUM_INT", "NUM_FLOAT"):
                break  # The last minus belongs to the number.
            if sign == "-" and count and self.stream.ahead(1).kind not in EXPRESSION:
                raise self.stream.no_alternative(1)
            self.stream.advance()
            count += 1
        if self.stream.kind not in EXPRESSION - {"!"}:
            self.stream.report(f"no viable alternative at input {self.stream.shown()}")
            raise Mismatch
        node = self._member()
        if count % 2 == 0:
            return node
        return self._call(at, "!_" if sign == "!" else "-_", [node])

    def _member(self) -> Node:
        node = self._within({".", "["}, self._primary)
        before = self.links
        while self.stream.kind in (".", "["):
            self._link()
            node = self._index(node) if self.stream.kind == "[" else self._selection(node)
        self.links = before
        return node

    def _index(self, node: Node) -> Node:
        at = self.stream.advance().offset
        optional = self.stream.kind == "?"
        if optional:
            self.stream.advance()
        index = self._within({"]"}, self._expression)
        self.stream.expect("]", frozenset({EOF}))
        return self._call(at, "_[?_]" if optional else "_[_]", [node, index])

    def _selection(self, node: Node) -> Node:
        if self.stream.ahead(1).kind not in ("?", "IDENTIFIER", "ESC_IDENTIFIER"):
            raise self.stream.no_alternative(1)
        at = self.stream.advance().offset
        optional = self.stream.kind == "?"
        if optional:
            self.stream.advance()
            self.stream.sync(frozenset({"IDENTIFIER", "ESC_IDENTIFIER"}))
        token = self.stream.advance()
        if token.kind == "ESC_IDENTIFIER":
            self.issues.report(token.offset, "unsupported syntax: '`'")
            return Unspecified(at)
        if optional:
            return Call(at, "_?._", [node, Literal(token.offset, token.text)])
        if self.stream.kind == "(":
            place = self.stream.advance().offset
            args = self._arguments()
            return self._call(place, token.text, args, node)
        return Select(at, node, token.text)
