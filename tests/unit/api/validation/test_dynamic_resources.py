"""Claims of devices, what slices offer, what was allocated: what is wrong with them, in upstream's words."""

import pytest

from kybern.api.validation import validate_subresource_update
from tests.unit.api.written import create, faults, new, resource_of, update, update_faults

NOT_A_REQUEST = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
C_NAME = (
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters "
    "or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"
)
GPU = {"name": "gpu", "exactly": {"deviceClassName": "gpus"}}
EITHER = {
    "name": "either",
    "firstAvailable": [
        {"name": "big", "deviceClassName": "gpus"},
        {"name": "small", "deviceClassName": "gpus", "count": 2},
    ],
}
SETTINGS = {"opaque": {"driver": "gpu.example.org", "parameters": {"mode": "fast"}}}
POOL = {"name": "rack-1", "generation": 1, "resourceSliceCount": 1}


def claim(*requests, **devices):
    return new("ResourceClaim", {"devices": {"requests": list(requests), **devices}})


def chosen_by(expression):
    exactly = {"deviceClassName": "gpus", "selectors": [{"cel": {"expression": expression}}]}
    return claim({"name": "gpu", "exactly": exactly})


def offered(*devices, **spec):
    given = {"driver": "gpu.example.org", "nodeName": "n1", "pool": POOL, "devices": list(devices), **spec}
    return new("ResourceSlice", {key: value for key, value in given.items() if value is not None})


