"""What may not change is shown as upstream's internal types have it."""

from collections.abc import Callable
from typing import Any

import pytest

from kybern.api.resource import Object
from kybern.api.validation.internal_form import internal_form
from kybern.api.validation.job_policies import internal_failure_policy, internal_success_policy
from tests.unit.api.written import new, update_faults

C = {"name": "c", "image": "i"}
POD_SPEC = "io.k8s.api.core.v1.PodSpec"


def test_a_pods_specification_is_compared_in_its_internal_form() -> None:
    def edit(pod: Object) -> None:
        pod["spec"]["hostNetwork"] = True
        pod["spec"]["nodeSelector"] = {"b": "x", "a": "y"}

    (fault,) = update_faults(new("Pod", {"containers": [C]}), edit)
    assert fault.startswith("spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`")
    lines = fault.partition("\n")[2].splitlines()
    assert lines[0].startswith("@@ -")
    assert lines[1:] == [
        '  "TerminationGracePeriodSeconds": 30,',
        '  "ActiveDeadlineSeconds": null,',
        '  "DNSPolicy": "ClusterFirst",',
        '- "NodeSelector": null,',
        '+ "NodeSelector": {',
        '+  "a": "y",',
        '+  "b": "x"',
        "+ },",
        '  "ServiceAccountName": "",',
        '  "AutomountServiceAccountToken": null,',
        '  "NodeName": "",',
        '  "SecurityContext": {',
        '-  "HostNetwork": false,',
        '+  "HostNetwork": true,',
        '   "HostPID": false,',
        '   "HostIPC": false,',
        '   "ShareProcessNamespace": null,',
    ]


def test_a_jobs_template_is_shown_with_its_metadatas_json_names() -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [C], "restartPolicy": "Never"}}

    def edit(job: Object) -> None:
        job["spec"]["template"]["spec"]["containers"][0]["image"] = "j"

    (fault,) = update_faults(new("Job", {"template": template}), edit)
    assert fault.startswith('spec.template: Invalid value: {"labels":{')
    assert '"Spec":{"Volumes":null,"InitContainers":null,"Containers":[{"Name":"c","Image":"j","Command":null,' in fault
    assert fault.endswith('"SchedulingGroup":null}}: field is immutable')


def test_names_and_orders_that_are_upstreams_own() -> None:
    selector = {"matchLabels": {"a": "b"}}
    spec = {
        "volumes": [{"name": "v", "rbd": {"image": "i", "monitors": ["m"], "pool": "p", "user": "u"}}],
        "topologySpreadConstraints": [{"maxSkew": 1, "labelSelector": selector}],
        "containers": [{"name": "c", "livenessProbe": {"httpGet": {"path": "/", "port": 80}}}],
    }
    form = internal_form(POD_SPEC, spec)
    assert form is not None
    volume, container = form["Volumes"][0], form["Containers"][0]
    assert list(volume)[:4] == ["Name", "HostPath", "EmptyDir", "GCEPersistentDisk"]
    assert (volume["RBD"]["RBDImage"], volume["RBD"]["CephMonitors"], volume["RBD"]["RadosUser"]) == ("i", ["m"], "u")
    assert container["LivenessProbe"]["HTTPGet"]["Port"] == 80
    assert container["TTY"] is False
    assert form["TopologySpreadConstraints"][0]["LabelSelector"] == selector
    assert form["SecurityContext"] is None


@pytest.mark.parametrize("form", [internal_failure_policy, internal_success_policy])
def test_policies_of_jobs_tell_no_rules_from_none(form: Callable[[Any], Any]) -> None:
    assert form(None) is None
    assert form({}) == {"Rules": None}
    assert form({"rules": []}) == {"Rules": []}
