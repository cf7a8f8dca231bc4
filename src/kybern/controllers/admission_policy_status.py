"""Status of ValidatingAdmissionPolicies: their expressions, checked against the kinds that they are about
(pkg/controller/validatingadmissionpolicystatus)."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from msgspec.structs import replace

from kybern.api.registry import find
from kybern.api.types import convert, to_dict
from kybern.api.types.admissionregistration_v1 import ValidatingAdmissionPolicy, ValidatingAdmissionPolicyStatus
from kybern.api.types.apiextensions_v1 import CustomResourceDefinition
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome, Plan
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "validatingadmissionpolicy-status-controller"
WORKERS = 5
WATCHES = watch(ValidatingAdmissionPolicy).reads(CustomResourceDefinition)

Check = Callable[[dict[str, Any]], list[dict[str, Any]]]
"""A policy's spec -> the warnings of its expressions."""


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Check each generation once."""
    policy = cluster.get(ValidatingAdmissionPolicy, key)
    if policy is None:
        return Done()
    definitions = cluster.list(CustomResourceDefinition)
    plan = decide(policy, lambda spec: _check(spec, definitions))
    return await cluster.apply(plan) if plan.writes else plan.outcome


def decide(policy: ValidatingAdmissionPolicy, check: Check) -> Plan:
    """Pure."""
    plan = Plan(policy)
    generation = policy.metadata.generation
    if policy.status.observed_generation == generation:
        return plan
    warnings = check(to_dict(policy)["spec"])
    status = {"observedGeneration": generation, "typeChecking": {"expressionWarnings": warnings} if warnings else {}}
    plan.status(replace(policy, status=convert(status, ValidatingAdmissionPolicyStatus)))
    plan.decide(Verdict.ACTED, "TypeChecked", f"{len(warnings)} of its expressions name what is not there")
    return plan


def _check(spec: dict[str, Any], definitions: Iterable[CustomResourceDefinition]) -> list[dict[str, Any]]:
    """CEL is loaded with the first policy: most clusters have none."""
    cel, checking = import_module("kybern.api.cel"), import_module("kybern.api.policies.type_check")
    custom = {each.spec.group + "/" + each.spec.names.plural: to_dict(each) for each in definitions}

    def kind_of(group: str, version: str, plural: str) -> tuple[str, str, str] | None:
        built_in = find(group, version, plural)
        if built_in is not None:
            return group, version, built_in.kind
        definition = custom.get(f"{group}/{plural}")
        return None if definition is None else (group, version, definition["spec"]["names"]["kind"])

    def type_of(api_version: str, kind: str) -> Any:
        built_in = cel.type_from_definition(api_version, kind)
        if built_in is not None:
            return built_in
        group, _, version = api_version.rpartition("/")
        for definition in custom.values():
            described = definition["spec"]
            if (described["group"], described["names"]["kind"]) == (group, kind):
                schemas = (each.get("schema") for each in described["versions"] if each["name"] == version)
                schema = next((each["openAPIV3Schema"] for each in schemas if each), None)
                return None if schema is None else cel.type_from_schema(schema, root=True)
        return None

    found: list[dict[str, Any]] = checking.type_check(spec, kind_of, type_of)
    return found
