"""Images as volumes of Pods: their files, for reading, for as long as the Pod is there."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kybern.api.types.core_v1 import Pod
from kybern.client.client import Client
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.supervisor.containerd import ctr

from .apis import api, pod, wait_event, wait_for, wait_gone
from .kubelets import TIMEOUT_SECONDS, container, running
from .test_pod_volumes import SLEEP, said

pytestmark = pytest.mark.root

IMAGE = "localhost/busybox:1"


def image(name: str, reference: str, policy: str = "IfNotPresent") -> dict[str, Any]:
    return {"name": name, "image": {"reference": reference, "pullPolicy": policy}}


async def test_an_image_is_a_volume_for_reading(config: KubeletConfig) -> None:
    async with api() as client, running(config, client) as kubelet:
        whole, part = {"name": "files", "mountPath": "/files"}, {"name": "files", "mountPath": "/e", "subPath": "etc"}
        main = container("main", SLEEP, volumeMounts=[whole, part])
        await client.create(pod("reader", containers=[main], volumes=[image("files", IMAGE)]))
        found = await wait_for(client, "reader", Ready="True")
        script = "grep -c ^root: /files/etc/passwd; ls /e; touch /files/x"
        assert await said(kubelet, found, script) == [
            "1",
            "group",
            "passwd",
            "touch: /files/x: Read-only file system",
        ]
        mounted = str(config.pod_directory(found.metadata.uid) / "volumes/kubernetes.io~image/files")
        socket = Path(config.runtime_socket)
        assert mounted in ctr(socket, "snapshots", "list")
        await client.delete(Pod, "reader", "default", grace_period_seconds=1)
        await wait_gone(client, "reader")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while mounted in ctr(socket, "snapshots", "list") + ctr(socket, "leases", "list"):
                await asyncio.sleep(0.05)


async def test_an_image_that_is_not_there_holds_its_containers_back(config: KubeletConfig) -> None:
    async with api() as client, running(config, client):
        mount = {"name": "files", "mountPath": "/files"}
        volumes = [image("files", "localhost/absent:1", "Never")]
        await client.create(pod("waits", containers=[container("main", SLEEP, volumeMounts=[mount])], volumes=volumes))
        await wait_event(client, "waits", "ErrImageNeverPull", "localhost/absent:1")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while await reason_of(client, "waits") != "ErrImageNeverPull":
                await asyncio.sleep(0.05)


async def reason_of(client: Client, name: str) -> str:
    """Why the first container waits."""
    statuses = (await client.get(Pod, name, "default")).status.container_statuses
    state = statuses[0].state if statuses else None
    return state.waiting.reason if state is not None and state.waiting is not None else ""
