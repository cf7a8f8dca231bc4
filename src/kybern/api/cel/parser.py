"""Tokens to a syntax tree, by cel-go's grammar (CEL.g4), macros expanded on the way.

Invariant: nesting is bounded; whatever the text, parsing ends with a tree or with issues.
"""

from collections.abc import Callable
from typing import TypeVar

from kybern.api.cel import literals
from kybern.api.cel.errors import Issues, Source
from kybern.api.cel.lexer import EOF, tokenize
from kybern.api.cel.macros import MacroError, expand
from kybern.api.cel.nodes import (
    Call,
    Entry,
    Field,
    Ident,
    ListNode,
    Literal,
    MapNode,
    Node,
    Select,
    StructNode,
    Unspecified,
)
from kybern.api.cel.syntax import EXPRESSION, MAX_DEPTH, Mismatch, TokenStream, TooDeep
from kybern.api.cel.values import Uint

MAX_CODE_POINTS = 100_000

RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "package",
        "namespace",
        "null",
        "return",
        "true",
        "var",
        "void",
        "while",
    ]
)

_RELATIONS = {"<": "_<_", "<=": "_<=_", ">=": "_>=_", ">": "_>_", "==": "_==_", "!=": "_!=_", "in": "@in"}
_PRODUCTS = {"*": "_*_", "/": "_/_", "%": "_%_"}
_SUMS = {"+": "_+_", "-": "_-_"}

_T = TypeVar("_T")
_ANY_SUM = frozenset((*_PRODUCTS, *_SUMS))
_LITERALS = frozenset(["true", "false", "null", "NUM_FLOAT", "NUM_INT", "NUM_UINT", "STRING", "BYTES", "-"])


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


