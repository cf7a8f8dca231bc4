"""Pods of the API server: bound ones run, deleted ones end and go, static ones have their mirror."""

import asyncio

import pytest

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.kubelet_config import KubeletConfig

from .apis import api, events_of, pod, wait_event, wait_for, wait_gone
from .kubelets import NODE, TIMEOUT_SECONDS, container, running, until, write

pytestmark = pytest.mark.root


async def test_a_bound_pod_runs_and_its_deletion_ends_it(config: KubeletConfig) -> None:
    async with api() as client, running(config, client) as kubelet:
        script = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
        await client.create(pod("web", containers=[container("main", script)], terminationGracePeriodSeconds=10))
        found = await wait_for(client, "web", phase="Running", Ready="True")
        assert found.status.pod_ip.startswith("10.244.77.")
        assert found.status.container_statuses[0].started is True
        await client.delete(Pod, "web", "default")
        await wait_gone(client, "web")
        uid = found.metadata.uid
        assert [box for box in await kubelet.runtime.list_sandboxes() if box.uid == uid] == []
        for reason in ("Pulled", "Created", "Started", "Killing"):
            await wait_event(client, "web", reason, "")


async def test_a_pod_that_completes_stays_for_its_logs(config: KubeletConfig) -> None:
    async with api() as client, running(config, client) as kubelet:
        await client.create(pod("job", containers=[container("main", "echo done; exit 4")], restartPolicy="Never"))
        found = await wait_for(client, "job", phase="Failed", Ready="False")
        state = found.status.container_statuses[0].state
        assert state is not None
        assert state.terminated is not None
        assert state.terminated.exit_code == 4
        meta = found.metadata
        assert "done" in (config.logs_of("default", "job", meta.uid) / "main" / "0.log").read_text()
        await client.delete(Pod, "job", "default")
        await wait_gone(client, "job")
        await until(lambda: kubelet.statuses.get(meta.uid) is None)


async def test_a_static_pod_has_a_mirror(config: KubeletConfig) -> None:
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container("main", "exec sleep 1000")]}
    path = write(config, "static", spec)
    async with api() as client, running(config, client):
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not (await client.list(Pod, "default")).items:
                await asyncio.sleep(0.05)
        mirror = await wait_for(client, f"static-{NODE}", phase="Running", Ready="True")
        assert mirror.metadata.annotations["kubernetes.io/config.source"] == "file"
        assert "kubernetes.io/config.mirror" in mirror.metadata.annotations
        path.unlink()
        await wait_gone(client, f"static-{NODE}")


async def test_a_second_deletion_shortens_the_grace(config: KubeletConfig) -> None:
    async with api() as client, running(config, client):
        stubborn = container("main", "trap '' TERM; while :; do sleep 0.1; done")
        await client.create(pod("slow", containers=[stubborn], terminationGracePeriodSeconds=600))
        await wait_for(client, "slow", Ready="True")
        await client.delete(Pod, "slow", "default")
        assert (await client.get(Pod, "slow", "default")).metadata.deletion_grace_period_seconds == 600
        await client.delete(Pod, "slow", "default", grace_period_seconds=1)
        await wait_gone(client, "slow")


async def test_too_much_memory_is_told(config: KubeletConfig) -> None:
    async with api() as client, running(config, client):
        hog = container("main", "tail /dev/zero", resources={"limits": {"memory": "16Mi"}})
        await client.create(pod("hog", containers=[hog], restartPolicy="Never"))
        found = await wait_for(client, "hog", phase="Failed")
        state = found.status.container_statuses[0].state
        assert state is not None
        assert state.terminated is not None
        assert (state.terminated.reason, state.terminated.exit_code) == ("OOMKilled", 137)
        assert found.status.qos_class == "Burstable"


async def test_a_pod_that_does_not_fit_is_refused(config: KubeletConfig) -> None:
    async with api() as client, running(config, client) as kubelet:
        await until(lambda: (node := kubelet.node()) and node.status.allocatable)
        greedy = container("main", "true", resources={"requests": {"cpu": "1000"}})
        await client.create(pod("greedy", containers=[greedy]))
        found = await wait_for(client, "greedy", phase="Failed")
        assert found.status.reason == "OutOfcpu"
        assert found.status.container_statuses == []
        await client.delete(Pod, "greedy", "default")
        await wait_gone(client, "greedy")


async def test_a_pod_deleted_while_its_container_is_started_has_started(
    config: KubeletConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with api() as client, running(config, client) as kubelet:
        start = kubelet.runtime.start_container

        async def start_late(id: str) -> None:
            found = await client.get(Pod, "hasty", "default")
            await client.delete(Pod, "hasty", "default")
            assert kubelet.workers is not None
            worker = kubelet.workers.get(found.metadata.uid)
            await until(lambda: worker is None or worker.is_ending)
            await start(id)

        monkeypatch.setattr(kubelet.runtime, "start_container", start_late)
        await client.create(
            pod("hasty", containers=[container("main", "exec sleep 1000")], terminationGracePeriodSeconds=1)
        )
        await wait_event(client, "hasty", "Started", "Container started")
        await wait_gone(client, "hasty")
        assert await events_of(client, "hasty", "Failed") == []
