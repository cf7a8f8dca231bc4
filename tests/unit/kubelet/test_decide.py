"""What is done about a Pod, as cases."""

from typing import Any

import pytest

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.backoff import Backoff
from kybern.kubelet.decide import Actions, crash_key, decide
from kybern.kubelet.observed import PodRuntime
from kybern.kubelet.ports import ProbeResults

from .worlds import NOW, Probed, container, exited, pod, runs, sandbox, world

Summary = dict[str, Any]
EMPTY = PodRuntime("u")
PROBE = {"exec": {"command": ["true"]}}
INIT = [container("i1"), container("i2")]
SIDE = [container("s1", restartPolicy="Always"), container("i1")]


def summary(actions: Actions) -> Summary:
    """Only what is to be done."""
    found: Summary = {
        "stop_pod": actions.stop_pod,
        "create": actions.create_sandbox,
        "stops": [stop.message for stop in actions.stops],
        "starts": [(start.container.name, start.restart_count) for start in actions.starts],
        "holds": [hold.name for hold in actions.holds],
    }
    return {name: value for name, value in found.items() if value is not None and value is not False and value != []}


def check(
    subject: Pod,
    observed: PodRuntime,
    expected: Summary,
    probes: ProbeResults | None = None,
    backoff: Backoff | None = None,
) -> None:
    assert summary(decide(subject, observed, probes or Probed(), backoff or Backoff(), NOW)) == expected


@pytest.mark.parametrize(
    ("subject", "observed", "expected"),
    [
        pytest.param(pod(), EMPTY, {"create": 0}, id="a new Pod"),
        pytest.param(pod(), world(), {"starts": [("c", 0)]}, id="with a sandbox"),
        pytest.param(pod(), world(runs("c")), {}, id="running is left alone"),
        pytest.param(pod(), world(exited("c", 0)), {"starts": [("c", 1)]}, id="Always restarts a success"),
        pytest.param(
            pod(restartPolicy="OnFailure"), world(exited("c", 1)), {"starts": [("c", 1)]}, id="OnFailure, failed"
        ),
        pytest.param(pod(restartPolicy="OnFailure"), world(exited("c", 0)), {"stop_pod": True}, id="OnFailure, done"),
        pytest.param(pod(restartPolicy="Never"), world(exited("c", 1)), {"stop_pod": True}, id="Never"),
        pytest.param(
            pod(container("a"), container("b"), restartPolicy="Never"),
            world(exited("a", 1), runs("b")),
            {},
            id="Never, one still runs",
        ),
        pytest.param(
            pod(),
            world(runs("c"), sandboxes=(sandbox(ready=False),)),
            {"stop_pod": True, "create": 1},
            id="the sandbox died",
        ),
        pytest.param(pod(), world(sandboxes=(sandbox(ips=()),)), {"stop_pod": True, "create": 1}, id="no address"),
        pytest.param(
            pod(restartPolicy="Never"),
            world(exited("c", 0), sandboxes=(sandbox(ready=False),)),
            {},
            id="Never, over, sandbox stopped",
        ),
        pytest.param(
            pod(),
            world(exited("c", 137), sandboxes=(sandbox(1), sandbox(ready=False)), home="s0"),
            {"starts": [("c", 1)]},
            id="in the new sandbox",
        ),
        pytest.param(
            pod(container("c", image="other:1")),
            world(runs("c")),
            {"stops": ["Container c definition changed, will be restarted"]},
            id="another image",
        ),
    ],
)
def test_regular(subject: Pod, observed: PodRuntime, expected: Summary) -> None:
    check(subject, observed, expected)


@pytest.mark.parametrize(
    ("subject", "observed", "probes", "expected"),
    [
        pytest.param(pod(initContainers=INIT), world(), Probed(), {"starts": [("i1", 0)]}, id="first"),
        pytest.param(pod(initContainers=INIT), world(runs("i1")), Probed(), {}, id="first runs"),
        pytest.param(
            pod(initContainers=INIT), world(exited("i1", 0)), Probed(), {"starts": [("i2", 0)]}, id="then the second"
        ),
        pytest.param(
            pod(initContainers=INIT),
            world(exited("i1", 0), exited("i2", 0)),
            Probed(),
            {"starts": [("c", 0)]},
            id="then the regular ones",
        ),
        pytest.param(
            pod(initContainers=INIT),
            world(exited("i1", 1)),
            Probed(),
            {"starts": [("i1", 1)]},
            id="a failure again",
        ),
        pytest.param(
            pod(initContainers=INIT, restartPolicy="Never"),
            world(exited("i1", 1)),
            Probed(),
            {"stop_pod": True},
            id="but not with Never",
        ),
        pytest.param(
            pod(initContainers=INIT),
            world(runs("c")),
            Probed(),
            {},
            id="lost init containers do not run again beside regular ones",
        ),
        pytest.param(pod(initContainers=SIDE), world(), Probed(), {"starts": [("s1", 0)]}, id="sidecar first"),
        pytest.param(
            pod(initContainers=SIDE),
            world(runs("s1")),
            Probed(),
            {"starts": [("i1", 0)]},
            id="then the next",
        ),
        pytest.param(
            pod(initContainers=[container("s1", restartPolicy="Always", startupProbe=PROBE)]),
            world(runs("s1")),
            Probed(),
            {},
            id="a sidecar with a startup probe is waited for",
        ),
        pytest.param(
            pod(initContainers=[container("s1", restartPolicy="Always", startupProbe=PROBE)]),
            world(runs("s1")),
            Probed(startup_s1_0=True),
            {"starts": [("c", 0)]},
            id="until it has started",
        ),
        pytest.param(
            pod(initContainers=SIDE, restartPolicy="Never"),
            world(exited("s1", 0), runs("c")),
            Probed(),
            {"starts": [("s1", 1)]},
            id="a sidecar restarts whatever the Pod's policy",
        ),
        pytest.param(
            pod(initContainers=SIDE, restartPolicy="Never"),
            world(runs("s1"), exited("i1", 0), exited("c", 0)),
            Probed(),
            {"stop_pod": True},
            id="sidecars do not keep a Pod alive",
        ),
    ],
)
def test_init(subject: Pod, observed: PodRuntime, probes: Probed, expected: Summary) -> None:
    check(subject, observed, expected, probes)


