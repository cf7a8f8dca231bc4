"""Types: what fits, what results, and the words for what does not."""

import pytest

from kybern.api.cel import (
    BOOL,
    DYN,
    INT,
    STRING,
    CompileError,
    Environment,
    ProgramError,
    ResultTypeError,
    compile_expression,
    list_of,
    map_of,
    object_type,
    optional_of,
)

SPEC = object_type("Widget.spec", {"replicas": INT, "names": list_of(STRING), "__namespace__": STRING})
ENVIRONMENT = Environment(
    {
        "self": object_type("Widget", {"spec": SPEC, "labels": map_of(STRING, STRING)}),
        "x": DYN,
        "n": INT,
        "maybe": optional_of(INT),
        "request.resource": STRING,
    }
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("self.spec.replicas + 1", "int"),
        ("self.labels['a']", "string"),
        ("self.spec.?replicas", "optional_type(int)"),
        ("self.?spec.replicas", "optional_type(int)"),
        ("maybe.orValue(1)", "int"),
        ("x.anything[0].at.all", "dyn"),
        ("[]", "list(dyn)"),
        ("[[], [1]]", "list(list(int))"),
        ("{'a': [x]}", "map(string, list(dyn))"),
        ("self.spec.names.map(s, size(s))", "list(int)"),
        ("self.labels.transformList(k, v, k + v)", "list(string)"),
        ("self.labels.transformMap(k, v, size(v))", "map(string, int)"),
        ("true ? 1 : x", "dyn"),
        ("type(n)", "type(int)"),
        ("request.resource", "string"),
        ("self.spec.namespace", "string"),
        ("[3, 1].sortBy(e, -e)", "list(int)"),
        ("optional.of(1).optMap(v, string(v))", "optional_type(string)"),
        ("dyn(1) + 2", "int"),
        ("x + x", "dyn"),
    ],
)
def test_results(text: str, kind: str) -> None:
    assert str(compile_expression(text, ENVIRONMENT).result_type) == kind


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("self.sepc", 5, "undefined field 'sepc'"),
        ("nobody", 1, "undeclared reference to 'nobody' (in container '')"),
        ("nothing(1)", 8, "undeclared reference to 'nothing' (in container '')"),
        ("n + 'a'", 3, "found no matching overload for '_+_' applied to '(int, string)'"),
        ("n.size()", 7, "found no matching overload for 'size' applied to 'int.()'"),
        ("n.field", 2, "type 'int' does not support field selection"),
        ("n && true", 1, "expected type 'bool' but found 'int'"),
        ("n.all(i, true)", 1, "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)"),
        ("[1, 'a']", 5, "expected type 'int' but found 'string'"),
        ("{'a': 1, 'b': true}", 15, "expected type 'int' but found 'bool'"),
        ("[?n]", 3, "expected type 'optional_type(int)' but found 'int'"),
        ("1 == 1.0", 3, "found no matching overload for '_==_' applied to '(int, double)'"),
        ("n == null", 3, "found no matching overload for '_==_' applied to '(int, null)'"),
        ("duration('1x')", 10, "invalid duration argument"),
        ("timestamp('now')", 11, "invalid timestamp argument"),
        ("'a'.matches('[')", 13, "invalid matches argument"),
        ("'%d'.format(['a'])", 14,
         "error during formatting: decimal clause can only be used on integers, was given string"),
        ("'%s'.format([1, 2])", 12, "too many arguments supplied to string.format (expected 1, got 2)"),
        ("'%s'.format([])", 12, "index 0 out of range"),
        ("int{}", 4, "'int' is not a message type"),
        ("self.spec.names.all(s, s)", 24, "expected type 'bool' but found 'string'"),
    ],
)  # fmt: skip
def test_faults(text: str, at: int, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_expression(text, ENVIRONMENT)
    issue = caught.value.issues[0]
    assert (issue.line, issue.column + 1, issue.message) == (1, at, message)


def test_what_format_takes_may_be_of_any_types() -> None:
    assert compile_expression("'%s %d'.format(['a', 1])", ENVIRONMENT).evaluate({}) == "a 1"


def test_what_is_not_of_upstreams_environment_is_unknown() -> None:
    for text in ("'abc'.reverse()", "cel.bind(y, 1, y)", "math.greatest(1, 2)", "jsonpatch.escapeKey('a')", "Object{}"):
        with pytest.raises(CompileError):
            compile_expression(text, ENVIRONMENT)


def test_constants_that_fail_are_no_program() -> None:
    with pytest.raises(ProgramError, match="type conversion error from 'string' to 'int'"):
        compile_expression("int('x') == n", ENVIRONMENT)
    with pytest.raises(ProgramError, match="error parsing regexp: missing closing \\): `\\(`"):
        compile_expression("'a'.find('(') == ''", ENVIRONMENT)


def test_the_result_can_be_demanded() -> None:
    compile_expression("n > 1", ENVIRONMENT, want=BOOL)
    with pytest.raises(ResultTypeError, match=r"^must evaluate to bool$"):
        compile_expression("n + 1", ENVIRONMENT, want=BOOL)
    with pytest.raises(ResultTypeError, match=r"^must evaluate to one of \[bool string\]$"):
        compile_expression("n + 1", ENVIRONMENT, want=[BOOL, STRING])


def test_variables_that_are_read_are_known() -> None:
    program = compile_expression("[1].all(x, x > 0) && self.spec.replicas > n", ENVIRONMENT)
    assert [program.uses(name) for name in ("self", "n", "maybe")] == [True, True, False]
