"""What the server decides on a write: status, generation, generated labels, parts that a write may not touch."""

import pytest

from kybern.api.resource import Change
from tests.unit.api.written import NOW, UID, create, new, resource_of, update

CONTAINER = {"name": "c", "image": "i"}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
WORKLOAD = {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}
JOB = {"template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}}
REQUEST = {"request": "", "signerName": "example.com/s", "usages": ["client auth"], "username": "root"}
DEFINITION = {
    "group": "example.com",
    "names": {"plural": "widgets", "kind": "Widget"},
    "scope": "Namespaced",
    "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}],
}

STATUSES = [
    (new("Deployment", WORKLOAD, status={"replicas": 9}), {}),
    (new("ReplicaSet", WORKLOAD, status={"replicas": 9}), {"replicas": 0}),
    (new("StatefulSet", {**WORKLOAD, "serviceName": "s"}, status={"replicas": 9}), {"replicas": 0, "availableReplicas": 0}),
    (new("Job", JOB, status={"succeeded": 9}), {}),
    (new("Namespace", status={"phase": "Terminating"}), {"phase": "Active"}),
]  # fmt: skip

SPEC, LABELS, ANNOTATIONS, STATUS = "spec", "labels", "annotations", "status"
GENERATIONS = [
    ("Deployment", WORKLOAD, {SPEC, ANNOTATIONS}),
    ("DaemonSet", WORKLOAD, {SPEC}),
    ("Job", JOB, {SPEC}),
    ("NetworkPolicy", {"podSelector": {}}, {SPEC}),
    ("Service", {"ports": [{"port": 80}]}, set()),
    ("Lease", {}, set()),
    ("ResourceClaim", {}, set()),
]


def touch(part):
    def edit(obj):
        if part in (LABELS, ANNOTATIONS):
            obj["metadata"][part] = {**obj["metadata"].get(part, {}), "new": "value"}
        else:
            obj[part] = {**obj.get(part, {}), "new": "value"}

    return edit


@pytest.mark.parametrize(("obj", "status"), STATUSES, ids=lambda value: value.get("kind", ""))
def test_creation_starts_with_an_empty_status(obj, status):
    assert create(obj)["status"] == status


def test_a_node_registers_with_its_status():
    assert create(new("Node", status={"capacity": {"cpu": "1"}}))["status"]["capacity"] == {"cpu": "1"}


@pytest.mark.parametrize(
    ("kind", "spec", "counted"), GENERATIONS, ids=lambda value: value if type(value) is str else ""
)
def test_the_generation_counts_changes_of_what_is_desired(kind, spec, counted):
    made = create(new(kind, spec))
    assert made["metadata"].get("generation") == (1 if counted else None)
    for part in (SPEC, LABELS, ANNOTATIONS, STATUS):
        changed = update(made, touch(part))
        assert changed["metadata"].get("generation") == ((2 if part in counted else 1) if counted else None), part


def test_the_generation_is_the_servers():
    made = create(new("Deployment", WORKLOAD))
    changed = update(made, lambda obj: obj["metadata"].update(generation=40))
    assert changed["metadata"]["generation"] == 1


@pytest.mark.parametrize(("kind", "spec"), [("Deployment", WORKLOAD), ("Job", JOB), ("ResourceClaim", {})])
def test_writes_of_the_object_and_of_its_status_leave_the_other_part(kind, spec):
    made = create(new(kind, spec))
    assert update(made, touch(STATUS))["status"] == made["status"]
    written = update(made, lambda obj: (touch(SPEC)(obj), touch(STATUS)(obj)), "status")
    assert written["spec"] == made["spec"]
    assert written["status"]["new"] == "value"
    assert written["metadata"].get("generation") == made["metadata"].get("generation")


def test_a_deployments_status_write_may_annotate_but_not_label():
    made = create(new("Deployment", WORKLOAD))
    written = update(made, lambda obj: (touch(LABELS)(obj), touch(ANNOTATIONS)(obj)), "status")
    assert "labels" not in written["metadata"]
    assert written["metadata"]["annotations"] == {"new": "value"}


def test_a_job_selects_its_own_pods_by_its_uid():
    made = create(new("Job", JOB))
    assert made["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": UID}}
    assert made["spec"]["template"]["metadata"]["labels"] == {
        "batch.kubernetes.io/controller-uid": UID,
        "batch.kubernetes.io/job-name": "x",
        "controller-uid": UID,
        "job-name": "x",
    }


def test_a_job_with_a_selector_of_its_own_is_left_alone():
    spec = {**JOB, "manualSelector": True, "selector": {"matchLabels": {"a": "b"}}}
    made = create(new("Job", spec))
    assert made["spec"]["selector"] == {"matchLabels": {"a": "b"}}
    assert "labels" not in made["spec"]["template"].get("metadata", {})


def test_a_daemon_sets_annotation_counts_changes_of_its_template():
    key = "deprecated.daemonset.template.generation"
    given = create(new("DaemonSet", WORKLOAD, metadata={"annotations": {key: "7"}}))
    assert given["metadata"]["annotations"][key] == "7"
    made = create(new("DaemonSet", WORKLOAD, metadata={"annotations": {key: "-7"}}))
    assert made["metadata"]["annotations"][key] == "1"
    same = update(made, lambda obj: obj["spec"].update(minReadySeconds=3))
    assert same["metadata"]["annotations"][key] == "1"
    changed = update(made, lambda obj: obj["spec"]["template"]["spec"].update(hostNetwork=True))
    assert changed["metadata"]["annotations"][key] == "2"


