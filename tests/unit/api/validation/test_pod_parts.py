"""Writes of parts of a Pod: its size, its status; and what the server makes of label keys."""

import pytest

from kybern.api.validation import validate_subresource_update
from tests.unit.api.written import create, new, resource_of, update

INIT = {"name": "i", "image": "i", "resources": {"requests": {"cpu": "1"}}}
BOTH = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
OTHER = {"name": "d", "image": "i"}


def made(**spec):
    pod = create(new("Pod", {"containers": [BOTH, OTHER], "initContainers": [INIT], **spec}))
    pod["metadata"]["resourceVersion"] = "1"
    return pod


def faults(pod, edit, subresource):
    changed = update(pod, edit, subresource)
    found = validate_subresource_update(resource_of(pod), subresource, changed, pod)
    return [f"{fault.path}: {fault.message}" for fault in found]


def request(group, index, **amounts):
    return lambda pod: pod["spec"][group][index].update(resources={"requests": amounts})


RESIZES = [
    (request("containers", 0, cpu="2", memory="1Gi"), []),
    (request("initContainers", 0, cpu="2"), []),
    (request("containers", 0, cpu="2"),
     ["spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"]),
    (request("containers", 0, **{"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}),
     ["spec: Forbidden: only cpu and memory resources are mutable"]),
    (request("initContainers", 0, **{"cpu": "1", "ephemeral-storage": "1Gi"}),
     ["spec.initContainers[0]: Forbidden: only cpu and memory resources for init or sidecar containers are mutable"]),
    (lambda pod: pod["spec"]["containers"].pop(),
     ["spec.containers: Forbidden: containers may not be added or removed on resize"]),
    (lambda pod: pod["spec"]["containers"].reverse(),
     ["spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize",
      "spec.containers[1].name: Forbidden: containers may not be renamed or reordered on resize"]),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "expected"), RESIZES, ids=range(len(RESIZES)))
def test_a_resize_changes_cpu_and_memory_only(edit, expected):
    assert faults(made(), edit, "resize") == expected


def test_a_node_that_tells_no_resources_of_what_runs_does_not_resize():
    pod, edit = made(), request("containers", 0, cpu="2", memory="1Gi")
    pod["status"]["containerStatuses"] = [
        {"name": "d", "state": {"waiting": {}}},
        {"name": "c", "state": {"running": {}}},
    ]
    assert faults(pod, edit, "resize") == ["spec: Forbidden: Pod running on node without support for resize"]
    pod["status"]["containerStatuses"][1]["resources"] = {}
    assert faults(pod, edit, "resize") == []


def status(**fields):
    return lambda pod: pod["status"].update(fields)


STATUSES = [
    ({}, status(hostIP="10.0.0.1", hostIPs=[{"ip": "10.0.0.1"}], nominatedNodeName="n"), []),
    ({}, status(hostIP="10.0.0.1", hostIPs=[{"ip": "10.0.0.2"}]),
     ['status.hostIPs[0].ip: Invalid value: "10.0.0.2": must be equal to `hostIP`']),
    ({"nodeName": "m"}, status(nominatedNodeName="n"),
     ["status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node"]),
    ({}, status(conditions=[{"type": "Ready", "status": "True", "observedGeneration": -1}]),
     ["status.conditions[0].observedGeneration: Invalid value: -1: must be a non-negative integer"]),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "edit", "expected"), STATUSES, ids=range(len(STATUSES)))
def test_a_status_fits_its_pod(spec, edit, expected):
    assert faults(made(**spec), edit, "status") == expected


def test_label_keys_of_a_spread_become_requirements():
    constraint = {
        "maxSkew": 1,
        "topologyKey": "z",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"a": "b"}},
        "matchLabelKeys": ["hash", "absent"],
    }
    spec = {"containers": [OTHER], "topologySpreadConstraints": [constraint]}
    pod = create(new("Pod", spec, metadata={"labels": {"hash": "1"}}))
    (found,) = pod["spec"]["topologySpreadConstraints"]
    assert found["labelSelector"] == {
        "matchLabels": {"a": "b"},
        "matchExpressions": [{"key": "hash", "operator": "In", "values": ["1"]}],
    }
