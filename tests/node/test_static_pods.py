"""A manifest in a directory becomes running containers, is restarted when it crashes, ends cleanly."""

import asyncio
import dataclasses

import pytest

from kybern.api.types.core_v1 import ContainerStatus, Pod
from kybern.kubelet.kubelet_config import KubeletConfig

from .kubelets import TIMEOUT_SECONDS, container, is_ready, pod_of, running, status_of, until, write

pytestmark = pytest.mark.root

PATIENT = {"periodSeconds": 1, "timeoutSeconds": 60, "failureThreshold": 60}
"""Of a probe that is to succeed: however long a command takes where others work."""


async def test_a_manifest_runs_and_ends(config: KubeletConfig) -> None:
    path = write(
        config,
        "web",
        {
            "terminationGracePeriodSeconds": 5,
            "volumes": [{"name": "scratch", "emptyDir": {}}],
            "containers": [
                container(
                    "main",
                    "trap 'exit 0' TERM; echo hello $WHO > /scratch/out; cat /scratch/out; while :; do sleep 0.1; done",
                    env=[{"name": "WHO", "value": "world"}],
                    volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
                )
            ],
        },
    )
    async with running(config) as kubelet:
        await until(lambda: is_ready(kubelet, "web"))
        pod = pod_of(kubelet, "web")
        assert pod is not None
        assert pod.status.phase == "Running"
        assert pod.status.pod_ip.startswith("10.244.77.")
        assert pod.status.qos_class == "BestEffort"
        meta = pod.metadata
        log = config.logs_of(meta.namespace, meta.name, meta.uid) / "main" / "0.log"
        await until(lambda: "hello world" in log.read_text())
        assert meta.uid in kubelet.parts.cgroups.pods()
        path.unlink()
        await until(lambda: pod_of(kubelet, "web") is None)
        assert meta.uid not in kubelet.parts.cgroups.pods()
        assert not config.pod_directory(meta.uid).exists()
        assert not log.exists()
        assert [box.uid for box in await kubelet.runtime.list_sandboxes() if box.uid == meta.uid] == []


async def test_a_manifest_is_followed_without_waiting_for_the_next_look(config: KubeletConfig) -> None:
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container("main", "exec sleep 100000")]}
    async with running(dataclasses.replace(config, file_check_frequency=10_000.0)) as kubelet:
        await until(lambda: kubelet.workers is not None)
        path = write(config, "late", spec)
        await until(lambda: is_ready(kubelet, "late"))
        path = path.rename(path.with_name("away.off"))
        await until(lambda: pod_of(kubelet, "late") is None)
        path.rename(path.with_name("late.yaml"))
        await until(lambda: is_ready(kubelet, "late"))


async def test_a_crash_is_restarted_with_back_off(config: KubeletConfig) -> None:
    script = "echo last words > /dev/termination-log; sleep 0.2; exit 3"
    write(config, "crash", {"terminationGracePeriodSeconds": 1, "containers": [container("main", script)]})
    async with running(config) as kubelet:

        def backing_off() -> ContainerStatus | None:
            status = status_of(kubelet, "crash")
            waiting = status.state.waiting if status and status.state else None
            return status if waiting and waiting.reason == "CrashLoopBackOff" else None

        status = await until(backing_off)
        assert status.restart_count == 1
        assert "back-off 10s restarting failed container=main pod=crash-node-a_default(" in status.state.waiting.message
        assert status.last_state.terminated.exit_code == 3
        assert status.last_state.terminated.reason == "Error"
        assert status.last_state.terminated.message == "last words\n"


async def test_a_new_kubelet_leaves_containers_alone(config: KubeletConfig) -> None:
    path = write(
        config,
        "stays",
        {"terminationGracePeriodSeconds": 1, "containers": [container("main", "exec sleep 100000")]},
    )
    async with running(config) as kubelet:
        await until(lambda: is_ready(kubelet, "stays"))
        before = status_of(kubelet, "stays")
    async with running(config) as kubelet:
        await until(lambda: is_ready(kubelet, "stays"))
        after = status_of(kubelet, "stays")
        assert before is not None
        assert after is not None
        assert (after.container_id, after.restart_count) == (before.container_id, 0)
    path.unlink()
    async with running(config) as kubelet:
        # Nobody knows the Pod any more: it is ended all the same.
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while any(box.name == "stays-node-a" for box in await kubelet.runtime.list_sandboxes()):
                await asyncio.sleep(0.05)  # The runtime of a Pod that nobody knows has no other sign.