def test_the_server_says_who_requests_a_certificate():
    made = create(new("CertificateSigningRequest", REQUEST), Change(NOW, user="ann", groups=["staff"]))
    assert made["spec"]["username"] == "ann"
    assert made["spec"]["groups"] == ["staff"]


def test_an_approval_is_dated_and_survives_the_write_of_the_status():
    made = create(new("CertificateSigningRequest", REQUEST))
    approve = {"type": "Approved", "status": "True", "reason": "r"}
    approved = update(made, lambda obj: obj["status"].update(conditions=[approve], certificate="eA=="), "approval")
    dates = {"lastUpdateTime": "2026-02-02T02:40:00Z", "lastTransitionTime": "2026-02-02T02:40:00Z"}
    assert approved["status"] == {"conditions": [approve | dates]}
    forged = [{**approve, "reason": "other"}]
    issued = update(approved, lambda obj: obj["status"].update(conditions=forged, certificate="eA=="), "status")
    assert issued["status"] == {"conditions": [approve | dates], "certificate": "eA=="}
    assert update(approved, lambda obj: obj["spec"].update(signerName="example.com/t"))["spec"] == made["spec"]


def test_a_definition_remembers_every_version_that_was_stored():
    made = create(new("CustomResourceDefinition", DEFINITION, name="widgets.example.com"))
    assert made["status"]["storedVersions"] == ["v1"]
    second = {**DEFINITION["versions"][0], "name": "v2"}
    first = {**DEFINITION["versions"][0], "storage": False}
    changed = update(made, lambda obj: obj["spec"].update(versions=[first, second]))
    assert changed["status"]["storedVersions"] == ["v1", "v2"]
    assert changed["metadata"]["generation"] == 2


def test_a_local_api_service_is_available_at_once():
    made = create(new("APIService", {"group": "g", "version": "v1"}, name="v1.g"))
    assert [(one["type"], one["status"], one["reason"]) for one in made["status"]["conditions"]] == [
        ("Available", "True", "Local")
    ]
    remote = create(new("APIService", {"group": "g", "version": "v1", "service": {"name": "s", "namespace": "n"}}))
    assert "conditions" not in remote["status"]


def test_a_namespace_is_labelled_with_its_name_and_keeps_its_finalizer():
    made = create(new("Namespace"))
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}
    assert made["spec"]["finalizers"] == ["kubernetes"]
    assert update(made, lambda obj: obj["spec"].update(finalizers=[]))["spec"]["finalizers"] == ["kubernetes"]


@pytest.mark.parametrize(
    ("obj", "fields"),
    [
        (new("Job", JOB), {"status.successful": "0"}),
        (new("CertificateSigningRequest", REQUEST), {"spec.signerName": "example.com/s"}),
        (new("ReplicaSet", WORKLOAD), {}),
        (new("Secret", type="Opaque"), {"type": "Opaque"}),
    ],
    ids=lambda value: value.get("kind", ""),
)
def test_fields_that_objects_are_selected_by(obj, fields):
    made = create(obj)
    assert {name: read(made) for name, read in resource_of(made).selectable_fields.items()} == fields


def test_what_workloads_warn_of():
    pod = {"containers": [CONTAINER], "nodeSelector": {"beta.kubernetes.io/os": "linux"}}
    spec = {**WORKLOAD, "template": {**TEMPLATE, "spec": pod}}
    made = create(new("Deployment", spec, name="a.b"))
    resource = resource_of(made)
    named, labelled = resource.warnings(made, None)
    assert named.startswith("metadata.name: this is used in Pod names and hostnames")
    assert labelled.startswith("spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated")
    assert resource.warnings(made, made) == ()


def test_a_csi_driver_counts_changes_from_none():
    made = create(new("CSIDriver", {"attachRequired": True}))
    assert "generation" not in made["metadata"]
    changed = update(made, lambda obj: obj["spec"].update(podInfoOnMount=True))
    assert changed["metadata"]["generation"] == 1


def test_a_job_with_a_generated_name_keeps_its_own_labels():
    spec = {"template": {**JOB["template"], "metadata": {"labels": {"a": "b"}}}}
    named = create(new("Job", spec))
    generated = create(new("Job", spec, metadata={"generateName": "x-"}))
    assert len(named["metadata"]["labels"]) > len(generated["metadata"]["labels"])
    assert generated["spec"]["template"]["metadata"]["labels"].keys() == named["metadata"]["labels"].keys()


def test_a_volumes_phase_keeps_the_time_since_when_it_is():
    made = create(new("PersistentVolume", {"capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}))
    bound = update(made, lambda obj: obj.update(status={"phase": "Bound"}), "status")
    again = update(bound, lambda obj: obj.update(status={"phase": "Bound", "message": "m"}), "status")
    assert again["status"]["lastPhaseTransitionTime"] == bound["status"]["lastPhaseTransitionTime"]


def test_a_status_leaves_a_daemon_sets_template_generation_and_a_ranges_labels():
    made = create(new("DaemonSet", WORKLOAD))
    changed = update(made, lambda obj: obj["metadata"].pop("annotations"), "status")
    assert changed["metadata"]["annotations"] == made["metadata"]["annotations"]
    cidr = create(new("ServiceCIDR", {"cidrs": ["10.0.0.0/24"]}))
    assert "labels" not in update(cidr, lambda obj: obj["metadata"].update(labels={"a": "b"}), "status")["metadata"]
