"""Policies learn from their status which fields they name in vain."""

from kybern.api.types import convert
from kybern.api.types.admissionregistration_v1 import ValidatingAdmissionPolicy

from .machine import plane

SPEC = {
    "matchConstraints": {
        "resourceRules": [
            {"operations": ["CREATE"], "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}
        ]
    },
    "variables": [{"name": "count", "expression": "object.spec.replicas"}],
    "validations": [
        {"expression": "variables.count > 1 && object.spec.paused != true"},
        {"expression": "object.spec.nothing == 1", "messageExpression": "'at ' + object.metadata.name"},
        {"expression": "variables.count == 'x'"},
    ],
}


async def test_expressions_are_checked_against_kinds() -> None:
    async with plane(("validatingadmissionpolicy-status-controller",)) as world:
        policy = convert({"metadata": {"name": "p"}, "spec": SPEC}, ValidatingAdmissionPolicy)
        await world.client.create(policy)

        async def checked() -> bool:
            return (await world.client.get(ValidatingAdmissionPolicy, "p")).status.observed_generation == 1

        await world.until(checked)
        status = (await world.client.get(ValidatingAdmissionPolicy, "p")).status
        assert status.type_checking is not None
        found = {each.field_ref: each.warning for each in status.type_checking.expression_warnings}
        assert sorted(found) == ["spec.validations[1].expression", "spec.validations[2].expression"]
        assert found["spec.validations[1].expression"].startswith(
            "apps/v1, Kind=Deployment: compilation failed: ERROR: <input>:1:12: undefined field 'nothing'"
        )
        assert (
            "found no matching overload for '_==_' applied to '(int, string)'"
            in found["spec.validations[2].expression"]
        )
