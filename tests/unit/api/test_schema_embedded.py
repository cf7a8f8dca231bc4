"""Where Go's types embed others its decoder says so; and which of several faults it tells."""

import pytest

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
