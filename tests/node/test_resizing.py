"""Containers that get other resources while they run, and Pods whose containers all begin anew."""

import asyncio
from typing import Any

import pytest

from kybern.api.types.core_v1 import Pod
from kybern.client.client import Client, PatchType
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.run import Kubelet

from .apis import api, events_of, pod, wait_event, wait_for
from .kubelets import TIMEOUT_SECONDS, container, running, until

pytestmark = pytest.mark.root

SLEEP = "exec sleep 100000"


def sized(cpu: str, memory: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu, "memory": memory}}


async def resize(client: Client, name: str, container_name: str, **resources: dict[str, str]) -> None:
    patch = {"spec": {"containers": [{"name": container_name, "resources": resources}]}}
    await client.patch(Pod, name, "default", patch, content_type=PatchType.STRATEGIC, subresource="resize")


async def wait_pod(client: Client, name: str, condition: Any) -> Pod:
    found = await client.get(Pod, name, "default")
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not condition(found):
                await asyncio.sleep(0.05)
                found = await client.get(Pod, name, "default")
    except TimeoutError as late:
        raise AssertionError(f"pod {name} has never become so; now: {found.status}") from late
    return found


def condition_of(found: Pod, type: str) -> tuple[str, str] | None:
    return next(((c.reason, c.message) for c in found.status.conditions if c.type == type), None)


async def limit_of(kubelet: Kubelet, found: Pod, index: int) -> str:
    """The memory limit of a container as it sees it itself."""
    id = found.status.container_statuses[index].container_id.partition("://")[2]
    files = "/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max"
    result = await kubelet.runtime.exec_sync(id, ["/bin/sh", "-c", f"cat {files} 2>/dev/null"], 20)
    return result.stdout.decode().strip()


async def test_a_resize_in_place_and_one_with_a_restart(config: KubeletConfig) -> None:
    async with api() as client, running(config, client) as kubelet:
        await until(lambda: (node := kubelet.node()) and node.status.allocatable)
        policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
        stays = container("stays", SLEEP, resources=sized("50m", "32Mi"))
        restarts = container("restarts", SLEEP, resources=sized("50m", "32Mi"), resizePolicy=policy)
        await client.create(pod("sized", containers=[stays, restarts], terminationGracePeriodSeconds=1))
        before = await wait_for(client, "sized", Ready="True")
        await resize(client, "sized", "stays", **sized("100m", "64Mi"))
        await resize(client, "sized", "restarts", **sized("50m", "64Mi"))

        def is_resized(found: Pod) -> bool:
            statuses = found.status.container_statuses
            given = [each.resources.limits if each.resources else {} for each in statuses]
            return given == [{"cpu": "100m", "memory": "64Mi"}, {"cpu": "50m", "memory": "64Mi"}] and (
                condition_of(found, "PodResizeInProgress") is None and all(each.ready for each in statuses)
            )

        found = await wait_pod(client, "sized", is_resized)
        old, new = before.status.container_statuses, found.status.container_statuses
        assert (new[0].container_id, new[0].restart_count) == (old[0].container_id, 0)
        assert (new[1].container_id != old[1].container_id, new[1].restart_count) == (True, 1)
        assert new[0].allocated_resources == {"cpu": "100m", "memory": "64Mi"}
        assert await limit_of(kubelet, found, 0) == str(64 << 20)
        assert "Pod resize completed: " in await wait_event(client, "sized", "ResizeCompleted", '"cpu":"100m"')
        await wait_event(client, "sized", "Killing", "")
        assert await events_of(client, "sized", "Killing") == ["Container restarts resize requires restart"]


async def test_a_resize_that_does_not_fit_waits_for_room(config: KubeletConfig) -> None:
    async with api() as client, running(config, client) as kubelet:
        node = await until(lambda: (node := kubelet.node()) and node.status.allocatable and node)
        half = f"{int(node.status.allocatable['cpu']) * 500}m"
        for name in ("wide", "grows"):
            main = container("main", SLEEP, resources=sized("50m" if name == "grows" else half, "32Mi"))
            await client.create(pod(name, containers=[main], terminationGracePeriodSeconds=1))
            await wait_for(client, name, Ready="True")
        await resize(client, "grows", "main", **sized(f"{int(half[:-1]) + 100}m", "32Mi"))
        found = await wait_pod(client, "grows", lambda found: condition_of(found, "PodResizePending"))
        reason, message = condition_of(found, "PodResizePending") or ("", "")
        assert reason == "Deferred"
        assert message.startswith("Node didn't have enough resource: cpu, requested: ")
        resources = found.status.container_statuses[0].resources
        assert resources is not None
        assert resources.limits["cpu"] == "50m"
        assert "Pod resize Deferred: " in await wait_event(client, "grows", "ResizeDeferred", "error")
        await client.delete(Pod, "wide", "default")
        found = await wait_pod(client, "grows", lambda found: condition_of(found, "PodResizePending") is None)


async def test_all_containers_begin_anew(config: KubeletConfig) -> None:
    rule = {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}
    asks = container(
        "asks", "test -e /s/once && exec sleep 100000; touch /s/once; exit 42", restartPolicy="Never",
        restartPolicyRules=[rule], volumeMounts=[{"name": "s", "mountPath": "/s"}],
    )  # fmt: skip
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "s", "emptyDir": {}}],
        "initContainers": [container("init", "true")],
        "containers": [asks, container("beside", SLEEP)],
    }
    async with api() as client, running(config, client):
        await client.create(pod("anew", **spec))

        def is_anew(found: Pod) -> bool:
            statuses = [*found.status.init_container_statuses, *found.status.container_statuses]
            return all(each.ready and each.restart_count == 1 for each in statuses) and bool(statuses)

        found = await wait_pod(client, "anew", is_anew)
        assert found.status.phase == "Running"
        last = found.status.container_statuses[0].last_state
        assert last is not None
        assert last.terminated is not None
        assert last.terminated.exit_code == 42
        assert condition_of(found, "AllContainersRestarting") == ("", "")