def metered(policy, **changes):
    return offered(
        {"name": "d", "allowMultipleAllocations": True, "capacity": {"mem": {"value": "8Gi", "requestPolicy": policy}}}
        | changes
    )


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (claim(GPU, EITHER, config=[{"requests": ["gpu", "either/small"], **SETTINGS}]), []),
        (claim(GPU, GPU), ['spec.devices.requests[1]: Duplicate value: "gpu"']),
        (claim({"name": "G", "exactly": {"deviceClassName": "gpus"}}),
         [f'spec.devices.requests[0].name: Invalid value: "G": {LABEL}']),
        (claim({"name": "gpu", "exactly": {"deviceClassName": "gpus", "allocationMode": "All", "count": 1}}),
         ["spec.devices.requests[0].exactly.count: Invalid value: 1: must not be specified when allocationMode is 'All'"]),
        (claim(GPU, config=[{"requests": ["either/big"], **SETTINGS}]),
         [f'spec.devices.config[0].requests[0]: Invalid value: "either/big": {NOT_A_REQUEST}']),
        (claim(EITHER, config=[{"requests": ["either/none"], **SETTINGS}]),
         [f'spec.devices.config[0].requests[0]: Invalid value: "either/none": {NOT_A_REQUEST}']),
        (claim(GPU, constraints=[{"matchAttribute": "numa"}]),
         ['spec.devices.constraints[0].matchAttribute: Invalid value: "numa": '
          "a fully qualified name must be a domain and a name separated by a slash"]),
        (claim(GPU, constraints=[{"distinctAttribute": "example.org/a-b"}]),
         [f'spec.devices.constraints[0].distinctAttribute: Invalid value: "a-b": {C_NAME}']),
        (claim(GPU, constraints=[{}]),
         ['spec.devices.constraints[0]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is '
          "required, but multiple fields are set"]),
        (claim(GPU, config=[{"opaque": {"driver": "gpu.example.org", "parameters": ["fast"]}}]),
         ['spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object']),
        (claim({"name": "gpu", "exactly": {"deviceClassName": "gpus", "tolerations": [
            {"operator": "Exists", "value": "v"}, {"operator": "Likes", "effect": "NoDrain"}]}}),
         ['spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: "v": must be empty for operator `Exists`',
          'spec.devices.requests[0].exactly.tolerations[1].operator: Unsupported value: "Likes": '
          'supported values: "Equal", "Exists"',
          'spec.devices.requests[0].exactly.tolerations[1].effect: Unsupported value: "NoDrain": '
          'supported values: "NoExecute", "NoSchedule", "None"']),
        (new("ResourceClaimTemplate", {"metadata": {"name": "n", "labels": {"a": "b"}}, "spec": {}}),
         ["spec.metadata.name: Forbidden: cannot be set"]),
        (new("DeviceClass", {"extendedResourceName": "cpu"}),
         ['spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name']),
    ],
)  # fmt: skip
def test_what_is_asked_for(obj, expected):
    assert faults(obj) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('device.driver == "x" && device.attributes["x"].model == "m" && device.allowMultipleAllocations', ""),
        ('device.attributes["x"].wanted', ""),
        ('device.capacity["x"].mem.compareTo(quantity("1Gi")) > 0', ""),
        ("device.driver", 'Invalid value: "device.driver": must evaluate to bool or the unknown type, not string'),
        ("device.size > 1", 'Invalid value: "device.size > 1": compilation failed: ERROR: <input>:1:7: '
         "undefined field 'size'\n | device.size > 1\n | ......^"),
        ("[1,2,3,4,5,6,7,8,9,10].all(a, device.attributes.all(b, device.attributes.all(c, "
         "device.attributes.all(d, device.attributes.all(e, b != c && d != e)))))",
         "Forbidden: too complex, exceeds cost limit"),
    ],
)  # fmt: skip
def test_expressions_that_choose_devices(expression, expected):
    told = [f"spec.devices.requests[0].exactly.selectors[0].cel.expression: {expected}"] if expected else []
    assert faults(chosen_by(expression)) == told


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (offered({"name": "d", "attributes": {"model": {"string": "m"}}}), []),
        (offered(nodeName=None),
         ["spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"]),
        (offered(allNodes=True),
         ['spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, '
          "`perDeviceNodeSelection` is required, but multiple fields are set"]),
        (offered(pool={"name": "a/B", "generation": -1}),
         ['spec.pool.name: Invalid value: "B": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric '
          "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
          "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
          "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
          "spec.pool.generation: Invalid value: -1: must be greater than or equal to zero"]),
        (offered({"name": "d", "attributes": {"v": {"version": "1.2"}, "two": {"int": 1, "bool": True}, "none": {}}}),
         ['spec.devices[0].attributes[v].version: Invalid value: "1.2": must be a string compatible with semver.org spec 2.0.0',
          'spec.devices[0].attributes[two]: Invalid value: {"IntValue":1,"BoolValue":true,"StringValue":null,'
          '"VersionValue":null,"IntValues":null,"BoolValues":null,"StringValues":null,"VersionValues":null}: '
          "exactly one value must be specified",
          'spec.devices[0].attributes[none]: Invalid value: "": exactly one value must be specified']),
        (offered({"name": "d", "allNodes": True}),
         ["spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if "
          "`perDeviceNodeSelection` is set to true in the ResourceSlice spec"]),
        (offered({"name": "d", "bindingConditions": ["Ready"]}),
         ["spec.devices[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use "
          "bindingConditions"]),
        (offered({"name": "d", "consumesCounters": [{"counterSet": "c"}]}),
         ["spec.devices[0].consumesCounters[0].counters: Required value"]),
        (offered({"name": "d", "taints": [{"key": "k", "effect": "Gone"}]}),
         ['spec.devices[0].taints[0].effect: Unsupported value: "Gone": supported values: "NoExecute", "NoSchedule", "None"']),
        (metered({"default": "1Gi", "validValues": ["1Gi", "2Gi"]}), []),
        (metered({"default": "3Gi", "validValues": ["2Gi", "1Gi", "9Gi"]}),
         ['spec.devices[0].capacity[mem].requestPolicy.validValues[1]: Invalid value: "1Gi": values must be sorted in '
          "ascending order",
          'spec.devices[0].capacity[mem].requestPolicy.validValues[2]: Invalid value: "9Gi": option is larger than '
          "capacity value: 8Gi",
          'spec.devices[0].capacity[mem].requestPolicy.validValues: Invalid value: "3Gi": default value is not valid '
          "according to the requestPolicy"]),
        (metered({"default": "5", "validRange": {"min": "2", "max": "4", "step": "2"}}),
         ['spec.devices[0].capacity[mem].requestPolicy.validRange.max: Invalid value: "5": default is more than max: 4',
          'spec.devices[0].capacity[mem].requestPolicy.validRange.step: Invalid value: "5": value is not a multiple of a '
          "given step (2) from (2)"]),
        (metered({"default": "5", "validRange": {"min": "2", "step": "0"}}),
         ['spec.devices[0].capacity[mem].requestPolicy.validRange.step: Invalid value: "5": value is not a multiple of a '
          "given step (0) from (2)"]),
        (metered({"default": "1Gi", "validValues": ["1Gi"]}, allowMultipleAllocations=False),
         ["spec.devices[0].capacity[mem].requestPolicy: Forbidden: allowMultipleAllocations must be true"]),
    ],
)  # fmt: skip
def test_what_is_offered(obj, expected):
    assert faults(obj) == expected


