"""What an update may not change, and what it may."""

import pytest

from kybern.api import validation
from kybern.api.validation.field import invalid, required
from tests.unit.api.written import create, new, resource_of, update, update_faults

C = {"name": "c", "image": "i"}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [C]}}
WORKLOAD = {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}
JOB = {"template": {"spec": {"containers": [C], "restartPolicy": "Never"}}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
VOLUME = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/a"}}
BAD_FINALIZER = (
    'metadata.finalizers[0]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified'
)
VERSION = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
WIDGETS = {
    "group": "example.com",
    "names": {"plural": "widgets", "kind": "Widget"},
    "scope": "Cluster",
    "versions": [VERSION],
}
IMMUTABLE = "field is immutable"


def of(key, **changes):
    """Edits a part of the object."""
    return lambda obj: obj[key].update(changes)


def top(**changes):
    return lambda obj: obj.update(changes)


def affinity(value):
    requirement = {"key": "k", "operator": "In", "values": [value]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}}


REFUSED = [
    (new("LimitRange", {}), of("metadata", uid="v"), [f'metadata.uid: Invalid value: "v": {IMMUTABLE}']),
    (new("PersistentVolumeClaim", {**CLAIM, "dataSource": {"kind": "PersistentVolumeClaim", "name": "n"}}),
     of("spec", dataSource={}, dataSourceRef=None),
     [f"spec.{key}{fault}" for key in ("dataSource", "dataSourceRef") for fault in (
         ".name: Required value", ".kind: Required value",
         ": Invalid value: \"\": must be 'PersistentVolumeClaim' when referencing the default apiGroup")]
     + ["spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName "
        'for bound claims\n@@ -14,13 +14,13 @@\n  "VolumeMode": "Filesystem",\n  "DataSource": {\n   "APIGroup": null,\n'
        '-  "Kind": "PersistentVolumeClaim",\n-  "Name": "n"\n+  "Kind": "",\n+  "Name": ""\n  },\n  "DataSourceRef": {\n'
        '   "APIGroup": null,\n-  "Kind": "PersistentVolumeClaim",\n-  "Name": "n",\n+  "Kind": "",\n+  "Name": "",\n'
        '   "Namespace": null\n  },\n  "VolumeAttributesClassName": null\n']),
    (new("ControllerRevision", revision=1, data={"a": 1}), top(data=None),
     [f"data: Invalid value: null: {IMMUTABLE}"]),
    (new("PersistentVolumeClaim", CLAIM), of("spec", volumeName="v", accessModes=["ReadWriteMany"]),
     ["spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for "
      'bound claims\n@@ -1,6 +1,6 @@\n {\n  "AccessModes": [\n-  "ReadWriteOnce"\n+  "ReadWriteMany"\n  ],\n'
      '  "Selector": null,\n  "Resources": {\n']),
    (new("VolumeAttributesClass", driverName="d", parameters={"a": "b"}),
     lambda obj: (obj.update(driverName="e"), obj["metadata"].update(finalizers=["x"])),
     [BAD_FINALIZER, "driverName: Forbidden: updates to driverName are forbidden.", BAD_FINALIZER]),
    (new("PersistentVolume", VOLUME),
     lambda obj: (obj["spec"].update(accessModes=[]), obj["metadata"].update(finalizers=["x"])),
     [BAD_FINALIZER, "spec.accessModes: Required value"] * 2),
    (new("CSIStorageCapacity", storageClassName="c", nodeTopology={}), top(nodeTopology=None),
     [f"nodeTopology: Invalid value: null: {IMMUTABLE}"]),
    (new("StorageClass", provisioner="p", parameters={"b": "1"}), top(parameters={"b": "1", "a": "2"}),
     [f'parameters: Invalid value: {{"a":"2","b":"1"}}: {IMMUTABLE}']),
    (new("Node", {"podCIDRs": ["10.4.0.0/24", "fd00::/64"]}), of("spec", podCIDRs=["10.4.0.0/24", ""]),
     ['spec.podCIDRs[1]: Invalid value: "": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      "spec.podCIDRs: Internal error: invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[1]: "
      "<nil> (invalid CIDR address: )",
      'spec.podCIDRs: Invalid value: ["10.4.0.0/24",""]: may specify no more than one CIDR for each IP family',
      'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid']),
    (new("Node", {"podCIDRs": ["10.4.0.0/24"]}), of("spec", podCIDRs=["x"], taints=[{"key": "k"}]),
     ["metadata.taints[0].effect: Required value",
      'spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
      "metadata.taints[0].effect: Required value"]),
    (new("Pod", {"containers": [C], "schedulingGates": [{"name": "a"}], "nodeSelector": {"d": "e"}}),
     of("spec", schedulingGates=[{"name": "b"}, {"name": "b"}], nodeSelector=None),
     ["spec.schedulingGates[1]: Duplicate value: \"b\"",
      "spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'b'",
      "spec.nodeSelector: Invalid value: null: only additions to spec.nodeSelector are allowed "
      "(no mutations or deletions)"]),
    (new("ConfigMap"), of("metadata", name="y"), [f'metadata.name: Invalid value: "y": {IMMUTABLE}'] * 2),
    (new("Secret", immutable=True), top(data={"a": "eA=="}),
     ["data: Forbidden: field is immutable when `immutable` is set"]),
    (new("Service", {"ports": [{"port": 80}]}), of("spec", loadBalancerClass="a.b/c"),
     ["spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"] * 2),
    (new("Secret"), top(type="X"), [f'type: Invalid value: "X": {IMMUTABLE}']),
    (new("Deployment", WORKLOAD), of("spec", replicas=-1),
     ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
    (new("Job", {**JOB, "completionMode": "Indexed", "completions": 1}),
     of("spec", successPolicy={"rules": [{"succeededCount": 1}]}),
     ['spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: '
      f"{IMMUTABLE}"]),
    (new("Job", {**JOB, "podReplacementPolicy": "Failed"}), of("spec", podFailurePolicy={"rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "A", "status": "True"}]}]}),
     ['spec.podFailurePolicy: Invalid value: {"Rules":[{"Action":"Ignore","OnExitCodes":null,"OnPodConditions":'
      f'[{{"Type":"A","Status":"True"}}]}}]}}: {IMMUTABLE}']),
    (new("Job", JOB), of("spec", parallelism=-1),
     ["spec.parallelism: Invalid value: -1: must be greater than or equal to 0"] * 2),
    (new("Job", JOB), of("spec", completionMode="Indexed"),
     [f'spec.completionMode: Invalid value: "Indexed": {IMMUTABLE}']),
    (new("IPAddress", {"parentRef": {"resource": "things", "name": "n"}}, name="10.0.0.9"),
     of("spec", parentRef={"resource": "things", "name": "m"}),
     [f'spec.parentRef: Invalid value: {{"Group":"","Resource":"things","Namespace":"","Name":"m"}}: {IMMUTABLE}']),
    (new("CSINode", {"drivers": [{"name": "d", "nodeID": "1"}]}), of("spec", drivers=[{"name": "d", "nodeID": "2"}]),
     [f'spec.drivers: Invalid value: {{"Name":"d","NodeID":"2","TopologyKeys":null,"Allocatable":null}}: {IMMUTABLE}']),
    (new("Role"), of("metadata", labels={"a b": "c"}),
     ['metadata.labels: Invalid value: "a b": name part must consist of alphanumeric characters, \'-\', \'_\' or \'.\', '
      "and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
      "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"] * 4),
    (new("StorageClass", provisioner="p"), top(parameters={"a": "b"}, provisioner="q"),
     [f'parameters: Invalid value: {{"a":"b"}}: {IMMUTABLE}', f'provisioner: Invalid value: "q": {IMMUTABLE}']),
    (new("StorageClass", provisioner="p"), top(volumeBindingMode="X"),
     ['volumeBindingMode: Unsupported value: "X": supported values: "Immediate", "WaitForFirstConsumer"',
      f'volumeBindingMode: Invalid value: "X": {IMMUTABLE}']),
    (new("VolumeAttachment", {"attacher": "d", "nodeName": "n", "source": {"persistentVolumeName": "p"}}),
     of("spec", nodeName="m"),
     ['spec: Invalid value: {"Attacher":"d","Source":{"PersistentVolumeName":"p","InlineVolumeSpec":null},'
      f'"NodeName":"m"}}: {IMMUTABLE}']),
    (new("PersistentVolume", {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "local": {"path": "/x"},
                              "nodeAffinity": affinity("a")}),
     of("spec", nodeAffinity=affinity("b")),
     ['nodeAffinity: Invalid value: {"Required":{"NodeSelectorTerms":[{"MatchExpressions":[{"Key":"k",'
      f'"Operator":"In","Values":["b"]}}],"MatchFields":null}}]}}}}: {IMMUTABLE}, except for updating from beta label '
      "to GA"]),
    (new("StatefulSet", {**WORKLOAD, "serviceName": "s"}), of("spec", serviceName="t", podManagementPolicy="X"),
     ["spec.podManagementPolicy: Invalid value: \"X\": must be 'OrderedReady' or 'Parallel'",
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
      "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
      "forbidden"]),
    (new("PriorityClass", value=7), top(value=8), ["value: Forbidden: may not be changed in an update."]),
    (new("PriorityClass", value=7), top(preemptionPolicy="Never"),
     [f'preemptionPolicy: Invalid value: "Never": {IMMUTABLE}']),
    (new("RuntimeClass", handler="a"), top(handler="b"), [f'handler: Invalid value: "b": {IMMUTABLE}']),
    (new("RoleBinding", roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}),
     of("roleRef", name="s"),
     ['roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"s"}: '
      "cannot change roleRef"]),
    (new("EndpointSlice", addressType="IPv4", endpoints=[]), top(addressType="IPv6"),
     [f'addressType: Invalid value: "IPv6": {IMMUTABLE}']),
    (new("CSIDriver", {}), of("spec", attachRequired=False),
     [f"spec.attachedRequired: Invalid value: false: {IMMUTABLE}"]),
    (new("CustomResourceDefinition", WIDGETS, name="widgets.example.com"),
     of("spec", names={"plural": "gadgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}),
     [f'spec.names.plural: Invalid value: "gadgets": {IMMUTABLE}']),
]  # fmt: skip

ALLOWED = [
    (new("Deployment", WORKLOAD), of("spec", replicas=5, paused=True)),
    (new("Job", JOB), of("spec", parallelism=5, suspend=True)),
    (new("Job", {**JOB, "completionMode": "Indexed", "completions": 2, "parallelism": 2}),
     of("spec", parallelism=3, completions=3)),
    (new("Service", {"ports": [{"port": 80}]}), of("spec", selector={"a": "b"})),
    (new("Job", {**JOB, "suspend": True}), lambda job: job["spec"]["template"]["spec"].update(
        nodeSelector={"a": "b"},
        containers=[{**job["spec"]["template"]["spec"]["containers"][0], "resources": {"requests": {"cpu": "1"}}}])),
    (new("StorageClass", provisioner="p"), top(allowVolumeExpansion=True)),
    (new("PersistentVolumeClaim", CLAIM), of("spec", volumeName="v", storageClassName="")),
    (new("PersistentVolumeClaim", CLAIM, metadata={"annotations": {"volume.beta.kubernetes.io/storage-class": "c"}}),
     lambda obj: (obj["spec"].update(storageClassName="c"), obj["metadata"].pop("annotations"))),
    (new("ConfigMap"), of("metadata", labels={"a": "b"}, finalizers=["a.b/c"])),
]  # fmt: skip


def kind_of(value):
    return value["kind"] if isinstance(value, dict) else ""


@pytest.mark.parametrize(("obj", "edit", "expected"), REFUSED, ids=kind_of)
def test_what_may_not_change(obj, edit, expected):
    assert update_faults(obj, edit) == expected


@pytest.mark.parametrize(("obj", "edit"), ALLOWED, ids=kind_of)
def test_what_may(obj, edit):
    assert update_faults(obj, edit) == []


def test_a_pod_keeps_all_but_its_images():
    pod = new("Pod", {"containers": [C]})
    assert update_faults(pod, lambda obj: obj["spec"]["containers"][0].update(image="j")) == []
    (fault,) = update_faults(pod, lambda obj: obj["spec"].update(hostNetwork=True))
    assert fault.startswith(
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
        "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
    )


def test_a_status_is_checked_by_its_own_rules():
    made = create(new("Deployment", WORKLOAD))
    made["metadata"]["resourceVersion"] = "1"
    changed = update(made, lambda obj: obj["status"].update(replicas=1, readyReplicas=2), "status")
    errors = validation.validate_subresource_update(resource_of(made), "status", changed, made)
    assert [f"{error.path}: {error.message}" for error in errors] == [
        "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas"
    ]


def test_the_message_names_kind_group_and_object():
    one, other = required("spec.a"), invalid("spec.b", "x", "no")
    say = validation.invalid_message
    assert say("Deployment", "apps", "d", [one]) == 'Deployment.apps "d" is invalid: spec.a: Required value'
    assert say("Pod", "", "d", [one, other, one]) == (
        'Pod "d" is invalid: [spec.a: Required value, spec.b: Invalid value: "x": no]'
    )
    assert validation.causes([other]) == [
        {"reason": "FieldValueInvalid", "message": 'Invalid value: "x": no', "field": "spec.b"}
    ]


def test_a_claim_tells_only_of_storage_that_grows():
    made = create(new("PersistentVolumeClaim", CLAIM))
    made["metadata"]["resourceVersion"] = "1"
    status = {
        "capacity": {"storage": "-1"},
        "allocatedResourceStatuses": {"storage": "NodeResizePending", "example.com/x": "Growing"},
        "allocatedResources": {"cpu": "1", "storage": "2Gi"},
    }
    changed = update(made, lambda obj: obj.update(status=status), "status")
    errors = validation.validate_subresource_update(resource_of(made), "status", changed, made)
    assert [f"{error.path}: {error.message}" for error in errors] == [
        "status.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
        'status.allocatedResourceStatuses: Unsupported value: "example.com/x": supported values: '
        '"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", '
        '"NodeResizePending"',
        'status.allocatedResources: Unsupported value: "cpu": supported values: "storage"',
    ]


@pytest.mark.parametrize("kind", ["ReplicaSet", "ReplicationController", "StatefulSet"])
def test_counts_that_are_not_there_are_zero(kind):
    selector = {"a": "b"} if kind == "ReplicationController" else WORKLOAD["selector"]
    made = create(new(kind, {**WORKLOAD, "selector": selector}))
    made["metadata"]["resourceVersion"] = "1"
    changed = update(made, lambda obj: obj.update(status={"replicas": -1}), "status")
    errors = validation.validate_subresource_update(resource_of(made), "status", changed, made)
    assert f"{errors[0].path}: {errors[0].message}" == (
        "status.replicas: Invalid value: -1: must be greater than or equal to 0"
    )
    assert errors[-1].message == "Invalid value: 0: cannot be greater than status.replicas"


def test_what_was_found_of_a_policys_types_is_told_in_full():
    match = {"resourceRules": [{"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]}
    rules = {"failurePolicy": "Fail", "matchConstraints": match, "validations": [{"expression": "true"}]}
    old = create(new("ValidatingAdmissionPolicy", rules))
    old["metadata"]["resourceVersion"] = "1"
    condition = {"type": "Checked", "status": "Perhaps", "lastTransitionTime": "2026-02-02T02:38:00Z", "reason": "R"}
    status = {"typeChecking": {"expressionWarnings": [{"fieldRef": " "}]}, "conditions": [condition]}
    changed = update(old, lambda obj: obj.update(status=status), "status")
    path = "status.typeChecking.expressionWarnings[0]"
    errors = validation.validate_subresource_update(resource_of(old), "status", changed, old)
    assert [f"{error.path}: {error.message}" for error in errors] == [
        f"{path}.warning: Required value",
        f"{path}.fieldRef: Required value",
        'status.conditions[0].status: Unsupported value: "Perhaps": supported values: "False", "True", "Unknown"',
    ]
