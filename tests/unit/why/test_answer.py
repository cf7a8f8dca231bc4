"""Objects and decisions in, the sentences out that a person needs first."""

from typing import Any

import pytest

from kybern.why.answer import Case
from kybern.why.inquiry import UnknownTopic, topic_of

META = {"name": "web-0", "namespace": "default"}


def pod(status: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    return {"metadata": META | meta, "spec": spec or {"nodeName": "a"}, "status": status or {}}


def container(state: dict[str, Any], last: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    status = {"name": "c", "image": "nowhere/x", "state": state, "lastState": {"terminated": last} if last else {}}
    return {"phase": "Running", "containerStatuses": [status | {"restartCount": 3 if last else 0} | rest]}


def decision(component: str, verdict: str, message: str, **seen: Any) -> dict[str, Any]:
    return {"component": component, "verdict": verdict, "message": message, "seen": seen, "time": 1}


REFUSED = decision(
    "kube-scheduler",
    "Refused",
    "0/3 nodes are available: …",
    nodes=3,
    reasons={"Insufficient cpu": 1, "node(s) had untolerated taint(s)": 2},
    requests={"cpu": 1500},
)
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes …: full"}
UNHEALTHY = {"type": "Warning", "reason": "Unhealthy", "message": "Readiness probe failed: 503"}
LIVENESS = {"type": "Warning", "reason": "Unhealthy", "message": "Liveness probe failed: timeout"}
KILLING = {"type": "Normal", "reason": "Killing", "message": "Container c failed liveness probe, will be restarted"}
READY = [{"type": "Ready", "status": "True"}]


def check(case: Case, *expected: str) -> None:
    lines = topic_of(case.kind).explain(case)
    text = "\n".join(f"{line.mark}: {line.text}" for line in lines)
    for part in expected:
        assert part in text, text


CASES: dict[str, tuple[Case, tuple[str, ...]]] = {
    "refused": (
        Case("Pod", pod(spec={"containers": []}), [REFUSED]),
        (
            "fact: Pod default/web-0 has no node",
            "2 of 3 nodes: node(s) had untolerated taint(s)",
            "It asks for 1.5 cpu.",
            "advice: Ask for less",
            "advice: Remove the taint",
        ),
    ),
    "refused, without a trace": (
        Case("Pod", pod({"conditions": [UNSCHEDULABLE]}, {"containers": []})),
        ("found none that can take it", "0/1 nodes …: full"),
    ),
    "gated": (
        Case("Pod", pod(spec={"schedulingGates": [{"name": "quota"}]})),
        ("scheduling gates hold it back (quota)",),
    ),
    "no scheduler": (Case("Pod", pod(spec={"schedulerName": "mine"})), ("no scheduler has said anything", "mine")),
    "out of memory": (
        Case("Pod", pod(container({"running": {}}, {"exitCode": 137, "reason": "OOMKilled"}, ready=True))),
        ("started again 3 times", "more memory than its limit", "advice: Raise resources.limits.memory"),
    ),
    "crashing": (
        Case("Pod", pod(container({"waiting": {"reason": "CrashLoopBackOff"}}, {"exitCode": 1}))),
        ("it keeps ending", "exit code 1", "kubectl logs -n default web-0 -c c --previous"),
    ),
    "liveness": (
        Case("Pod", pod(container({"running": {}}, {"exitCode": 143}, ready=True)), events=[LIVENESS]),
        ("asked to stop", "advice: The liveness probe failed"),
    ),
    "liveness, of a program that then reports an error": (
        Case("Pod", pod(container({"running": {}}, {"exitCode": 1}, ready=True)), events=[LIVENESS, KILLING]),
        ("exit code 1", "advice: The liveness probe failed"),
    ),
    "crashing, which its probe has seen": (
        Case("Pod", pod(container({"running": {}}, {"exitCode": 1}, ready=True)), events=[LIVENESS]),
        ("exit code 1", "kubectl logs -n default web-0 -c c --previous"),
    ),
    "not ready": (
        Case("Pod", pod(container({"running": {}}, ready=False)), events=[UNHEALTHY]),
        ("runs, but is not ready", "Readiness probe failed: 503"),
    ),
    "no image": (
        Case("Pod", pod(container({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}))),
        ("the image cannot be pulled", "not found", "Check that the image nowhere/x exists"),
    ),
    "leaving": (
        Case("Pod", pod(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["x/y"])),
        ("is being deleted since 2026", "x/y"),
    ),
    "well": (Case("Pod", pod({"phase": "Running", "conditions": READY})), ("running and ready on a",)),
    "service without Pods": (
        Case("Service", {"metadata": META, "spec": {"selector": {"app": "web"}}}),
        ("no ready endpoint", "No Pod has the labels app=web"),
    ),
    "service with a Pod that is not ready": (
        Case(
            "Service",
            {"metadata": META, "spec": {"selector": {"app": "web"}}},
            related={"Pod": [pod(container({"running": {}}, ready=False))]},
        ),
        ("1 Pod has the labels app=web; none is ready", "runs, but is not ready"),
    ),
    "service that is well": (
        Case(
            "Service",
            {"metadata": META, "spec": {}},
            related={"EndpointSlice": [{"endpoints": [{"conditions": {"ready": True}}]}]},
        ),
        ("has 1 ready endpoint.",),
    ),
    "deployment": (
        Case(
            "Deployment",
            {"metadata": META, "spec": {"replicas": 2}, "status": {"readyReplicas": 1, "updatedReplicas": 2}},
            related={"Pod": [pod(spec={"schedulingGates": [{"name": "g"}]})]},
        ),
        ("1 of 2 Pods ready", "scheduling gates"),
    ),
    "deployment that waits": (
        Case(
            "Deployment",
            {"metadata": META, "spec": {"replicas": 3}, "status": {"readyReplicas": 3, "updatedReplicas": 1}},
            [decision("deployment-controller", "Nothing", "the world is as it should be")],
        ),
        ("3 of 3 Pods ready; 1 of 3 with the newest template", "nothing for it to do until something changes"),
    ),
    "job": (
        Case(
            "Job",
            {
                "metadata": META,
                "status": {"conditions": [{"type": "Failed", "status": "True", "message": "BackoffLimit reached"}]},
            },
        ),
        ("has failed: BackoffLimit reached",),
    ),
    "silent node": (
        Case(
            "Node",
            {
                "metadata": {"name": "a"},
                "spec": {"unschedulable": True},
                "status": {"conditions": [{"type": "Ready", "status": "Unknown", "lastTransitionTime": "noon"}]},
            },
        ),
        ("silent since noon", "kubectl uncordon a"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_answers(name: str) -> None:
    case, expected = CASES[name]
    check(case, *expected)


def test_topics() -> None:
    assert topic_of("po").kind == topic_of("Pods").kind == topic_of("pod.v1.").kind == "Pod"
    for word in ("deployment.apps", "deployments.apps", "deploy", "deployments.v1.apps", "deployment"):
        assert topic_of(word).kind == "Deployment"
    assert topic_of("job.batch").kind == "Job"
    assert [topic_of(word).kind for word in ("sts", "ds.apps", "replicasets")] == [
        "StatefulSet",
        "DaemonSet",
        "ReplicaSet",
    ]
    with pytest.raises(UnknownTopic, match="ask about pod"):
        topic_of("deployment.batch")
    with pytest.raises(UnknownTopic, match="ask about pod"):
        topic_of("secret")
