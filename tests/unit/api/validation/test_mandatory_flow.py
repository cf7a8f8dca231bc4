"""Objects of priority and fairness that may not change."""

import pytest

from kybern.api.validation import validate_create
from kybern.apiserver.bootstrap import flow_control
from tests.unit.api.written import create, faults, new, resource_of


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (new("PriorityLevelConfiguration", {"type": "Exempt", "exempt": {"lendablePercent": 7}}, name="exempt"), []),
        (
            new(
                "PriorityLevelConfiguration",
                {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}},
                name="catch-all",
            ),
            [
                'spec: Invalid value: {"Type":"Limited","Limited":{"NominalConcurrencyShares":30,"LimitResponse":'
                '{"Type":"Reject","Queuing":null},"LendablePercent":0,"BorrowingLimitPercent":null},"Exempt":null}: '
                "spec of 'catch-all' must equal the fixed value"
            ],
        ),
        (
            new(
                "FlowSchema", {"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 1}, name="exempt"
            ),
            [
                'spec: Invalid value: {"PriorityLevelConfiguration":{"Name":"exempt"},"MatchingPrecedence":1,'
                '"DistinguisherMethod":null,"Rules":null}: spec of \'exempt\' must equal the fixed value'
            ],
        ),
        (
            new("FlowSchema", {"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 9}, name="own"),
            [],
        ),
    ],
)
def test_fixed_values(obj, expected):
    assert faults(obj) == expected


def test_what_every_cluster_has_is_valid():
    for kind, objects in (
        ("PriorityLevelConfiguration", flow_control.priority_levels()),
        ("FlowSchema", flow_control.flow_schemas()),
    ):
        for each in objects:
            made = create(new(kind, each["spec"], name=each["metadata"]["name"]))
            assert validate_create(resource_of(made), made) == [], each
