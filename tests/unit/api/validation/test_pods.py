"""Pods that must not be created: unions, order of faults and limits, with the whole of what upstream says."""

import pytest

from kybern.api.validation.core.projected import validate_projected
from tests.unit.api.written import faults, new, update_faults

C = {"name": "c", "image": "i"}
AT = "spec.containers[0]"
MANY_RULES = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}] * 21
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def pod(container=None, **spec):
    return new("Pod", {"containers": [C | (container or {})], **spec})


def volume(**source):
    return pod(volumes=[{"name": "v", **source}])


CASES = [
    (pod({"livenessProbe": {"exec": {}, "tcpSocket": {"port": 80}}}),
     [f"{AT}.livenessProbe.exec.command: Required value",
      f"{AT}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"]),
    (volume(secret={}, configMap={"name": "c"}),
     ["spec.volumes[0].secret.secretName: Required value",
      "spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type"]),
    (volume(ephemeral={"volumeClaimTemplate": {"metadata": {"name": "n", "finalizers": ["a/b"]}, "spec": CLAIM}}),
     ["spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
      "spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.finalizers: Forbidden: cannot be set"]),
    (volume(csi={"driver": ""}), ["spec.volumes[0].csi.driver: Required value"]),
    (pod({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]}, restartPolicy="Never"),
     [f"{AT}.resizePolicy: Invalid value: \"RestartContainer\": must be 'NotRequired' when pod `restartPolicy` is "
      "'Never'"]),
    (pod({"restartPolicy": "Never", "restartPolicyRules": MANY_RULES}),
     [f"{AT}.restartPolicyRules: Too many: 21: must have at most 20 items"]),
    (pod({"restartPolicy": "Never",
          "restartPolicyRules": [{"action": "X", "exitCodes": {"operator": "In", "values": [1]}}]}),
     [f'{AT}.restartPolicyRules[0].action: Unsupported value: "X": supported values: "Restart", '
      '"RestartAllContainers"']),
    (pod(initContainers=[{"name": "i", "image": "i", "restartPolicyRules": MANY_RULES[:1]}]),
     ["spec.initContainers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used"]),
    (pod(initContainers=[{"name": "i", "image": "i",
                          "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]}]),
     ['spec.initContainers[0].resizePolicy[0].restartPolicy: Invalid value: "RestartContainer": must not be set to '
      "'RestartContainer' for non-sidecar initContainers"]),
    (pod(tolerations=[{"key": "k", "operator": "Lt", "value": "1"}]),
     ['spec.tolerations[0].operator: Unsupported value: "Lt": supported values: "Equal", "Exists", "Lt", "Gt"']),
    (pod(securityContext={"windowsOptions": {"hostProcess": True}}),
     ["spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers"]),
    (pod({"resources": {"limits": {"cpu": "2"}}}, resources={"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}),
     ['spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container '
      "requests of 2",
      'spec.resources.containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod limits of 1']),
]  # fmt: skip


@pytest.mark.parametrize(("obj", "expected"), CASES, ids=range(len(CASES)))
def test_what_is_wrong_with_a_pod(obj, expected):
    assert faults(obj) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"clusterTrustBundle": {"name": "n", "signerName": "a.b/c", "path": "p"}},
         ['p.sources[0].clusterTrustBundle: Invalid value: {"Name":"n","SignerName":"a.b/c",'
          '"LabelSelector":null,"Optional":null,"Path":"p"}: only one of name and signerName may be used']),
        ({"podCertificate": {"signerName": "a.b/c", "keyType": "ED25519", "keyPath": "k",
                             "userAnnotations": {"plain": "x"}}},
         ['p.sources[0].podCertificate.userAnnotations: Invalid value: "plain": must be a '
          'domain-prefixed key (such as "acme.io/foo")']),
    ],
)  # fmt: skip
def test_what_is_wrong_with_sources_that_were_there_before(source, expected):
    """New Pods cannot have them while their features are off."""
    errors = validate_projected({"sources": [source]}, "p")
    assert [f"{error.path}: {error.message}" for error in errors] == expected


def test_ephemeral_containers_have_no_rules_for_restarts():
    debugger = {"name": "d", "image": "i", "restartPolicy": "Never", "restartPolicyRules": MANY_RULES[:1]}
    found = faults(pod(ephemeralContainers=[debugger]))
    assert found[:2] == [
        "spec.ephemeralContainers[0].restartPolicy: Forbidden: cannot be set for an Ephemeral Container",
        "spec.ephemeralContainers[0].restartPolicyRules: Forbidden: cannot be set for an Ephemeral Container",
    ]


def test_init_containers_count_in_what_a_pod_asks_for():
    init = {"name": "i", "image": "i", "resources": {"requests": {"cpu": "3"}}}
    (fault,) = faults(pod(initContainers=[init], resources={"requests": {"cpu": "2"}, "limits": {"cpu": "4"}}))
    assert fault.endswith("must be greater than or equal to aggregate container requests of 3")


def test_a_changed_selector_is_told_after_the_rest():
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [C]}}
    deployment = new("Deployment", {"selector": {"matchLabels": {"a": "b"}}, "template": template})
    found = update_faults(deployment, lambda obj: obj["spec"].update(selector={"matchLabels": {"x": "y"}}))
    assert [fault.partition(":")[0] for fault in found] == ["spec.template.metadata.labels", "spec.selector"]
