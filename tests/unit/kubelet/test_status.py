"""The status that is reported, as cases."""

from typing import Any

import pytest

from kybern.api.types import convert, to_dict
from kybern.api.types.core_v1 import Pod, PodCondition, PodStatus
from kybern.kubelet.container_status import Waiting, _terminated
from kybern.kubelet.observed import PodRuntime
from kybern.kubelet.runtime.views import ContainerState
from kybern.kubelet.status import Verdict, make_status, not_yet_over
from kybern.kubelet.status_manager import status_patch

from .worlds import IP, NOW, Probed, container, exited, pod, runs, status, world

EMPTY = PodRuntime("u")
PROBE = {"exec": {"command": ["true"]}}
INIT = [container("i1")]


def report(
    subject: Pod,
    observed: PodRuntime,
    *,
    probes: Probed | None = None,
    waits: dict[str, Waiting] | None = None,
    ended: bool = False,
    verdict: Verdict | None = None,
) -> dict[str, Any]:
    status = make_status(
        subject,
        observed,
        probes or Probed(),
        waits=waits or {},
        ended=ended,
        verdict=verdict,
        host_ips=["10.89.0.1"],
        now=NOW,
    )
    return to_dict(status)


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each.get("reason", "")) for each in status["conditions"]}


def state(status: dict[str, Any], index: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = status["containerStatuses"][index]["state"]
    return found


@pytest.mark.parametrize(
    ("subject", "observed", "ended", "expected"),
    [
        (pod(), EMPTY, False, "Pending"),
        (pod(), world(runs("c")), False, "Running"),
        (pod(container("a"), container("b")), world(runs("a")), False, "Pending"),
        (pod(), world(exited("c", 1)), False, "Running"),
        (pod(), world(exited("c", 1)), True, "Failed"),
        (pod(restartPolicy="OnFailure"), world(exited("c", 1)), False, "Running"),
        (pod(restartPolicy="OnFailure"), world(exited("c", 0)), False, "Succeeded"),
        (pod(restartPolicy="Never"), world(exited("c", 1)), False, "Failed"),
        (pod(restartPolicy="Never"), world(exited("c", 0)), False, "Succeeded"),
        (pod(initContainers=INIT), world(runs("i1")), False, "Pending"),
        (pod(initContainers=INIT, restartPolicy="Never"), world(exited("i1", 1)), False, "Failed"),
        (pod(initContainers=INIT), world(exited("i1", 1)), False, "Pending"),
        (pod(status={"phase": "Succeeded"}), EMPTY, False, "Succeeded"),
    ],
)
def test_phase(subject: Pod, observed: PodRuntime, ended: bool, expected: str) -> None:
    assert report(subject, observed, ended=ended)["phase"] == expected


@pytest.mark.parametrize(
    ("subject", "observed", "probes", "expected"),
    [
        pytest.param(
            pod(),
            EMPTY,
            Probed(),
            {
                "PodReadyToStartContainers": ("False", ""),
                "Initialized": ("True", ""),
                "Ready": ("False", "ContainersNotReady"),
                "ContainersReady": ("False", "ContainersNotReady"),
            },
            id="new",
        ),
        pytest.param(
            pod(),
            world(runs("c")),
            Probed(),
            {"PodReadyToStartContainers": ("True", ""), "Ready": ("True", ""), "ContainersReady": ("True", "")},
            id="running without probes",
        ),
        pytest.param(
            pod(container("c", readinessProbe=PROBE)),
            world(runs("c")),
            Probed(),
            {"Ready": ("False", "ContainersNotReady")},
            id="not probed yet",
        ),
        pytest.param(
            pod(container("c", readinessProbe=PROBE)),
            world(runs("c")),
            Probed(readiness_c_0=True),
            {"Ready": ("True", "")},
            id="probed",
        ),
        pytest.param(
            pod(container("c", startupProbe=PROBE)),
            world(runs("c")),
            Probed(),
            {"Ready": ("False", "ContainersNotReady")},
            id="not started",
        ),
        pytest.param(
            pod(readinessGates=[{"conditionType": "x/y"}]),
            world(runs("c")),
            Probed(),
            {"Ready": ("False", "ReadinessGatesNotReady"), "ContainersReady": ("True", "")},
            id="a gate",
        ),
        pytest.param(
            pod(initContainers=INIT),
            world(runs("i1")),
            Probed(),
            {"Initialized": ("False", "ContainersNotInitialized")},
            id="initialising",
        ),
        pytest.param(
            pod(restartPolicy="Never"),
            world(exited("c", 0)),
            Probed(),
            {"Initialized": ("True", "PodCompleted"), "Ready": ("False", "PodCompleted")},
            id="completed",
        ),
        pytest.param(
            pod(restartPolicy="Never"), world(exited("c", 1)), Probed(), {"Ready": ("False", "PodFailed")}, id="failed"
        ),
    ],
)
def test_conditions(subject: Pod, observed: PodRuntime, probes: Probed, expected: dict[str, tuple[str, str]]) -> None:
    found = conditions(report(subject, observed, probes=probes))
    assert {name: found[name] for name in expected} == expected


def test_conditions_keep_their_times_and_others_stay() -> None:
    old = [
        {"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"},
        {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"},
    ]
    status = report(pod(status={"conditions": old}), world(runs("c")))
    times = {each["type"]: each["lastTransitionTime"] for each in status["conditions"]}
    assert times["Ready"] == times["DisruptionTarget"] == "2020-01-01T00:00:00Z"
    assert times["Initialized"] == "1970-01-01T00:16:40Z"


def test_a_running_container() -> None:
    status = report(pod(), world(exited("c", 2, 0, reason="Error"), runs("c", 1)))
    found = status["containerStatuses"][0]
    assert found["containerID"] == "containerd://c-1"
    assert (found["restartCount"], found["ready"], found["started"]) == (1, True, True)
    assert found["state"] == {"running": {"startedAt": "1970-01-01T00:00:01Z"}}
    assert found["lastState"]["terminated"]["exitCode"] == 2
    assert (status["podIP"], status["podIPs"], status["hostIP"]) == (IP, [{"ip": IP}], "10.89.0.1")


@pytest.mark.parametrize(
    ("subject", "observed", "waits", "expected"),
    [
        (pod(), EMPTY, {}, {"waiting": {"reason": "ContainerCreating"}}),
        (pod(initContainers=INIT), EMPTY, {}, {"waiting": {"reason": "PodInitializing"}}),
        (
            pod(),
            world(),
            {"c": Waiting("ErrImagePull", "no")},
            {"waiting": {"reason": "ErrImagePull", "message": "no"}},
        ),
        (
            pod(),
            world(exited("c", 1)),
            {"c": Waiting("CrashLoopBackOff", "later")},
            {"waiting": {"reason": "CrashLoopBackOff", "message": "later"}},
        ),
    ],
)
def test_waiting(subject: Pod, observed: PodRuntime, waits: dict[str, Waiting], expected: dict[str, Any]) -> None:
    assert state(report(subject, observed, waits=waits)) == expected


def test_what_is_made_and_not_started_waits_as_before() -> None:
    """Its maker starts it at once; whoever looks between the two is told nothing new."""
    made = status("i1", 0, ContainerState.CREATED)
    found = report(pod(initContainers=INIT), world(made))["initContainerStatuses"][0]
    assert found["state"] == {"waiting": {"reason": "PodInitializing"}}
    made = status("c", 0, ContainerState.CREATED)
    assert state(report(pod(), world(made))) == {"waiting": {"reason": "ContainerCreating"}}


def test_an_ended_pod_has_ends_for_all() -> None:
    status = report(pod(), EMPTY, ended=True)
    assert state(status)["terminated"]["reason"] == "ContainerStatusUnknown"
    assert state(status)["terminated"]["exitCode"] == 137


def test_a_verdict_is_stronger() -> None:
    verdict = Verdict("Failed", "DeadlineExceeded", "too long")
    status = report(pod(), world(runs("c")), verdict=verdict)
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "DeadlineExceeded", "too long")


def test_the_conditions_of_a_verdict_are_each_pods_own() -> None:
    shared = PodCondition(type="DisruptionTarget", status="True", reason="TerminationByKubelet")
    found = report(pod(), world(runs("c")), verdict=Verdict("Failed", "Preempting", "for another", (shared,)))
    told = next(each for each in found["conditions"] if each["type"] == "DisruptionTarget")
    assert (told["observedGeneration"], told["lastTransitionTime"]) == (1, "1970-01-01T00:16:40Z")
    assert (shared.observed_generation, shared.last_transition_time) == (None, "")


def test_only_what_changed_is_patched() -> None:
    before = {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}], "podIPs": [{"ip": "1"}]}
    ready = {"type": "Ready", "status": "True"}
    assert status_patch(before, before) == {}
    assert status_patch(before, {**before, "conditions": [ready]}) == {"conditions": [ready]}
    gate = {"type": "example.com/gate", "status": "True"}
    assert status_patch(before, {**before, "conditions": [gate, ready]}) == {"conditions": [ready]}, (
        "others' conditions"
    )
    assert status_patch(before, {**before, "podIPs": [{"ip": "2"}]}) == {"podIPs": [{"$patch": "replace"}, {"ip": "2"}]}
    assert status_patch(before, {**before, "phase": "Running"}) == {"phase": "Running"}


