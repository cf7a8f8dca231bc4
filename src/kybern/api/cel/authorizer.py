"""Authorization checks from expressions: `authorizer.group('apps').resource('deployments').check('create').allowed()`.

Who decides is given by the caller; a check is made when `check` is called, and its cost allows two in one expression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from kybern.api.cel.declarations import Overload, overload
from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.values import Opaque
from kybern.api.validation import names

_PREFIX = "kubernetes.authorization."


@dataclass(frozen=True, slots=True)
class Check:
    """What is asked. For a path the resource's fields are empty, and the other way round.

    `service_account` is (namespace, name) where the question is about one, else None: the requesting user.
    """

    verb: str
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""
    service_account: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`error` is "" but where the decision could not be made."""

    allowed: bool
    reason: str = ""
    error: str = ""


Ask = Callable[[Check], Answer]


class Authorizer(Opaque):
    """The value of the variable `authorizer`; `ask` decides, synchronously."""

    __slots__ = ("ask", "service_account")

    type_name = f"{_PREFIX}Authorizer"

    def __init__(self, ask: Ask, service_account: tuple[str, str] | None = None) -> None:
        self.ask = ask
        self.service_account = service_account

    def resource_check(
        self, group: str, resource: str, *, subresource: str = "", namespace: str = "", name: str = ""
    ) -> ResourceCheck:
        """The value of the variable `authorizer.requestResource`."""
        check = Check("", "", group, resource, subresource, namespace, name, service_account=self.service_account)
        return ResourceCheck(self.ask, check)


class PathCheck(Opaque):
    __slots__ = ("ask", "check")

    type_name = f"{_PREFIX}PathCheck"

    def __init__(self, ask: Ask, check: Check) -> None:
        self.ask = ask
        self.check = check


class GroupCheck(PathCheck):
    __slots__ = ()

    type_name = f"{_PREFIX}GroupCheck"


class ResourceCheck(PathCheck):
    __slots__ = ()

    type_name = f"{_PREFIX}ResourceCheck"


class Decision(Opaque):
    __slots__ = ("answer",)

    type_name = f"{_PREFIX}Decision"

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


def _path(authorizer: Authorizer, path: str) -> PathCheck:
    if not path.strip():
        raise EvaluationError("path must not be empty")
    return PathCheck(authorizer.ask, Check("", path, service_account=authorizer.service_account))


def _group(authorizer: Authorizer, group: str) -> GroupCheck:
    return GroupCheck(authorizer.ask, Check("", group=group, service_account=authorizer.service_account))


def _service_account(authorizer: Authorizer, namespace: str, name: str) -> Authorizer:
    if names.dns_subdomain(name):
        raise EvaluationError("Invalid service account name")
    if names.dns_label(namespace):
        raise EvaluationError("Invalid service account namespace")
    return Authorizer(authorizer.ask, (namespace, name))


def _resource(group: GroupCheck, resource: str) -> ResourceCheck:
    if not resource.strip():
        raise EvaluationError("resource must not be empty")
    return ResourceCheck(group.ask, replace(group.check, resource=resource))


def _narrowed(field: str) -> Callable[[ResourceCheck, str], ResourceCheck]:
    def narrow(check: ResourceCheck, value: str) -> ResourceCheck:
        changes: dict[str, Any] = {field: value}
        return ResourceCheck(check.ask, replace(check.check, **changes))

    return narrow


def _decide(check: PathCheck, verb: str) -> Decision:
    return Decision(check.ask(replace(check.check, verb=verb)))


_A, _P, _G, _R, _D = (
    f"{_PREFIX}{name}" for name in ["Authorizer", "PathCheck", "GroupCheck", "ResourceCheck", "Decision"]
)

OVERLOADS: list[Overload] = [
    overload("authorizer_path", "path", f"{_A}.(string) -> {_P}", _path),
    overload("authorizer_group", "group", f"{_A}.(string) -> {_G}", _group),
    overload("authorizer_serviceaccount", "serviceAccount", f"{_A}.(string, string) -> {_A}", _service_account),
    overload("groupcheck_resource", "resource", f"{_G}.(string) -> {_R}", _resource),
    overload("resourcecheck_subresource", "subresource", f"{_R}.(string) -> {_R}", _narrowed("subresource")),
    overload("resourcecheck_namespace", "namespace", f"{_R}.(string) -> {_R}", _narrowed("namespace")),
    overload("resourcecheck_name", "name", f"{_R}.(string) -> {_R}", _narrowed("name")),
    overload("pathcheck_check", "check", f"{_P}.(string) -> {_D}", _decide),
    overload("resourcecheck_check", "check", f"{_R}.(string) -> {_D}", _decide),
    overload("decision_errored", "errored", f"{_D}.() -> bool", lambda decision: bool(decision.answer.error)),
    overload("decision_error", "error", f"{_D}.() -> string", lambda decision: decision.answer.error),
    overload("decision_allowed", "allowed", f"{_D}.() -> bool", lambda decision: decision.answer.allowed),
    overload("decision_reason", "reason", f"{_D}.() -> string", lambda decision: decision.answer.reason),
    overload("authorizer_fieldselector", "fieldSelector", f"{_R}.(string) -> {_R}", _narrowed("field_selector")),
    overload("authorizer_labelselector", "labelSelector", f"{_R}.(string) -> {_R}", _narrowed("label_selector")),
]
