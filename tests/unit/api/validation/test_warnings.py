"""What is accepted with a warning, in upstream's words."""

import pytest

from kybern.api.resource import Object
from kybern.api.validation.address_warnings import cidr_warnings, ip_warnings
from tests.unit.api.written import create, new, resource_of

C = {"name": "c", "image": "i"}


def check(obj: Object, expected: list[str]) -> None:
    made = create(obj)
    assert list(resource_of(made).warnings(made, None)) == expected


def pod(**spec) -> Object:
    metadata = spec.pop("metadata", {})
    return new("Pod", {"containers": [C], **spec}, metadata=metadata)


def job(kind: str = "Job", **spec) -> Object:
    template = {"spec": {"containers": [C], "restartPolicy": "Never"}}
    inner = {"template": template, "completionMode": "Indexed", **spec}
    return new(kind, inner if kind == "Job" else {"schedule": "@daily", "jobTemplate": {"spec": inner}})


_MANY = (
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes "
    "might not be able to track completedIndexes when a big number of indexes fail"
)
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/c"
_OVERLAP = "overlapping paths"


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (pod(volumes=[{"name": "v", "configMap": {"name": "m", "items": [{"key": "a", "path": "x"},
                                                                        {"key": "b", "path": "x/y"}]}}]),
         [f'volume "v" (ConfigMap "m"): {_OVERLAP}: "x/y" with "x"']),
        (pod(volumes=[{"name": "v", "secret": {"secretName": "s", "items": [{"key": "a", "path": "x"},
                                                                           {"key": "b", "path": "xy"}]}}]), []),
        (pod(volumes=[{"name": "v", "projected": {"sources": [
            {}, {"serviceAccountToken": {"path": "t"}},
            {"downwardAPI": {"items": [{"path": "t", "fieldRef": {"fieldPath": "metadata.name"}}]}}]}}]),
         ['volume "v" (Projected) has no sources provided',
          f'volume "v" (Projected): {_OVERLAP}: "t" (DownwardAPI) with "t" (ServiceAccountToken)']),
        (pod(volumes=[{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {
            "resources": {"requests": {"storage": "1500m"}}}}}}]),
         ["spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: "
          'fractional byte value "1500m" is invalid, must be an integer']),
        (pod(containers=[{**C, "ports": [{"containerPort": 80, "hostIP": "10.0.0.9"}]}]),
         ["spec.containers[0].ports[0]: hostIP set without hostPort: "
          "{Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:10.0.0.9}"]),
        (pod(nodeSelector={"node-role.kubernetes.io/master": ""}),
         ['spec.nodeSelector[node-role.kubernetes.io/master]: use "node-role.kubernetes.io/control-plane" instead']),
        (pod(metadata={"annotations": {_APPARMOR: "unconfined"}}),
         [f'metadata.annotations[{_APPARMOR}]: deprecated since v1.30; use the "appArmorProfile" field instead']),
        (job(completions=100_001, parallelism=10_001), [f"spec: {_MANY}"]),
        (job("CronJob", completions=100_001, parallelism=10_001), [f"spec.jobTemplate.spec: {_MANY}"]),
        (job(completions=5, parallelism=10_001), []),
        (new("PersistentVolume", {"persistentVolumeReclaimPolicy": "Recycle", "rbd": {"image": "i", "monitors": []}},
             metadata={"annotations": {"volume.beta.kubernetes.io/mount-options": "ro"}}),
         ["metadata.annotations[volume.beta.kubernetes.io/mount-options]: deprecated since v1.31; "
          'use "mountOptions" attribute instead',
          "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended "
          "approach is to use dynamic provisioning.",
          "spec.rbd: deprecated in v1.28, non-functional in v1.31+"]),
        (new("PersistentVolumeClaim", {}, metadata={"annotations": {"volume.beta.kubernetes.io/storage-class": "x"}}),
         ["metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; "
          'use "storageClassName" attribute instead']),
        (new("Node", {"externalID": "e", "podCIDR": "10.1.0.7/24", "podCIDRs": ["10.1.0.7/24"]}),
         ["spec.externalID: this field is deprecated, and is unused by Kubernetes",
          'spec.podCIDRs[0]: CIDR value "10.1.0.7/24" is ambiguous in this context '
          '(should be "10.1.0.0/24" or "10.1.0.7/32"?)']),
        (new("ServiceAccount", metadata={"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}),
         ["metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; "
          "prefer separate namespaces to isolate access to mounted secrets"]),
        (new("ResourceQuota", {"hard": {"cpu": "2", "limits.cpu": "1", "requests.storage": "1Gi"}}),
         ["ResourceQuota cpu (2) should be less than limits.cpu (1)"]),
        (new("Endpoints", subsets=[{"addresses": [{"ip": "10.0.0.07"}]}]),
         ['subsets[0].addresses[0].ip: non-standard IP address "10.0.0.07" is invalid: use "10.0.0.7"']),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_is_doubtful_in_a_new_object(obj: Object, expected: list[str]) -> None:
    check(obj, expected)


def test_a_pods_update_warns_of_nothing() -> None:
    made = create(pod(nodeSelector={"beta.kubernetes.io/os": "linux"}))
    assert resource_of(made).warnings(made, made) == []


def test_a_profile_named_by_an_annotation_becomes_the_field() -> None:
    made = create(pod(metadata={"annotations": {_APPARMOR: "localhost/p"}}))
    assert made["spec"]["containers"][0]["securityContext"] == {
        "appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", []),
        ("::1", []),
        ("nothing", []),
        ("010.0.0.1", ['p: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1"']),
        ("::ffff:10.0.0.1", ['p: non-standard IP address "::ffff:10.0.0.1" is invalid: use "10.0.0.1"']),
        ("FE80::1", ['p: IPv6 address "FE80::1" should be in RFC 5952 canonical format ("fe80::1")']),
    ],
)
def test_addresses(text: str, expected: list[str]) -> None:
    assert list(ip_warnings("p", text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.0/8", []),
        ("none/8", []),
        ("10.01.0.0/16", ['p: non-standard CIDR value "10.01.0.0/16" is invalid: use "10.1.0.0/16"']),
        ("FD00::/8", ['p: IPv6 CIDR value "FD00::/8" should be in RFC 5952 canonical format ("fd00::/8")']),
    ],
)
def test_ranges(text: str, expected: list[str]) -> None:
    assert list(cidr_warnings("p", text)) == expected
