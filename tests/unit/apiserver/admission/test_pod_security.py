"""Every control of the Pod Security Standards, in upstream's words."""

from typing import Any

import pytest

from kybern.apiserver.admission.pod_security.policy import PERMISSIVE, Policy, Standard, policy_of
from kybern.apiserver.admission.pod_security.review import review
from kybern.apiserver.admission.pod_security.standards import evaluate

SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
BASELINE, RESTRICTED = Standard("baseline"), Standard("restricted")


def container(name: str = "c", **more: Any) -> dict[str, Any]:
    return {"name": name, "securityContext": SAFE | more.pop("security", {}), **more}


def found(standard: Standard, spec: dict[str, Any], annotations: dict[str, str] | None = None) -> list[str]:
    whole = {"containers": [container()], **spec}
    return [str(finding) for finding in evaluate(standard, {"annotations": annotations or {}}, whole)]


def one(**security: Any) -> dict[str, Any]:
    """A Pod whose container says so."""
    return {"containers": [container(security=security)]}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"hostNetwork": True, "hostPID": True}, ["host namespaces (hostNetwork=true, hostPID=true)"]),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, ['hostPath volumes (volume "v")']),
        (
            {"containers": [container("a", ports=[{"hostPort": 80}, {"hostPort": 81}]), container("b")]},
            ['hostPort (container "a" uses hostPorts 80, 81)'],
        ),
        (one(privileged=True), ['privileged (container "c" must not set securityContext.privileged=true)']),
        (
            one(capabilities={"add": ["NET_ADMIN", "CHOWN"]}),
            [
                'non-default capabilities (container "c" must not include "NET_ADMIN" in '
                "securityContext.capabilities.add)"
            ],
        ),
        (
            one(procMount="Unmasked"),
            ['procMount (container "c" must not set securityContext.procMount to "Unmasked")'],
        ),
        ({**one(procMount="Unmasked"), "hostUsers": False}, []),
        (
            {"securityContext": {"seLinuxOptions": {"type": "x", "user": "u"}}, **one(seLinuxOptions={"role": "r"})},
            [
                'seLinuxOptions (pod and container "c" set forbidden securityContext.seLinuxOptions: type "x"; user may '
                "not be set; role may not be set)"
            ],
        ),
        (one(seLinuxOptions={"type": "container_engine_t"}), []),
        (
            one(seccompProfile={"type": "Unconfined"}),
            ['seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined")'],
        ),
        (
            {"securityContext": {"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_rmem"}]}},
            ["forbidden sysctls (kernel.msgmax)"],
        ),
        (
            one(appArmorProfile={"type": "Unconfined"}),
            ['forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")'],
        ),
        (
            {"securityContext": {"windowsOptions": {"hostProcess": True}}},
            ["hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)"],
        ),
        (
            {"containers": [container(livenessProbe={"httpGet": {"host": "example.com"}})]},
            ['probe or lifecycle host (container "c" uses probe or lifecycle host "example.com")'],
        ),
    ],
)
def test_baseline(spec: dict[str, Any], expected: list[str]) -> None:
    assert found(BASELINE, spec) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        (
            {"initContainers": [{"name": "i", "securityContext": SAFE | {"allowPrivilegeEscalation": True}}]},
            [
                'allowPrivilegeEscalation != false (container "i" must set '
                "securityContext.allowPrivilegeEscalation=false)"
            ],
        ),
        (
            one(capabilities={"add": ["CHOWN"]}),
            [
                'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; container '
                '"c" must not include "CHOWN" in securityContext.capabilities.add)'
            ],
        ),
        (one(capabilities={"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}), []),
        (
            {"volumes": [{"name": "a", "nfs": {}}, {"name": "b", "hostPath": {}}, {"name": "d", "emptyDir": {}}]},
            ['restricted volume types (volumes "a", "b" use restricted volume types "hostPath", "nfs")'],
        ),
        (
            {"securityContext": {"runAsNonRoot": False}},
            ["runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)"],
        ),
        (one(runAsUser=0), ['runAsUser=0 (container "c" must not set runAsUser=0)']),
        ({**one(runAsUser=0), "hostUsers": False}, []),
        (
            {**one(procMount="Unmasked"), "hostUsers": False},
            ['procMount (container "c" must not set securityContext.procMount to "Unmasked")'],
        ),
        ({"os": {"name": "windows"}, "containers": [{"name": "c", "securityContext": {"runAsNonRoot": True}}]}, []),
    ],
)
def test_restricted(spec: dict[str, Any], expected: list[str]) -> None:
    assert found(RESTRICTED, spec) == expected


@pytest.mark.parametrize(
    ("version", "spec", "count"),
    [
        ("v1.7", {"containers": [{"name": "c", "securityContext": {"runAsNonRoot": True}}]}, 0),
        ("v1.8", {"containers": [{"name": "c", "securityContext": {"runAsNonRoot": True}}]}, 1),
        ("v1.22", {"containers": [{"name": "c", "securityContext": {"runAsNonRoot": True}}]}, 3),
        ("v1.22", one(runAsUser=0), 0),
        ("v1.23", one(runAsUser=0), 1),
        ("v1.99", one(runAsUser=0), 1),
    ],
)
def test_controls_hold_from_their_version_on(version: str, spec: dict[str, Any], count: int) -> None:
    assert len(found(Standard("restricted", version), spec)) == count


def test_profiles_were_annotations_once() -> None:
    annotations = {
        "seccomp.security.alpha.kubernetes.io/pod": "unconfined",
        "container.apparmor.security.beta.kubernetes.io/c": "unconfined",
    }
    assert found(Standard("baseline", "v1.18"), {}, annotations) == [
        "forbidden AppArmor profile (annotation must not set AppArmor profile type to "
        '"container.apparmor.security.beta.kubernetes.io/c="unconfined"")',
        'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
    ]


PREFIX = "pod-security.kubernetes.io/"


@pytest.mark.parametrize(
    ("labels", "expected", "faults"),
    [
        ({}, PERMISSIVE, 0),
        ({"enforce": "baseline"}, Policy(BASELINE, Standard(), BASELINE), 0),
        ({"enforce": "baseline", "warn": "privileged"}, Policy(BASELINE), 0),
        (
            {"enforce": "baseline", "enforce-version": "v1.25"},
            Policy(Standard("baseline", "v1.25"), Standard(), Standard("baseline", "v1.25")),
            0,
        ),
        ({"audit": "restricted"}, Policy(audit=RESTRICTED), 0),
        ({"enforce": "odd", "enforce-version": "1.25"}, Policy(RESTRICTED), 2),
        ({"audit": "odd", "warn": "odd"}, PERMISSIVE, 2),
    ],
)
def test_labels(labels: dict[str, str], expected: Policy, faults: int) -> None:
    policy, errors = policy_of({PREFIX + key: value for key, value in labels.items()}, PERMISSIVE)
    assert (policy, len(errors)) == (expected, faults)


def test_pods_that_are_there_are_counted_by_what_they_violate() -> None:
    def pod(name: str, owner: str = "", **spec: Any) -> dict[str, Any]:
        owners = [{"uid": owner, "controller": True}] if owner else []
        return {
            "metadata": {"name": name, "ownerReferences": owners},
            "spec": {"containers": [container()], **spec},
        }

    pods = [pod("z", hostPID=True), pod("b", "1", hostPID=True), pod("a", "1", hostPID=True), pod("ok")]
    pods += [pod("one", **one(privileged=True))]
    assert review("shop", BASELINE, pods) == [
        'existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"',
        "a (and 2 other pods): host namespaces",
        "one: privileged",
    ]
    assert review("shop", BASELINE, [pod("ok")]) == []