def test_a_reason_that_no_longer_holds_is_taken_away() -> None:
    before = {"conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "m"}]}
    patch = status_patch(before, {"conditions": [{"type": "Ready", "status": "True"}]})
    assert patch == {"conditions": [{"type": "Ready", "status": "True", "reason": None, "message": None}]}


def test_many_last_words_share_their_room() -> None:
    many = [container(f"c{place}") for place in range(12)]
    ended = [exited(each["name"], 1, message="x" * 4096) for each in many]
    found = report(pod(*many, restartPolicy="Never"), world(*ended))
    assert {len(state(found, place)["terminated"]["message"]) for place in range(12)} == {1024}


def test_a_pod_is_not_over_while_a_sidecar_runs() -> None:
    made = make_status(
        pod(restartPolicy="Never"), world(exited("c", 0)), Probed(), waits={}, ended=False, verdict=None,
        host_ips=[], now=NOW,
    )  # fmt: skip
    assert made.phase == "Succeeded"
    assert not_yet_over(made, PodStatus(phase="Running")).phase == "Running"
    assert not_yet_over(made, PodStatus(phase="Failed")).phase == "Succeeded"


def test_a_container_whose_turn_never_came_has_no_end() -> None:
    subject = pod(restartPolicy="Never", initContainers=INIT)
    found = report(subject, world(exited("i1", 1)), ended=True)
    assert state(found) == {"waiting": {"reason": "PodInitializing"}}
    assert found["phase"] == "Failed"


def test_a_container_that_could_not_be_started_began_in_1970() -> None:
    """As upstream tells it; without a time kubectl describe would show the year 1."""
    failed = exited("app", 128, started_at_ns=0, reason="StartError")
    assert _terminated(failed, 4096).started_at == "1970-01-01T00:00:00Z"


def test_a_pod_that_begins_anew_is_not_over() -> None:
    """KEP-5532: all containers were ended because one, here a sidecar, asks for it; then all are removed, and begin."""
    rules = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}]
    sidecars = [container("i1"), container("s1", restartPolicy="Always", restartPolicyRules=rules)]
    subject = pod(restartPolicy="Never", initContainers=sidecars)
    ended = report(subject, world(exited("i1", 0), exited("s1", 42), exited("c", 137)))
    assert ended["phase"] == "Running"
    assert report(subject, world(exited("i1", 0), exited("s1", 42), exited("c", 137)), ended=True)["phase"] == "Failed"
    subject.status = convert(ended, PodStatus)
    removed = report(subject, world())
    assert (removed["phase"], [each["restartCount"] for each in removed["containerStatuses"]]) == ("Running", [1])
    subject.status = convert(removed, PodStatus)
    begun = world(exited("i1", 0, 1), runs("s1", 1))
    assert report(subject, begun)["phase"] == "Running", "the turn of c has not come"