class _Parser:
    """One method for each rule of the grammar that has a decision of its own."""

    def __init__(self, stream: TokenStream, issues: Issues) -> None:
        self.stream = stream
        self.issues = issues
        self.nesting = 0
        self.links = 0

    def start(self) -> Node:
        node = self._within({EOF}, self._expression)
        try:
            self.stream.expect(EOF)
        except Mismatch:
            pass
        return node

    def _within(self, follow: set[str] | frozenset[str], rule: Callable[[], _T]) -> _T:
        """Parses a rule after which its caller goes on with one of `follow`."""
        self.stream.follow.append(frozenset(follow))
        try:
            return rule()
        finally:
            self.stream.follow.pop()

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

    def _arguments(self) -> list[Node]:
        """What is between parentheses, the closing one included."""
        self.stream.sync(EXPRESSION | {")"})
        args: list[Node] = []
        if self.stream.kind != ")":
            args.append(self._within({",", ")"}, self._expression))
            while self.stream.kind == ",":
                self.stream.advance()
                args.append(self._within({",", ")"}, self._expression))
        self.stream.expect(")", frozenset({EOF}))
        return args

    def _primary(self) -> Node:
        token = self.stream.current
        match token.kind:
            case "(":
                self.stream.advance()
                node = self._within({")"}, self._expression)
                self.stream.expect(")", frozenset({EOF}))
                return node
            case "[":
                return self._list()
            case "{":
                return self._map()
            case "." | "IDENTIFIER":
                return self._name()
            case kind if kind in _LITERALS:
                return self._literal()
            case _:
                self.stream.sync(EXPRESSION - {"!"})
                return self._primary()

    def _name(self) -> Node:
        """A variable, a function called by its name, or an object built by the name of its type."""
        start = self.stream.current
        prefix = ""
        if start.kind == ".":
            if self.stream.ahead(1).kind != "IDENTIFIER":
                raise self.stream.no_alternative(1)
            self.stream.advance()
            prefix = "."
        if self._names_type():
            return self._struct(prefix)
        token = self.stream.advance()
        called = self.stream.kind == "("
        if token.text in RESERVED:
            self.issues.report(start.offset, f"reserved identifier: {token.text}")
            if not called:
                return Unspecified(start.offset)
        if not called:
            return Ident(token.offset, prefix + token.text)
        place = self.stream.advance().offset
        return self._call(place, prefix + token.text, self._arguments())

    def _names_type(self) -> bool:
        distance = 1
        while self.stream.ahead(distance).kind == "." and self.stream.ahead(distance + 1).kind == "IDENTIFIER":
            distance += 2
        return self.stream.ahead(distance).kind == "{"

    def _struct(self, prefix: str) -> Node:
        parts = [self.stream.advance().text]
        while self.stream.kind == ".":
            self.stream.advance()
            parts.append(self.stream.advance().text)
        at = self.stream.advance().offset
        names = frozenset({"IDENTIFIER", "ESC_IDENTIFIER"})
        self.stream.sync(names | {"}", ",", "?"})
        fields: list[Field] = []
        self._items("}", lambda: self._fields(names, fields))
        return StructNode(at, prefix + ".".join(parts), fields)

    def _fields(self, names: frozenset[str], fields: list[Field]) -> None:
        while self.stream.kind in ("?", *names):
            optional = self.stream.kind == "?"
            if optional:
                self.stream.advance()
                self.stream.sync(names)
            token = self.stream.advance()
            if token.kind == "ESC_IDENTIFIER":
                self.issues.report(token.offset, "unsupported syntax: '`'")
            colon = self.stream.expect(":", EXPRESSION).offset
            value = self._within({",", "}"}, self._expression)
            fields.append(Field(colon, token.text, value, optional=optional))
            if not self._more(names | {"?"}):
                break

    def _list(self) -> Node:
        at = self.stream.advance().offset
        self.stream.sync(EXPRESSION | {"?", ",", "]"})
        elements: list[Node] = []
        optional: set[int] = set()
        while self.stream.kind in EXPRESSION or self.stream.kind == "?":
            if self.stream.kind == "?":
                self.stream.advance()
                optional.add(len(elements))
            elements.append(self._within({",", "]"}, self._expression))
            if not self._more(EXPRESSION | {"?"}):
                break
        self._close("]")
        return ListNode(at, elements, frozenset(optional))

    def _map(self) -> Node:
        at = self.stream.advance().offset
        self.stream.sync(EXPRESSION | {"?", ",", "}"})
        entries: list[Entry] = []
        self._items("}", lambda: self._entries(entries))
        return MapNode(at, entries)

    def _entries(self, entries: list[Entry]) -> None:
        while self.stream.kind in EXPRESSION or self.stream.kind == "?":
            optional = self.stream.kind == "?"
            if optional:
                self.stream.advance()
            key = self._within({":"}, self._expression)
            colon = self.stream.expect(":", EXPRESSION).offset
            value = self._within({",", "}"}, self._expression)
            entries.append(Entry(colon, key, value, optional=optional))
            if not self._more(EXPRESSION | {"?"}):
                break

    def _items(self, bracket: str, rule: Callable[[], None]) -> None:
        """Items in brackets, and the closing one; a fault in an item does not hide what follows the brackets."""
        try:
            self._within({",", bracket}, rule)
        except Mismatch:
            self._within({",", bracket}, self.stream.recover)
        self._close(bracket)

    def _more(self, begins: frozenset[str]) -> bool:
        """Takes the comma before a further item; a trailing one is left to `_close`."""
        if self.stream.kind == "," and self.stream.ahead(1).kind in begins:
            self.stream.advance()
            return True
        return False

    def _close(self, bracket: str) -> None:
        self.stream.sync(frozenset({bracket, ","}))
        if self.stream.kind == ",":
            self.stream.advance()
        self.stream.expect(bracket, frozenset({EOF}))

    def _literal(self) -> Node:
        at = self.stream.current.offset
        sign = ""
        if self.stream.kind == "-":
            if self.stream.ahead(1).kind not in ("NUM_INT", "NUM_FLOAT"):
                raise self.stream.no_alternative(1)
            sign = self.stream.advance().text
        token = self.stream.advance()
        try:
            return Literal(at, _VALUES[token.kind](sign + token.text))
        except ValueError as error:
            self.issues.report(at, str(error))
            return Unspecified(at)

    def _call(self, at: int, function: str, args: list[Node], target: Node | None = None) -> Node:
        try:
            expanded = expand(at, function, target, args)
        except MacroError as error:
            self.issues.report(error.offset, error.message)
            return Unspecified(at)
        return expanded or Call(at, function, args, target)


def _checked(parse_number: Callable[[str], _T | None], name: str) -> Callable[[str], _T]:
    def value(text: str) -> _T:
        number = parse_number(text)
        if number is None:
            raise ValueError(f"invalid {name} literal")
        return number

    return value


def _uint(text: str) -> Uint | None:
    number = literals.parse_uint(text)
    return None if number is None else Uint(number)


_VALUES: dict[str, Callable[[str], object]] = {
    "NUM_INT": _checked(literals.parse_int, "int"),
    "NUM_UINT": _checked(_uint, "uint"),
    "NUM_FLOAT": _checked(literals.parse_double, "double"),
    "STRING": literals.unquote,
    "BYTES": lambda text: literals.unquote_bytes(text[1:]),
    "true": lambda text: True,
    "false": lambda text: False,
    "null": lambda text: None,
}
