"""ValidatingAdmissionPolicy.

Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/,
k8s.io/apiserver pkg/admission/plugin/policy/validating.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from kybern.api.cel import BUDGET_LIMIT, Budget
from kybern.api.policies import Activation, Expression, Failed, OutOfBudget, validating_programs
from kybern.api.resource import Object, Resource
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.metrics import AdmissionMetrics
from kybern.apiserver.admission.policies.invocations import Invocation, Invocations
from kybern.apiserver.admission.policies.source import Policies, Policy
from kybern.apiserver.admission.policies.values import Values
from kybern.apiserver.admission.versions import Versions
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.status import GivenStatus, status_of

MESSAGE_BYTES_LIMIT = 5 * 1024
ANNOTATION_LENGTH_LIMIT = 10 * 1024
FAILURE_ANNOTATION = "validation.policy.admission.k8s.io/validation_failure"
_CODES = {"Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413}
INVALID = "Invalid"


@dataclass(frozen=True, slots=True)
class Denial:
    invocation: Invocation
    message: str
    reason: str = INVALID
    index: int = 0
    """Of the validation."""
    seconds: float = 0.0
    """That it took."""

    @property
    def error_type(self) -> str:
        """As metrics tell it."""
        if self.message.startswith("compilation"):
            return "compile_error"
        if self.message.startswith("validation failed due to running out of cost budget"):
            return "out_of_budget"
        return "invalid_error"


@dataclass(slots=True)
class Verdict:
    """Of one evaluation."""

    denials: list[Denial] = field(default_factory=list)
    annotations: list[tuple[str, str]] = field(default_factory=list)
    failures: list[Denial] = field(default_factory=list)
    """Annotations that failed: they deny whatever the binding's actions are."""


def make(lookup: Lookup, versions: Versions, authorizer: Authorizer, metrics: AdmissionMetrics) -> "Evaluator":
    """Over the policies of a server."""
    policies = Policies(lookup, "validatingadmissionpolicies", versions.others, validating_programs)
    return Evaluator(policies, Invocations(lookup, versions), Values(authorizer), versions, metrics)


class Evaluator:
    def __init__(
        self,
        policies: Policies,
        invocations: Invocations,
        values: Values,
        versions: Versions,
        metrics: AdmissionMetrics,
    ) -> None:
        self._policies = policies
        self._invocations = invocations
        self._values = values
        self._versions = versions
        self._metrics = metrics

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        """Raises GivenStatus."""
        concerned = self._policies.concerned(attributes)
        if concerned:
            self._validate(concerned, attributes, obj, old)

    def _validate(
        self,
        concerned: Sequence[tuple[Policy, Resource]],
        attributes: Attributes,
        obj: Object | None,
        old: Object | None,
    ) -> None:
        denied: list[Denial] = []
        annotated: dict[str, list[str]] = {}
        for invocation in self._invocations.of(concerned, attributes, obj, old):
            policy, binding = invocation.policy, invocation.binding
            if invocation.fault:
                if not policy.fails_open:
                    denied.append(Denial(invocation, invocation.fault))
                continue
            assert binding is not None
            found = self._evaluate(invocation, attributes, obj, old)
            for denial in found.denials:
                denied += self._act(denial, attributes)
            for denial in found.failures:
                self._count(denial, "deny")
                denied.append(denial)
            for key, value in found.annotations:
                values = annotated.setdefault(f"{policy.name}/{key}", [])
                if value not in values:
                    values.append(value)
        for key, values in annotated.items():
            attributes.annotations[key] = ", ".join(values)
        if denied:
            raise _refusal(attributes, obj, denied[0])

    def _act(self, denial: Denial, attributes: Attributes) -> Iterator[Denial]:
        """What the binding says is to be done of a failed validation."""
        binding = denial.invocation.binding
        assert binding is not None
        policy = denial.invocation.policy
        actions = binding.spec.get("validationActions") or ()
        for action in actions:
            self._count(denial, action.lower())
            if action == "Deny":
                yield denial
            elif action == "Warn":
                where = f"ValidatingAdmissionPolicy '{policy.name}' with binding '{binding.name}'"
                attributes.warn(f"Validation failed for {where}: {denial.message}")
            elif action == "Audit":
                told = {
                    "message": denial.message,
                    "policy": policy.name,
                    "binding": binding.name,
                    "expressionIndex": denial.index,
                    "validationActions": list(actions),
                }
                attributes.annotations[FAILURE_ANNOTATION] = orjson.dumps([told]).decode()

    def _count(self, denial: Denial, action: str) -> None:
        binding = denial.invocation.binding
        assert binding is not None
        self._metrics.checked(denial.seconds, denial.invocation.policy.name, binding.name, denial.error_type, action)

    def _evaluate(
        self, invocation: Invocation, attributes: Attributes, obj: Object | None, old: Object | None
    ) -> Verdict:
        wanted = invocation.wanted
        shown, before = self._versions.shown(attributes, wanted, obj), self._versions.shown(attributes, wanted, old)
        namespace = self._invocations.namespace(attributes)
        values = self._values.of(attributes, wanted, shown, before, namespace, invocation.param)
        evaluation = Evaluation(invocation, values, self._metrics.now)
        return evaluation.run()