async def test_init_containers_and_sidecars(config: KubeletConfig) -> None:
    write(
        config,
        "init",
        {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 5,
            "volumes": [{"name": "shared", "emptyDir": {}}],
            "initContainers": [
                container(
                    "first",
                    "echo -n 1 >> /s/order",
                    volumeMounts=[{"name": "shared", "mountPath": "/s"}],
                ),
                container(
                    "side",
                    "trap 'exit 0' TERM; echo -n 2 >> /s/order; while :; do sleep 0.1; done",
                    restartPolicy="Always",
                    volumeMounts=[{"name": "shared", "mountPath": "/s"}],
                    startupProbe={"exec": {"command": ["grep", "12", "/s/order"]}, **PATIENT},
                ),
            ],
            "containers": [
                container(
                    "main",
                    "cat /s/order > /dev/termination-log; sleep 1",
                    volumeMounts=[{"name": "shared", "mountPath": "/s"}],
                )
            ],
        },
    )
    async with running(config) as kubelet:

        def over() -> Pod | None:
            pod = pod_of(kubelet, "init")
            return pod if pod and pod.status.phase == "Succeeded" else None

        await until(over)
        side = (await until(lambda: (p := pod_of(kubelet, "init")) and p.status.init_container_statuses))[1]
        await until(lambda: pod_of(kubelet, "init").status.init_container_statuses[1].state.terminated)  # type: ignore[union-attr]
        pod = pod_of(kubelet, "init")
        assert pod is not None
        assert side.name == "side"
        ended = pod.status.container_statuses[0].state
        assert ended is not None
        assert ended.terminated is not None
        assert ended.terminated.message == "12"


async def test_a_container_that_is_not_alive_is_restarted(config: KubeletConfig) -> None:
    probe = {"exec": {"command": ["test", "-e", "/ok"]}, "periodSeconds": 1, "failureThreshold": 1}
    main = container("main", "touch /ok; sleep 2; rm /ok; exec sleep 1000", livenessProbe=probe)
    path = write(config, "live", {"terminationGracePeriodSeconds": 1, "containers": [main]})
    async with running(config) as kubelet:

        def restarted() -> ContainerStatus | None:
            status = status_of(kubelet, "live")
            return status if status and status.restart_count == 1 and status.state and status.state.running else None

        status = await until(restarted)
        assert status.last_state.terminated.exit_code == 137
        path.unlink()
        await until(lambda: pod_of(kubelet, "live") is None)


async def test_an_image_that_is_not_there(config: KubeletConfig) -> None:
    image = {"image": "localhost/missing:1"}
    write(
        config,
        "images",
        {
            "containers": [
                container("never", "true", **image, imagePullPolicy="Never"),
                container("pulled", "true", **image),
                container("invalid", "true") | {"image": "NO:SUCH:NAME"},
            ]
        },
    )
    async with running(config) as kubelet:

        def reasons() -> list[str]:
            pod = pod_of(kubelet, "images")
            statuses = pod.status.container_statuses if pod else []
            return [each.state.waiting.reason for each in statuses if each.state and each.state.waiting]

        await until(lambda: reasons() == ["ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"])
        pod = pod_of(kubelet, "images")
        assert pod is not None
        assert pod.status.phase == "Pending"


async def test_the_deadline_ends_a_pod(config: KubeletConfig) -> None:
    spec = {"activeDeadlineSeconds": 2, "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    write(config, "late", {**spec, "containers": [container("main", "exec sleep 1000")]})
    async with running(config) as kubelet:

        def ended() -> Pod | None:
            pod = pod_of(kubelet, "late")
            state = pod.status.container_statuses[0].state if pod and pod.status.container_statuses else None
            return pod if state and state.terminated else None

        pod = await until(ended)
        assert (pod.status.phase, pod.status.reason) == ("Failed", "DeadlineExceeded")
        assert pod.status.container_statuses[0].state.terminated.exit_code == 137


async def test_pre_stop_runs_and_sidecars_end_last(config: KubeletConfig) -> None:
    out = config.root_directory.parent / "out"
    out.mkdir()
    mounts = [{"name": "out", "mountPath": "/out"}]
    side = container(
        "side",
        "trap 'echo side >> /out/order; exit 0' TERM; while :; do sleep 0.1; done",
        restartPolicy="Always",
        volumeMounts=mounts,
    )
    main = container(
        "main",
        "trap 'sleep 1; echo main >> /out/order; exit 0' TERM; while :; do sleep 0.1; done",
        volumeMounts=mounts,
        lifecycle={"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /out/order"]}}},
    )
    path = write(
        config,
        "order",
        {
            "terminationGracePeriodSeconds": 20,
            "volumes": [{"name": "out", "hostPath": {"path": str(out), "type": "Directory"}}],
            "initContainers": [side],
            "containers": [main],
        },
    )
    async with running(config) as kubelet:
        await until(lambda: is_ready(kubelet, "order"))
        path.unlink()
        await until(lambda: pod_of(kubelet, "order") is None)
    assert (out / "order").read_text().split() == ["hook", "main", "side"]
