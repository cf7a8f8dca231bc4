"""Label selectors: parsed once into requirements, compiled into a fast predicate.

Grammar, matching and error texts are upstream's (apimachinery pkg/labels, meta/v1 helpers).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from kybern.api.resource import FieldError
from kybern.api.selectors.error import SelectorError
from kybern.api.validation import names
from kybern.api.validation.field import aggregate, each_invalid, invalid, not_supported

Labels = Mapping[str, str]
Predicate = Callable[[Labels], bool]

_SPECIAL = frozenset("=!(),><")
_BLANK = frozenset(" \t\r\n")
_OPERATORS = ("in", "notin", "=", "==", "!=", "gt", "lt", "exists", "!")
_SYMBOLS = frozenset((")", ",", "!", "==", "=", ">", "<", "!=", "("))
_BINARY = ", ".join(_OPERATORS[:7])
_FROM_STRUCT = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
_END = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """`key operator values`; operator is one of = == != in notin exists ! > <."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Labels) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "=" | "==" | "in":
                return value is not None and value in self.values
            case "!=" | "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return value is not None and self._compares(value)

    def _compares(self, value: str) -> bool:
        try:
            number, bound = int(value), int(self.values[0])
        except ValueError:
            return False
        return number > bound if self.operator == ">" else number < bound

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(sorted(self.values))})"
            case operator:
                return f"{self.key}{operator}{','.join(self.values)}"


@dataclass(frozen=True)
class LabelSelector:
    """All requirements must hold. `nothing` selects no object at all (an absent selector struct)."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    @property
    def everything(self) -> bool:
        return not self.nothing and not self.requirements

    @cached_property
    def matches(self) -> Predicate:
        """The predicate on a mapping of labels."""
        if self.nothing:
            return _never
        if not self.requirements:
            return _always
        if all(one.operator in ("=", "==") for one in self.requirements):
            return _equalities([(one.key, one.values[0]) for one in self.requirements])
        tests = [one.matches for one in self.requirements]
        return lambda labels: all(test(labels) for test in tests)

    def __str__(self) -> str:
        return ",".join(map(str, sorted(self.requirements, key=lambda one: one.key)))


def _always(labels: Labels) -> bool:
    return True


def _never(labels: Labels) -> bool:
    return False


def _equalities(pairs: Sequence[tuple[str, str]]) -> Predicate:
    if len(pairs) == 1:
        ((key, value),) = pairs
        return lambda labels: labels.get(key) == value
    wanted = frozenset(pairs)
    return lambda labels: wanted <= labels.items()


NOTHING = LabelSelector(nothing=True)
EVERYTHING = LabelSelector()


@lru_cache(maxsize=1024)
def parse_labels(text: str) -> LabelSelector:
    """`a in (b,c),!d,e!=f,x=y`. Raises SelectorError."""
    return LabelSelector(tuple(_Parser(text).requirements()))


def labels_from_struct(selector: Mapping[str, Any] | None) -> LabelSelector:
    """A metav1.LabelSelector in JSON form: None selects nothing, an empty one everything. Raises SelectorError."""
    if selector is None:
        return NOTHING
    found = [_requirement(key, "=", (value,)) for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        operator = _FROM_STRUCT.get(expression.get("operator", ""))
        if operator is None:
            raise SelectorError(f'"{expression.get("operator", "")}" is not a valid label selector operator')
        values = tuple(expression.get("values") or ())
        found.append(_requirement(expression.get("key", ""), operator, values))
    return LabelSelector(tuple(found))


def labels_from_map(selector: Labels | None) -> LabelSelector:
    """The selector of Services and ReplicationControllers: equalities; empty selects everything."""
    return LabelSelector(tuple(Requirement(key, "=", (value,)) for key, value in (selector or {}).items()))


def format_map(labels: Labels | None) -> str:
    """`a=b,c=d`, sorted; `<none>` when there are none (labels.FormatLabels)."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"


