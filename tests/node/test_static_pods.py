"""A manifest in a directory becomes running containers, is restarted when it crashes, ends cleanly."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kybern.api.types.core_v1 import ContainerStatus, Pod
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.run import Extensions, Kubelet

from .conftest import Containerd

pytestmark = pytest.mark.root
TIMEOUT_SECONDS = 90.0


@pytest.fixture
def config(containerd: Containerd, tmp_path: Path) -> Iterator[KubeletConfig]:
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    yield KubeletConfig(
        node_name="node-a",
        runtime_socket=str(containerd.socket),
        root_directory=tmp_path / "kubelet",
        pod_logs_directory=tmp_path / "logs",
        container_logs_directory=tmp_path / "links",
        static_pod_path=manifests,
        file_check_frequency=0.2,
        relist_seconds=5.0,
        cgroup_root=containerd.cgroup_root,
    )


@contextlib.asynccontextmanager
async def running(config: KubeletConfig) -> AsyncIterator[Kubelet]:
    kubelet = Kubelet(config, None, Extensions())
    task = asyncio.create_task(kubelet.run())
    try:
        yield kubelet
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def write(config: KubeletConfig, name: str, spec: dict[str, Any]) -> Path:
    assert config.static_pod_path is not None
    path = config.static_pod_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}))
    return path


def container(name: str, script: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "localhost/busybox:1", "command": ["/bin/sh", "-c", script], **fields}


async def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives, once it is true."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not (found := condition()):
            await asyncio.sleep(0.02)
        return found


def pod_of(kubelet: Kubelet, name: str) -> Pod | None:
    found = [pod for pod, _ in kubelet.statuses.all() if pod.metadata.name == f"{name}-node-a"]
    return found[-1] if found else None


def status_of(kubelet: Kubelet, name: str, index: int = 0) -> ContainerStatus | None:
    pod = pod_of(kubelet, name)
    statuses = pod.status.container_statuses if pod else []
    return statuses[index] if len(statuses) > index else None


def is_ready(kubelet: Kubelet, name: str) -> bool:
    pod = pod_of(kubelet, name)
    return pod is not None and any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)


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
                await asyncio.sleep(0.05)


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
                    startupProbe={"exec": {"command": ["grep", "12", "/s/order"]}, "periodSeconds": 1},
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
