"""Where Go's types embed others its decoder says so; and which of several faults it tells."""

import pytest

from kybern.api.schema import codec
from kybern.base.errors import BadRequest
from tests.unit.api.test_schema_faults import check

_FIELD = "json: cannot unmarshal {} into Go struct field {} of type {}"


@pytest.mark.parametrize(
    ("api_version", "kind", "body", "expected"),
    [
        ("v1", "Pod", '{"spec":{"volumes":[{"nfs":{"server":{}}}]}}',
         ("object", "NFSVolumeSource.spec.volumes.VolumeSource.nfs.server", "string")),
        ("v1", "Pod", '{"spec":{"volumes":[{"name":1}]}}', ("number", "Volume.spec.volumes.name", "string")),
        ("v1", "Pod", '{"spec":{"containers":[{"startupProbe":{"exec":[]}}]}}',
         ("array", "Probe.spec.containers.startupProbe.ProbeHandler.exec", "v1.ExecAction")),
        ("v1", "Pod", '{"spec":{"ephemeralContainers":[{"tty":"y","targetContainerName":"c"}]}}',
         ("string", "EphemeralContainer.spec.ephemeralContainers.EphemeralContainerCommon.tty", "bool")),
        ("v1", "Pod", '{"spec":{"containers":[{"envFrom":[{"secretRef":{"name":7}}]}]}}',
         ("number", "SecretEnvSource.spec.containers.envFrom.secretRef.LocalObjectReference.name", "string")),
        ("v1", "PersistentVolume", '{"spec":{"csi":{"driver":true},"volumeMode":""}}',
         ("bool", "CSIPersistentVolumeSource.spec.PersistentVolumeSource.csi.driver", "string")),
        ("apps/v1", "StatefulSet", '{"spec":{"volumeClaimTemplates":[{"kind":{}}]}}',
         ("object", "PersistentVolumeClaim.spec.volumeClaimTemplates.TypeMeta.kind", "string")),
        ("networking.k8s.io/v1", "Ingress", '{"spec":{"rules":[{"http":"x"}]}}',
         ("string", "IngressRule.spec.rules.IngressRuleValue.http", "v1.HTTPIngressRuleValue")),
        ("policy/v1", "PodDisruptionBudget", '{"status":{"disruptedPods":[]}}',
         ("array", "PodDisruptionBudgetStatus.status.disruptedPods", "map[string]v1.Time")),
    ],
)  # fmt: skip
def test_embedded_types_are_named(api_version: str, kind: str, body: str, expected: tuple[str, str, str]) -> None:
    check(api_version, kind, body.encode(), _FIELD.format(*expected))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ('"hostname":1,"subdomain":2', _FIELD.format("number", "PodSpec.spec.hostname", "string")),
        ('"hostname":1,"overhead":{"cpu":"."}', "quantities must match the regular expression"
         " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
        ('"hostname":1,"containers":[{"livenessProbe":{"httpGet":{"port":4294967296}}}]',
         _FIELD.format("number 4294967296", "HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port",
                       "int32")),
    ],
)  # fmt: skip
def test_a_type_that_decodes_itself_ends_the_reading(spec: str, expected: str) -> None:
    check("v1", "Pod", f'{{"spec":{{{spec}}}}}'.encode(), expected)


@pytest.mark.parametrize("number", ["1e0", "1.0", "1E2", "12345678901234567890123"])
def test_numbers_are_told_as_they_were_written(number: str) -> None:
    expected = _FIELD.format(f"number {number}", "PodSpec.spec.priority", "int32")
    check("v1", "Pod", f'{{"spec":{{"priority":{number}}}}}'.encode(), expected)


def test_quantities_keep_the_text_of_numbers() -> None:
    body = b'{"spec":{"overhead":{"cpu":1e3,"memory":123456789012345678901234567890}}}'
    made, _ = codec("v1", "Pod").admit(body, "")
    assert made["spec"]["overhead"] == {"cpu": "1e3", "memory": "123456789012345678901234567890"}


def test_half_of_a_surrogate_pair_is_replaced() -> None:
    made, _ = codec("v1", "ConfigMap").admit(b'{"data":{"a":"\\ud800x"}}', "")
    assert made["data"] == {"a": "\ufffdx"}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"\xef\xbb\xbf{}", "couldn't get version/kind; json parse error: invalid character '\xef' looking for "
         "beginning of value (efbbbf7b7d)"),
        (b'{"kind":5}', "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct "
         'field .kind of type string ({"kind":5})'),
        (b'{"apiVersion":"a/b/c"}', 'unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c"})'),
    ],
)  # fmt: skip
def test_bodies_of_no_type(body: bytes, fault: str) -> None:
    with pytest.raises(BadRequest) as refused:
        codec("v1", "Pod").admit(body, "Strict")
    assert refused.value.message == f"the object provided is unrecognized (must be of type Pod): {fault}"
