"""Random expressions for hypothesis: well-typed ones by type, and ones that are hardly expressions at all."""

from hypothesis import strategies as st

DATA = {
    "a": 1,
    "b": -7,
    "s": "text",
    "e": "",
    "t": True,
    "l": [1, 2, 3],
    "w": ["x", "text", "é"],
    "m": {"k": 1, "z": 0},
}
"""The value of the variable `x`, which is dynamic."""

_DEPTH = 4


def _infix(left: st.SearchStrategy[str], operators: str, right: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda a, o, b: f"({a} {o} {b})", left, st.sampled_from(operators.split()), right)


def integers(depth: int = _DEPTH) -> st.SearchStrategy[str]:
    plain = st.sampled_from(["0", "1", "-3", "42", "9223372036854775807", "x.a", "x.b", "x.m.k", "x.l[1]", "x.nothing"])
    if not depth:
        return plain
    less = integers(depth - 1)
    return st.one_of(
        plain,
        _infix(less, "+ - * / %", less),
        st.builds("size({})".format, st.one_of(strings(depth - 1), lists(depth - 1))),
        st.builds("({} ? {} : {})".format, booleans(depth - 1), less, less),
        st.builds("{}[{}]".format, lists(depth - 1), st.sampled_from(["0", "1", "5", "-1"])),
        st.builds("int(string({}))".format, less),
    )


def strings(depth: int = _DEPTH) -> st.SearchStrategy[str]:
    plain = st.sampled_from(["''", "'a'", "'text'", "'é😁'", "x.s", "x.e", "x.w[0]", "x.nothing"])
    if not depth:
        return plain
    less = strings(depth - 1)
    return st.one_of(
        plain,
        _infix(less, "+", less),
        st.builds("string({})".format, integers(depth - 1)),
        st.builds("({} ? {} : {})".format, booleans(depth - 1), less, less),
    )


def lists(depth: int = _DEPTH) -> st.SearchStrategy[str]:
    """Of integers."""
    plain = st.sampled_from(["[1]", "[3, 1, 2]", "x.l", "x.nothing"])
    if not depth:
        return plain
    less = lists(depth - 1)
    return st.one_of(
        plain,
        _infix(less, "+", less),
        st.builds("{}.map(i, i + {})".format, less, integers(depth - 1)),
        st.builds("{}.filter(i, i {} {})".format, less, st.sampled_from(["<", "==", ">="]), integers(depth - 1)),
    )


def booleans(depth: int = _DEPTH) -> st.SearchStrategy[str]:
    plain = st.sampled_from(["true", "false", "x.t", "has(x.a)", "has(x.nothing)", "x.nothing"])
    if not depth:
        return plain
    less = booleans(depth - 1)
    return st.one_of(
        plain,
        _infix(less, "&& || == !=", less),
        _infix(integers(depth - 1), "< <= > >= == !=", integers(depth - 1)),
        _infix(strings(depth - 1), "< == !=", strings(depth - 1)),
        _infix(integers(depth - 1), "in", lists(depth - 1)),
        st.builds("!{}".format, less),
        st.builds(
            "{}.{}({})".format,
            strings(depth - 1),
            st.sampled_from(["startsWith", "endsWith", "contains"]),
            strings(depth - 1),
        ),
        st.builds(
            "{}.{}(i, i > {})".format,
            lists(depth - 1),
            st.sampled_from(["all", "exists", "exists_one"]),
            integers(depth - 1),
        ),
        st.builds("({} ? {} : {})".format, less, less, less),
    )


def any_expression() -> st.SearchStrategy[str]:
    return st.one_of(integers(), strings(), lists(), booleans())


_SYMBOLS = "( ) [ ] { } . , ? : ! - + * / % < > <= >= == != && || in // \\ ' \" ` ; @ # $ \x00 \n \t"
_VALUES = "true false null x x.a self '' 'a' \"\"\"b\"\"\" r'\\' b'\\xff' 1 1u 0x1F 1.5 1e9 é 😁 '%s' {?'k': .?a [?0]"
_CALLS = "has( .all(i, .map(i, .exists( .optMap(v, optional.of( .orValue( size( type( dyn( int( .format(["
_PYTHON = "__class__ __import__ os.system eval( exec( lambda t1 k0 c L S B E run"
PIECES = [piece for pieces in (_SYMBOLS, _VALUES, _CALLS, _PYTHON) for piece in pieces.split(" ")]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=40).map(lambda parts: " ".join(parts))
TEXTS = st.text(max_size=60)
