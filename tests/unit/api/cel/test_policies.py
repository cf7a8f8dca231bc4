"""What policies use besides: requests, authorization checks, variables computed late, objects and patches built."""

from typing import Any

import pytest

from kybern.api.cel import (
    AUTHORIZER,
    DYN,
    INT,
    MISSING,
    NAMESPACE,
    REQUEST,
    RESOURCE_CHECK,
    Answer,
    Authorizer,
    Budget,
    BudgetExceeded,
    Check,
    CompileError,
    Environment,
    EvaluationError,
    StructValue,
    check_type_names,
    compile_expression,
    object_type,
    to_json,
)

ENVIRONMENT = Environment(
    {
        "object": DYN,
        "request": REQUEST,
        "namespaceObject": NAMESPACE,
        "authorizer": AUTHORIZER,
        "authorizer.requestResource": RESOURCE_CHECK,
        "variables": object_type("kubernetes.variables", {"count": INT, "nothing": DYN}),
    }
)
MUTATION = Environment({"object": DYN}, mutation=True)


class Decider:
    """Allows `get` on Pods and paths; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Check] = []

    def __call__(self, check: Check) -> Answer:
        self.asked.append(check)
        if check.verb == "fail":
            return Answer(False, "", "cannot tell")
        return Answer(check.verb == "get", "because" if check.verb == "get" else "")


def ask(text: str) -> tuple[Any, list[Check], int]:
    decider = Decider()
    authorizer = Authorizer(decider)
    budget = Budget(10_000_000)
    bindings = {
        "authorizer": authorizer,
        "authorizer.requestResource": authorizer.resource_check("", "pods", namespace="n", name="p"),
    }
    return compile_expression(text, ENVIRONMENT).evaluate(bindings, budget=budget), decider.asked, budget.spent


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("authorizer.path('/healthz').check('get').allowed()", Check("get", path="/healthz")),
        (
            "authorizer.group('apps').resource('deployments').subresource('scale').namespace('a').name('b')"
            ".check('get').allowed()",
            Check("get", "", "apps", "deployments", "scale", "a", "b"),
        ),
        (
            "authorizer.serviceAccount('ns', 'sa').group('').resource('pods').check('get').allowed()",
            Check("get", resource="pods", service_account=("ns", "sa")),
        ),
        (
            "authorizer.group('').resource('pods').labelSelector('a=b').fieldSelector('c=d').check('get').allowed()",
            Check("get", resource="pods", label_selector="a=b", field_selector="c=d"),
        ),
        ("authorizer.requestResource.check('get').allowed()", Check("get", "", "", "pods", "", "n", "p")),
        ("authorizer.requestResource.check('get').reason() == 'because'", Check("get", "", "", "pods", "", "n", "p")),
        ("authorizer.path('/').check('fail').error() == 'cannot tell'", Check("fail", path="/")),
    ],
)
def test_authorization(text: str, check: Check) -> None:
    allowed, asked, spent = ask(text)
    assert (allowed, asked) == (True, [check])
    assert spent >= 350_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("authorizer.path(' ')", "path must not be empty"),
        ("authorizer.group('').resource('')", "resource must not be empty"),
        ("authorizer.serviceAccount('n', 'A')", "Invalid service account name"),
        ("authorizer.serviceAccount('N', 'a')", "Invalid service account namespace"),
    ],
)
def test_refused_checks(text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        ask(text)


def test_request_and_namespace() -> None:
    bindings = {
        "request": {
            "operation": "CREATE",
            "kind": {"kind": "Pod"},
            "userInfo": {"groups": ["a"], "extra": {"k": ["v"]}},
        },
        "namespaceObject": {"metadata": {"name": "n", "creationTimestamp": "2024-01-01T00:00:00Z"}},
    }
    text = (
        "request.operation == 'CREATE' && 'a' in request.userInfo.groups && request.userInfo.extra['k'] == ['v']"
        " && !has(request.name) && namespaceObject.metadata.creationTimestamp.getFullYear() == 2024"
    )
    assert compile_expression(text, ENVIRONMENT).evaluate(bindings) is True
    with pytest.raises(CompileError, match="undefined field 'operatio'"):
        compile_expression("request.operatio == ''", ENVIRONMENT)


def test_an_object_without_namespace_has_a_null_one() -> None:
    program = compile_expression("namespaceObject == null || namespaceObject.metadata.name == 'x'", ENVIRONMENT)
    assert program.evaluate({"namespaceObject": None}) is True
    program = compile_expression("namespaceObject.metadata.name == 'x'", ENVIRONMENT)
    with pytest.raises(EvaluationError, match="no such key: metadata"):
        program.evaluate({"namespaceObject": None})


def test_variables_are_computed_when_they_are_read() -> None:
    class Late:
        def __init__(self) -> None:
            self.read: list[str] = []

        def find(self, name: str) -> Any:
            self.read.append(name)
            return {"count": 3, "nothing": None}.get(name, MISSING)

    late = Late()
    text = "true || variables.count > 1"
    assert compile_expression(text, ENVIRONMENT).evaluate({"variables": late}) is True
    assert late.read == []
    text = "variables.count > 2 && variables.nothing == null"
    assert compile_expression(text, ENVIRONMENT).evaluate({"variables": late}) is True
    assert late.read == ["count", "nothing"]


def test_objects_built() -> None:
    text = (
        "Object{metadata: Object.metadata{labels: {'a': 'b'}},"
        " spec: Object.spec{replicas: object.spec.replicas + 1, ?paused: object.?spec.paused}}"
    )
    program = compile_expression(text, MUTATION)
    built = program.evaluate({"object": {"spec": {"replicas": 2}}})
    assert program.result_type.name == "Object"
    assert isinstance(built, StructValue)
    assert to_json(built) == {"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 3}}
    assert check_type_names(built) == []


def test_building_an_object_costs_forty() -> None:
    budget = Budget(1000)
    compile_expression("Object{spec: Object.spec{}}", MUTATION).evaluate({}, budget=budget)
    assert budget.spent == 80


def test_variables_are_paid_from_the_same_budget() -> None:
    budget = Budget(50)

    class Costly:
        def find(self, name: str) -> Any:
            return compile_expression("[1, 2, 3].map(i, i * i * i * i)", ENVIRONMENT).evaluate({}, budget=budget)

    with pytest.raises(BudgetExceeded):
        compile_expression("variables.nothing == []", ENVIRONMENT).evaluate({"variables": Costly()}, budget=budget)
    assert budget.remaining == 0


def test_names_of_types_must_be_paths() -> None:
    built = compile_expression("Object{spec: Object.metadata{}}", MUTATION).evaluate({})
    assert check_type_names(built) == [
        'unexpected type name "Object.metadata", expected "Object.spec", which matches field name path from root Object type'
    ]


def test_patches_built() -> None:
    text = "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b~c'), value: {'x': [1, 2]}}]"
    program = compile_expression(text, MUTATION)
    assert str(program.result_type) == "list(JSONPatch)"
    built = program.evaluate({})
    assert [to_json(patch) for patch in built] == [
        {"op": "add", "path": "/metadata/labels/a~1b~0c", "value": {"x": [1, 2]}}
    ]


def test_fields_of_patches_have_types() -> None:
    with pytest.raises(CompileError, match="expected type of field 'op' is 'string' but provided type is 'int'"):
        compile_expression("JSONPatch{op: 1}", MUTATION)
    with pytest.raises(CompileError, match="undefined field 'operation'"):
        compile_expression("JSONPatch{operation: 'add'}", MUTATION)


def test_other_values_as_json() -> None:
    text = "[dyn(b'hi'), dyn(timestamp('2024-01-01T00:00:00Z')), dyn(duration('90s')), dyn(2u), dyn(optional.of(1))]"
    built = compile_expression(text, MUTATION).evaluate({})
    assert to_json(built) == ["aGk=", "2024-01-01T00:00:00Z", "90s", 2, 1]


def test_values_without_json_are_refused() -> None:
    for text in ("type(1)", "{1: 2}", "ip('::1')"):
        with pytest.raises(EvaluationError):
            to_json(compile_expression(text, MUTATION).evaluate({}))
