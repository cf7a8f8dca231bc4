"""A kubelet in a test: its configuration, its manifests, and waiting for what it reports."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import yaml

from kybern.api.types.core_v1 import ContainerStatus, Pod
from kybern.client.client import Client
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.run import Extensions, Kubelet

from .conftest import Containerd

TIMEOUT_SECONDS = float(os.environ.get("KYBERN_TEST_TIMEOUT", "90"))
NODE = "node-a"


def configure(containerd: Containerd, directory: Path) -> KubeletConfig:
    manifests = directory / "manifests"
    manifests.mkdir()
    return KubeletConfig(
        node_name=NODE,
        runtime_socket=str(containerd.socket),
        root_directory=directory / "kubelet",
        pod_logs_directory=directory / "logs",
        container_logs_directory=directory / "links",
        static_pod_path=manifests,
        file_check_frequency=0.2,
        relist_seconds=5.0,
        cgroup_root=containerd.cgroup_root,
    )


@contextlib.asynccontextmanager
async def running(config: KubeletConfig, client: Client | None = None) -> AsyncIterator[Kubelet]:
    kubelet = Kubelet(config, client, Extensions())
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
    found = [pod for pod, _ in kubelet.statuses.all() if pod.metadata.name == f"{name}-{NODE}"]
    return found[-1] if found else None


def status_of(kubelet: Kubelet, name: str, index: int = 0) -> ContainerStatus | None:
    pod = pod_of(kubelet, name)
    statuses = pod.status.container_statuses if pod else []
    return statuses[index] if len(statuses) > index else None


def is_ready(kubelet: Kubelet, name: str) -> bool:
    pod = pod_of(kubelet, name)
    return pod is not None and any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)
