"""Resources of devices in the statuses of Pods."""

import pytest

from kybern.api.resource import Object
from kybern.api.validation import validate_subresource_update
from tests.unit.api.written import create, new, resource_of, update

SPEC = {
    "containers": [{"name": "c", "image": "i", "resources": {"claims": [{"name": "g", "request": "one"}],
                                                             "limits": {"example.com/d": "1"}}}],
    "resourceClaims": [{"name": "g", "resourceClaimName": "mine"}],
}  # fmt: skip


def check(status: Object, expected: list[str]) -> None:
    old = create(new("Pod", SPEC))
    old["metadata"]["resourceVersion"] = "1"
    changed = update(old, lambda pod: pod["status"].update(status), "status")
    errors = validate_subresource_update(resource_of(old), "status", changed, old)
    assert [f"{error.path}: {error.message}" for error in errors] == expected


def allocated(name: str, **resource: str) -> Object:
    entry = {"name": name, "resources": [{"resourceID": "r", "health": "Healthy", **resource}]}
    return {"containerStatuses": [{"name": "c", "allocatedResourcesStatus": [entry]}]}


AT = "status.containerStatuses[0].allocatedResourcesStatus[0]"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (allocated("example.com/d"), []),
        (allocated("claim:g/one"), []),
        (allocated("claim:g"), [f"{AT}.name: Invalid value: \"claim:g\": must match one of the container's resource "
                                "claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request "
                                "is empty"]),
        (allocated("cpu"), [f"{AT}.name: Invalid value: \"cpu\": must match one of the container's resource requests"]),
        (allocated("example.com/d", health="Fine"), [f'{AT}.resources[0].health: Unsupported value: "Fine": supported '
                                                     'values: "Healthy", "Unhealthy", "Unknown"']),
        (allocated("example.com/d", message=""),
         [f"{AT}.resources[0].message: Required value: must be non-empty if specified"]),
        ({"ephemeralContainerStatuses": [{"name": "e", "allocatedResourcesStatus": [{"name": "cpu"}]}]},
         ["status.ephemeralContainerStatuses[0].allocatedResourcesStatus: Forbidden: must not be specified in "
          "container status"]),
        ({"resourceClaimStatuses": [{"name": "g"}, {"name": "h"}, {"name": "g"}]},
         ['status.resourceClaimStatuses[1].name: Invalid value: "h": must match the name of an entry in '
          "`spec.resourceClaims`", 'status.resourceClaimStatuses[2].name: Duplicate value: "g"']),
    ],
)  # fmt: skip
def test_resources_of_claims(status: Object, expected: list[str]) -> None:
    check(status, expected)