def format_struct(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector as tables show it (metav1.FormatLabelSelector)."""
    try:
        return str(labels_from_struct(selector)) or "<none>"
    except SelectorError:
        return "<error>"


def _requirement(key: str, operator: str, values: tuple[str, ...]) -> Requirement:
    errors: list[FieldError] = []
    if messages := names.qualified_name(key):
        errors.append(invalid("key", key, "; ".join(messages)))
    shown = list(values)
    match operator:
        case "in" | "notin":
            if not values:
                errors.append(invalid("values", shown, "for 'in', 'notin' operators, values set can't be empty"))
        case "=" | "==" | "!=":
            if len(values) != 1:
                errors.append(invalid("values", shown, "exact-match compatibility requires one single value"))
        case "exists" | "!":
            if values:
                errors.append(invalid("values", shown, "values set must be empty for exists and does not exist"))
        case ">" | "<":
            errors += _comparison_errors(shown)
        case _:
            errors.append(not_supported("operator", operator, _OPERATORS))
    for index, value in enumerate(values):
        if messages := names.label_value(value):
            errors += each_invalid(f"values[{index}][{key}]", value, ["; ".join(messages)])
    if errors:
        raise SelectorError(aggregate(errors))
    return Requirement(key, operator, values)


def _comparison_errors(values: list[str]) -> list[FieldError]:
    errors = []
    if len(values) != 1:
        errors.append(invalid("values", values, "for 'Gt', 'Lt' operators, exactly one value is required"))
    for index, value in enumerate(values):
        if not value.removeprefix("-").isdecimal():
            detail = "for 'Gt', 'Lt' operators, the value must be an integer"
            errors.append(invalid(f"values[{index}]", value, detail))
    return errors


def _tokens(text: str) -> list[tuple[bool, str]]:
    """(is an identifier or a keyword, the text), closed by the empty end token."""
    tokens: list[tuple[bool, str]] = []
    position = 0
    while position < len(text):
        start, rune = position, text[position]
        if rune in _BLANK:
            position += 1
            continue
        if rune in _SPECIAL:
            two = text[position : position + 2]
            position += 2 if two in _SYMBOLS else 1
            tokens.append((False, text[start:position]))
            continue
        while position < len(text) and text[position] not in _SPECIAL and text[position] not in _BLANK:
            position += 1
        tokens.append((True, text[start:position]))
    return [*tokens, (False, _END)]


class _Parser:
    """One way through the tokens; each method consumes what it names."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._position = 0

    def _peek(self) -> tuple[bool, str]:
        return self._tokens[min(self._position, len(self._tokens) - 1)]

    def _next(self) -> tuple[bool, str]:
        token = self._peek()
        self._position += 1
        return token

    def requirements(self) -> Iterable[Requirement]:
        while True:
            word, text = self._peek()
            if not word and text == _END:
                return
            if not word and text != "!":
                raise SelectorError(f"found '{text}', expected: !, identifier, or 'end of string'")
            try:
                yield self._one()
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from error
            _, text = self._next()
            if text == _END:
                return
            if text != ",":
                raise SelectorError(f"found '{text}', expected: ',' or 'end of string'")
            word, text = self._peek()
            if not word and text != "!":
                raise SelectorError(f"found '{text}', expected: identifier after ','")

    def _one(self) -> Requirement:
        word, key = self._next()
        absent = not word and key == "!"
        if absent:
            word, key = self._next()
        if not word:
            raise SelectorError(f"found '{key}', expected: identifier")
        if messages := names.qualified_name(key):
            raise SelectorError(aggregate([invalid("<nil>", key, "; ".join(messages))]))
        if absent:
            return _requirement(key, "!", ())
        word, text = self._peek()
        if not word and text in (_END, ","):
            return _requirement(key, "exists", ())
        operator = self._operator()
        values = self._values() if operator in ("in", "notin") else self._exact_value()
        return _requirement(key, operator, tuple(sorted(set(values))))

    def _operator(self) -> str:
        word, text = self._next()
        if (word and text in ("in", "notin")) or (not word and text in ("=", "==", "!=", ">", "<")):
            return text
        raise SelectorError(f"found '{text}', expected: {_BINARY}")

    def _exact_value(self) -> list[str]:
        word, text = self._peek()
        if not word and text in (_END, ","):
            return [""]
        self._next()
        if not word:
            raise SelectorError(f"found '{text}', expected: identifier")
        return [text]

    def _values(self) -> list[str]:
        _, text = self._next()
        if text != "(":
            raise SelectorError(f"found '{text}' expected: '('")
        word, text = self._peek()
        if not word and text == ")":
            self._next()
            return [""]
        if not word and text != ",":
            raise SelectorError(f"found '{text}', expected: ',', ')' or identifier")
        values = []
        while True:
            word, text = self._next()
            if word:
                values.append(text)
                word, text = self._next()
                if text == ")" and not word:
                    return values
                if text != "," or word:
                    raise SelectorError(f"found '{text}', expected: ',' or ')'")
                if self._peek() == (False, ")"):
                    values.append("")
            elif text == ",":
                values.append("")
            elif text == ")" and values:
                return values
            else:
                raise SelectorError(f"found '{text}', expected: ',', or identifier")
