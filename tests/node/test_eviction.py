"""Pods that take more of the disk than they may, a node that is short of memory, and room for what is critical."""

import dataclasses

import pytest

from kybern.kubelet.eviction.thresholds import Thresholds
from kybern.kubelet.kubelet_config import KubeletConfig

from .apis import api, pod, wait_event, wait_for
from .kubelets import container, running, until

pytestmark = pytest.mark.root

SLEEP = "exec sleep 100000"


async def test_an_empty_dir_over_its_size(config: KubeletConfig) -> None:
    eager = dataclasses.replace(config, eviction_period_seconds=0.2)
    async with api() as client, running(eager, client):
        script = "dd if=/dev/zero of=/v/f bs=1M count=3 2>/dev/null; exec sleep 100000"
        main = container("main", script, volumeMounts=[{"name": "v", "mountPath": "/v"}])
        volumes = [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}]
        await client.create(pod("full", containers=[main], volumes=volumes))
        found = await wait_for(client, "full", phase="Failed", DisruptionTarget="True")
        message = 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". '
        assert (found.status.reason, found.status.message) == ("Evicted", message)
        assert await wait_event(client, "full", "Evicted", "EmptyDir") == message
        state = found.status.container_statuses[0].state
        assert state is not None
        assert state.terminated is not None


async def test_a_node_without_memory(config: KubeletConfig) -> None:
    # No machine has so much free: the node believes that it is short.
    short = dataclasses.replace(config, eviction_period_seconds=1.0, eviction_hard=Thresholds(memory_bytes=1 << 50))
    async with api() as client, running(short, client):
        await client.create(pod("cheap", containers=[container("main", SLEEP)], priority=None))
        found = await wait_for(client, "cheap", phase="Failed")
        assert found.status.reason == "Evicted"
        assert found.status.message.startswith(("The node was low on resource: memory. ", "The node had condition: "))


async def test_a_critical_pod_takes_the_place_of_another(config: KubeletConfig) -> None:
    async with api() as client, running(config, client) as kubelet:
        node = await until(lambda: (found := kubelet.node()) and found.status.allocatable and found)
        most = {"requests": {"cpu": node.status.allocatable["cpu"]}}
        cheap = container("main", SLEEP, resources=most)
        await client.create(pod("cheap", containers=[cheap], terminationGracePeriodSeconds=1))
        await wait_for(client, "cheap", Ready="True")
        critical = pod("critical", containers=[cheap], priorityClassName="system-node-critical")
        await client.create(critical)
        found = await wait_for(client, "cheap", phase="Failed", DisruptionTarget="True")
        message = "Preempted in order to admit critical pod"
        assert (found.status.reason, found.status.message) == ("Preempting", message)
        assert await wait_event(client, "cheap", "Preempting", "critical") == message
        began = await wait_for(client, "critical", Ready="True")
        ended = found.status.container_statuses[0].state
        assert ended is not None
        assert ended.terminated is not None
        state = began.status.container_statuses[0].state
        assert state is not None
        assert state.running is not None
        assert state.running.started_at >= ended.terminated.finished_at