class Evaluation:
    """One policy on one object with one parameter."""

    def __init__(self, invocation: Invocation, values: dict[str, Any], now: Callable[[], float]) -> None:
        self._invocation = invocation
        self._policy = invocation.policy
        self._programs = invocation.policy.programs
        self._values = values
        self._now = now
        self._found = Verdict()

    def run(self) -> Verdict:
        budget = Budget(BUDGET_LIMIT)
        activation = Activation(self._programs, self._values, budget)
        try:
            if not activation.matches(self._policy.fails_open):
                return self._found
            self._validations(activation)
            self._annotations(Activation(self._programs, self._values, Budget(BUDGET_LIMIT)))
        except Failed as failure:
            self._fail(str(failure), 0)
        return self._found

    def _validations(self, activation: Activation) -> None:
        """Raises OutOfBudget."""
        specs = self._policy.spec.get("validations") or ()
        for index, (expression, message) in enumerate(self._programs.validations):
            started = self._now()
            try:
                held = activation.evaluate(expression)
            except OutOfBudget:
                self._found.denials.clear()
                raise
            except Failed as failure:
                self._fail(str(failure), index)
                continue
            if held is not True:
                reason = specs[index].get("reason") or INVALID
                said = self._message(activation, specs[index], message)
                denial = Denial(self._invocation, said, reason, index, self._now() - started)
                self._found.denials.append(denial)

    def _message(self, activation: Activation, spec: Object, expression: Expression | None) -> str:
        """What the messageExpression says, if it is one line and short; else the message, else the expression."""
        said = ""
        if expression is not None:
            try:
                value = activation.evaluate(expression)
            except OutOfBudget as failure:
                return f"failed messageExpression: {failure}"
            except Failed:
                value = ""
            said = value.strip() if isinstance(value, str) else ""
            if len(said.encode()) > MESSAGE_BYTES_LIMIT or "\n" in said:
                said = ""
        return said or (spec.get("message") or "").strip() or f"failed expression: {spec['expression'].strip()}"

    def _annotations(self, activation: Activation) -> None:
        """Raises OutOfBudget."""
        specs = self._policy.spec.get("auditAnnotations") or ()
        for spec, expression in zip(specs, self._programs.annotations, strict=True):
            try:
                value = activation.evaluate(expression)
            except OutOfBudget:
                raise
            except Failed as failure:
                if not self._policy.fails_open:
                    self._found.failures.append(Denial(self._invocation, str(failure)))
                continue
            if isinstance(value, str) and value.strip():
                self._found.annotations.append((spec["key"], value.strip()[:ANNOTATION_LENGTH_LIMIT]))

    def _fail(self, message: str, index: int) -> None:
        if not self._policy.fails_open:
            self._found.denials.append(Denial(self._invocation, message, INVALID, index))


def _refusal(attributes: Attributes, obj: Object | None, denial: Denial) -> GivenStatus:
    """The Forbidden of a plugin, with the reason and the code that the validation names."""
    invocation = denial.invocation
    where = f"ValidatingAdmissionPolicy '{invocation.policy.name}'"
    if invocation.binding is not None:
        where += f" with binding '{invocation.binding.name}'"
    message = f"{where} denied request: {denial.message}"
    given = status_of(attributes.forbidden(obj, message))
    details = {**given["details"], "causes": [{"message": message}]}
    return GivenStatus({**given, "reason": denial.reason, "details": details, "code": _CODES.get(denial.reason, 422)})