def test_a_claim_stays_as_it_was_asked():
    def edit(obj):
        obj["spec"]["devices"]["requests"][0]["exactly"]["count"] = 3

    assert update_faults(claim(GPU), edit) == [
        'spec: Invalid value: {"Devices":{"Requests":[{"Name":"gpu","Exactly":{"DeviceClassName":"gpus","Selectors":null,'
        '"AllocationMode":"ExactCount","Count":3,"AdminAccess":null,"Tolerations":null,"Capacity":null},'
        '"FirstAvailable":null}],"Constraints":null,"Config":null}}: field is immutable'
    ]


def test_fields_of_features_that_are_off_are_dropped_and_taints_dated():
    device = {"name": "d", "attributes": {"a": {"ints": [1], "int": 2}}, "taints": [{"key": "k", "effect": "None"}]}
    made = create(offered(device | {"nodeAllocatableResourceMappings": {"cpu": {"capacityKey": "mem"}}}))
    [kept] = made["spec"]["devices"]
    assert kept["attributes"] == {"a": {"int": 2}}
    assert "nodeAllocatableResourceMappings" not in kept
    assert kept["taints"] == [{"key": "k", "effect": "None", "timeAdded": "2026-02-02T02:40:00Z"}]


PLACE = {"driver": "gpu.example.org", "pool": "rack-1", "device": "d1"}


def with_status(old, status):
    return update(old, lambda obj: obj.update(status=status), "status")


def status_faults(status):
    old = create(claim(GPU, EITHER))
    old["metadata"]["resourceVersion"] = "1"
    changed = with_status(old, status)
    return [
        f"{error.path}: {error.message}"
        for error in validate_subresource_update(resource_of(old), "status", changed, old)
    ]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"allocation": {"devices": {"results": [{"request": "either/big", **PLACE}]}}, "devices": [PLACE]}, []),
        ({"reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}]},
         ["status.reservedFor: Forbidden: may not be specified when `allocated` is not set"]),
        ({"devices": [PLACE]},
         ['status.devices[0]: Invalid value: {"Driver":"gpu.example.org","Pool":"rack-1","Device":"d1","ShareID":""}: '
          "must be an allocated device in the claim"]),
        ({"allocation": {"devices": {"results": [{"request": "gpu", **PLACE, "shareID": "7"}]}}},
         ['status.allocation.devices.results[0].shareID: Invalid value: "7": error validating uid: '
          "invalid UUID length: 1"]),
        ({"allocation": {"devices": {"results": [{"request": "gpu", **PLACE}]}},
          "devices": [{**PLACE, "networkData": {"ips": ["10.0.0.1", "FD00::1/64", "10.0.0.1/24"]}}]},
         ['status.devices[0].networkData.ips[0]: Invalid value: "10.0.0.1": must be a valid address in CIDR form, '
          "(e.g. 10.9.8.7/24 or 2001:db8::1/64)",
          'status.devices[0].networkData.ips[1]: Invalid value: "FD00::1/64": must be in canonical form ("fd00::1/64")']),
    ],
)  # fmt: skip
def test_what_was_allocated(status, expected):
    assert status_faults(status) == expected


def test_what_drivers_told_of_devices_goes_with_their_allocation():
    old = create(claim(GPU))
    old["status"] = {"allocation": {"devices": {"results": [{"request": "gpu", **PLACE}]}}, "devices": [PLACE]}
    changed = update(old, lambda obj: obj["status"].pop("allocation"), "status")
    assert "devices" not in changed["status"]
