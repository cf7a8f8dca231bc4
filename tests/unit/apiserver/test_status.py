"""Errors as Statuses, in upstream's words."""

import orjson

from kybern.api.registry import find
from kybern.api.validation.field import invalid, required
from kybern.apiserver import status
from kybern.apiserver.authorization.authorizer import forbidden
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import User
from kybern.base.errors import StatusError, TooManyRequests, Unauthorized

PODS, DEPLOYMENTS = find("", "v1", "pods"), find("apps", "v1", "deployments")
assert PODS is not None
assert DEPLOYMENTS is not None


def check(error: StatusError, code: int, message: str, details: dict[str, object] | None) -> None:
    found = status.status_of(error)
    assert (found["code"], found["message"], found.get("details")) == (code, message, details)


def test_objects() -> None:
    check(status.not_found(PODS, "p"), 404, 'pods "p" not found', {"name": "p", "kind": "pods"})
    about = {"name": "d", "group": "apps", "kind": "deployments"}
    check(status.already_exists(DEPLOYMENTS, "d"), 409, 'deployments.apps "d" already exists', about)
    message = (
        'Operation cannot be fulfilled on deployments.apps "d": the object has been modified; please apply your changes '
        "to the latest version and try again"
    )
    check(status.conflict(DEPLOYMENTS, "d"), 409, message, about)
    check(status.no_such_path(), 404, "the server could not find the requested resource", {})
    check(Unauthorized("Unauthorized"), 401, "Unauthorized", None)


def test_invalid() -> None:
    faults = [required("spec.a"), invalid("spec.b", -1, "must be positive")]
    check(
        status.invalid(DEPLOYMENTS, "d", faults),
        422,
        'Deployment.apps "d" is invalid: [spec.a: Required value, spec.b: Invalid value: -1: must be positive]',
        {
            "name": "d",
            "group": "apps",
            "kind": "Deployment",
            "causes": [
                {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.a"},
                {"reason": "FieldValueInvalid", "message": "Invalid value: -1: must be positive", "field": "spec.b"},
            ],
        },
    )


def test_forbidden() -> None:
    info = RequestInfo(True, "list", "", "", "v1", "default", "pods")
    check(
        forbidden(User("x"), info),
        403,
        'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"',
        {"kind": "pods"},
    )
    info = RequestInfo(True, "get", "", "apps", "v1", "", "deployments", "scale", "d")
    check(
        forbidden(User("x"), info, "why"),
        403,
        'deployments.apps "d" is forbidden: User "x" cannot get resource "deployments/scale" in API group "apps" '
        "at the cluster scope: why",
        {"name": "d", "group": "apps", "kind": "deployments"},
    )
    check(
        forbidden(User("x"), RequestInfo(False, "get", "/metrics")),
        403,
        'forbidden: User "x" cannot get path "/metrics"',
        {},
    )


def test_retry_after_is_a_header_too() -> None:
    answer = status.failure(TooManyRequests("later", details={"retryAfterSeconds": 3}))
    assert (answer.status, list(answer.headers)) == (429, [("Retry-After", "3")])
    assert orjson.loads(answer.body)["details"] == {"retryAfterSeconds": 3}
