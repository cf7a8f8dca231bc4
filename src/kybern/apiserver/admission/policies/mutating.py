"""MutatingAdmissionPolicy.

Source: https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/,
k8s.io/apiserver pkg/admission/plugin/policy/mutating.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from kybern.api.cel import BUDGET_LIMIT, Budget, EvaluationError, StructValue, to_json
from kybern.api.fields.atom import Atom, Unkeyed
from kybern.api.fields.merge import merge
from kybern.api.patch import json_patch
from kybern.api.patch.rfc6902 import PatchFailed
from kybern.api.policies import Activation, Failed, mutating_programs
from kybern.api.policies.program import Mutation
from kybern.api.resource import Object, Resource
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.policies.invocations import Invocation, Invocations
from kybern.apiserver.admission.policies.source import Policies, Policy
from kybern.apiserver.admission.policies.values import Values
from kybern.apiserver.admission.reinvocation import Reinvocation
from kybern.apiserver.admission.versions import Versions, replace
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.status import GivenStatus, status_of
from kybern.base.errors import StatusError

INVALID = "Invalid"


def make(lookup: Lookup, versions: Versions, authorizer: Authorizer) -> "Evaluator":
    """Over the policies of a server."""
    policies = Policies(lookup, "mutatingadmissionpolicies", versions.others, mutating_programs)
    return Evaluator(policies, Invocations(lookup, versions), Values(authorizer), versions)


class Evaluator:
    def __init__(self, policies: Policies, invocations: Invocations, values: Values, versions: Versions) -> None:
        self._policies = policies
        self._invocations = invocations
        self._values = values
        self._versions = versions

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        """Raises GivenStatus."""
        concerned = self._policies.concerned(attributes)
        if concerned:
            self._mutate(concerned, attributes, obj, old)

    def _mutate(
        self, concerned: Sequence[tuple[Policy, Resource]], attributes: Attributes, obj: Object, old: Object | None
    ) -> None:
        turn = attributes.reinvocation = attributes.reinvocation or Reinvocation()
        turn.begin(self, obj)
        faults: list[tuple[Invocation, str, str]] = []
        for invocation in list(self._invocations.of(concerned, attributes, obj, old)):
            policy = invocation.policy
            if invocation.fault:
                faults.append((invocation, invocation.fault, ""))
                continue
            key = _key(invocation)
            if not turn.takes(self, key):
                continue
            changed = False
            try:
                changed = self._run(invocation, attributes, obj, old)
            except Failed as failure:
                faults.append((invocation, str(failure), INVALID))
            again = policy.spec.get("reinvocationPolicy") == "IfNeeded"
            turn.called(self, key, changed=changed, again=again)
        turn.end(self, obj)
        held = [each for each in faults if not each[0].policy.fails_open]
        if held:
            raise _refusal(attributes, obj, held)

    def _run(self, invocation: Invocation, attributes: Attributes, obj: Object, old: Object | None) -> bool:
        """Whether the object is another one now. Raises Failed."""
        wanted = invocation.wanted
        before = self._versions.shown(attributes, wanted, old)
        namespace = self._invocations.namespace(attributes)
        programs = invocation.policy.programs
        changed = False
        for index, mutation in enumerate(programs.mutations):
            shown = self._versions.shown(attributes, wanted, obj)
            assert shown is not None
            values = self._values.of(attributes, wanted, shown, before, namespace, invocation.param)
            activation = Activation(programs, values, Budget(BUDGET_LIMIT))
            if not index and not activation.matches(invocation.policy.fails_open):
                return False
            patched = self._patched(mutation, activation, shown, wanted)
            try:
                new = self._versions.taken(attributes, wanted, obj, patched)
            except StatusError as error:
                raise Failed(error.message) from None
            if new != obj:
                replace(obj, new)
                changed = True
        return changed

    def _patched(self, mutation: Mutation, activation: Activation, shown: Object, wanted: Resource) -> Object:
        """Raises Failed."""
        value = activation.evaluate(mutation.expression)
        try:
            if mutation.json_patch:
                return _json_patched(shown, value)
            return self._merged(shown, value, wanted)
        except EvaluationError as error:
            raise Failed(str(error)) from None

    def _merged(self, shown: Object, value: StructValue, wanted: Resource) -> Object:
        """Raises Failed, EvaluationError."""
        faults = list(_misnamed(value, ["Object"]))
        if faults:
            raise Failed("type mismatch: " + "\n".join(faults))
        configuration = to_json(value)
        atom = self._versions.atom(wanted)
        if atom is None:
            raise Failed(f"Resource kind {wanted.api_version}, Kind={wanted.kind} not found.")
        atomic = list(_atomics(atom, configuration, ""))
        if atomic:
            words = "may not mutate atomic arrays, maps or structs"
            raise Failed(f"error applying patch: invalid ApplyConfiguration: {words}: {', '.join(atomic)}")
        try:
            return merge(atom, shown, configuration)
        except Unkeyed as error:
            raise Failed(f"error applying patch: failed to convert patch object to typed object: {error}") from None


def _json_patched(shown: Object, value: Sequence[StructValue]) -> Object:
    """A patch whose test fails changes nothing. Raises Failed, EvaluationError."""
    operations = []
    for each in value:
        faults = list(_misnamed(each.fields.get("value"), ["Object"])) if "value" in each.fields else []
        if faults:
            raise Failed("type mismatch: " + "\n".join(faults))
        operations.append({key: to_json(part) for key, part in each.fields.items()})
    try:
        return json_patch(shown, operations)
    except PatchFailed as error:
        if "testing value" in error.detail or "test" in error.detail.lower().split():
            return shown
        raise Failed(f"JSON Patch: {error.detail}") from None
    except StatusError as error:
        raise Failed(f"JSON Patch: {error.message}") from None


def _misnamed(value: Any, path: list[str]) -> Iterator[str]:
    """Types of what was built that do not say where it stands. A value of a JSON patch may stand anywhere."""
    if isinstance(value, StructValue):
        if path == ["Object"]:
            path = value.type_name.split(".")
        expected = ".".join(path)
        if value.type_name != expected:
            yield (
                f'unexpected type name "{value.type_name}", expected "{expected}", which matches field name path from '
                "root Object type"
            )
        for name, part in value.fields.items():
            yield from _misnamed(part, [*path, name])
    elif isinstance(value, list):
        for item in value:
            yield from _misnamed(item, path)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _misnamed(item, path)


def _atomics(atom: Atom, value: Any, path: str) -> Iterator[str]:
    """Paths of what a configuration would replace as a whole."""
    if isinstance(value, dict) and atom.map is not None:
        if atom.map.atomic:
            yield path
        for key, part in value.items():
            yield from _atomics(atom.map.of(key), part, f"{path}.{key}")
    elif isinstance(value, list) and atom.list is not None:
        if not atom.list.associative:
            yield path
        for index, part in enumerate(value):
            yield from _atomics(atom.list.element, part, f"{path}[{index}]")


def _key(invocation: Invocation) -> tuple[str, str, str, str]:
    binding, param = invocation.binding, (invocation.param or {}).get("metadata") or {}
    name = binding.name if binding is not None else ""
    return invocation.policy.name, name, param.get("namespace") or "", param.get("name") or ""


def _refusal(attributes: Attributes, obj: Object, faults: Sequence[tuple[Invocation, str, str]]) -> GivenStatus:
    """The first fault is the message, all are causes."""
    messages = []
    for invocation, fault, _ in faults:
        binding, name = invocation.binding, invocation.policy.name
        where = f"policy '{name}' with binding '{binding.name}'" if binding is not None else f'policy "{name}"'
        messages.append(f"{where} denied request: {fault}")
    given = status_of(attributes.forbidden(obj, messages[0]))
    details = {**given["details"], "causes": [{"message": message} for message in messages]}
    reason = faults[0][2] or given["reason"]
    return GivenStatus({**given, "message": messages[0], "reason": reason, "details": details})