@pytest.mark.parametrize(
    ("fields", "probes", "expected"),
    [
        pytest.param({"livenessProbe": PROBE}, Probed(), {}, id="not known"),
        pytest.param({"livenessProbe": PROBE}, Probed(liveness_c_0=True), {}, id="alive"),
        pytest.param(
            {"livenessProbe": PROBE},
            Probed(liveness_c_0=False),
            {"stops": ["Container c failed liveness probe, will be restarted"]},
            id="not alive",
        ),
        pytest.param(
            {"startupProbe": PROBE},
            Probed(startup_c_0=False),
            {"stops": ["Container c failed startup probe, will be restarted"]},
            id="never started",
        ),
        pytest.param({"readinessProbe": PROBE}, Probed(readiness_c_0=False), {}, id="not ready is no reason"),
    ],
)
def test_probes(fields: dict[str, Any], probes: Probed, expected: Summary) -> None:
    check(pod(container("c", **fields)), world(runs("c")), expected, probes)


def test_a_crash_is_held_back() -> None:
    subject, backoff = pod(), Backoff()
    backoff.next(crash_key(subject, subject.spec.containers[0]), NOW - 5, NOW - 5)
    check(subject, world(exited("c", 1, at=NOW - 4)), {"holds": ["c"]}, backoff=backoff)
    hold = decide(subject, world(exited("c", 1, at=NOW - 4)), Probed(), backoff, NOW).holds[0]
    assert hold.seconds == 6
    assert hold.message == "back-off 10s restarting failed container=c pod=p_d(u)"
    check(subject, world(exited("c", 1, at=NOW - 10)), {"starts": [("c", 1)]}, backoff=backoff)


@pytest.mark.parametrize(
    ("rule", "code", "expected"),
    [
        ({"operator": "In", "values": [42]}, 42, {"starts": [("c", 1)]}),
        ({"operator": "In", "values": [42]}, 1, {"stop_pod": True}),
        ({"operator": "NotIn", "values": [42]}, 1, {"starts": [("c", 1)]}),
    ],
)
def test_restart_rules(rule: dict[str, Any], code: int, expected: Summary) -> None:
    ruled = container("c", restartPolicy="Never", restartPolicyRules=[{"action": "Restart", "exitCodes": rule}])
    check(pod(ruled, restartPolicy="Never"), world(exited("c", code)), expected)


RESTART_ALL = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}]


def resettable(**status: Any) -> Pod:
    asks = container("a", restartPolicy="Never", restartPolicyRules=RESTART_ALL)
    return pod(asks, container("b"), restartPolicy="Never", initContainers=[container("i")], status=status)


def test_one_end_has_all_containers_begin_anew() -> None:
    observed = world(exited("i", 0), exited("a", 42), runs("b"))
    assert decide(resettable(), observed, Probed(), Backoff(), NOW).reset
    assert not decide(resettable(), world(exited("i", 0), exited("a", 1), runs("b")), Probed(), Backoff(), NOW).reset


def test_but_not_again_and_again_without_a_pause() -> None:
    backoff, subject = Backoff(), resettable()
    backoff.next(crash_key(subject, subject.spec.containers[0]), NOW - 1, NOW - 1)
    actions = decide(subject, world(exited("i", 0), exited("a", 42), runs("b")), Probed(), backoff, NOW)
    assert (actions.reset, [hold.name for hold in actions.holds]) == (False, ["a"])


def test_what_the_runtime_has_no_more_is_counted_on() -> None:
    told = {"name": "i", "containerID": "containerd://i-0", "restartCount": 3, "state": {"terminated": {"exitCode": 0}}}
    check(resettable(initContainerStatuses=[told]), world(), {"starts": [("i", 4)]})
    waits = {"name": "i", "restartCount": 4, "state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": 0}}}
    check(resettable(initContainerStatuses=[waits]), world(), {"starts": [("i", 4)]})
