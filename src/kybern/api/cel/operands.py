"""What expressions are made of, by cel-go's grammar: names, literals, lists, maps, objects, and what is in parentheses."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from kybern.api.cel import literals
from kybern.api.cel.errors import Issues
from kybern.api.cel.escaping import RESERVED
from kybern.api.cel.lexer import EOF
from kybern.api.cel.macros import MacroError, expand
from kybern.api.cel.nodes import Call, Entry, Field, Ident, ListNode, Literal, MapNode, Node, StructNode, Unspecified
from kybern.api.cel.syntax import EXPRESSION, Mismatch, TokenStream
from kybern.api.cel.values import Uint

_T = TypeVar("_T")
_LITERALS = frozenset({"true", "false", "null", "NUM_FLOAT", "NUM_INT", "NUM_UINT", "STRING", "BYTES", "-"})


class OperandParser(ABC):
    """The rules of the grammar below `member`; those above them are the subclass's."""

    def __init__(self, stream: TokenStream, issues: Issues) -> None:
        self.stream = stream
        self.issues = issues

    @abstractmethod
    def _expression(self) -> Node:
        """A whole expression, as it stands in brackets and arguments."""

    def _within(self, follow: set[str] | frozenset[str], rule: Callable[[], _T]) -> _T:
        """Parses a rule after which its caller goes on with one of `follow`."""
        self.stream.follow.append(frozenset(follow))
        try:
            return rule()
        finally:
            self.stream.follow.pop()

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
