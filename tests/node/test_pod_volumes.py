"""Volumes of Pods of the API server, seen from within their containers."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import ConfigMap, PersistentVolume, PersistentVolumeClaim, Pod, Secret
from kybern.client.client import Client
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.run import Kubelet

from .apis import api, pod, wait_event, wait_for
from .kubelets import TIMEOUT_SECONDS, container, running

pytestmark = pytest.mark.root

SLEEP = "exec sleep 100000"


def mounts(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "mountPath": f"/{name}"} for name in names]


async def said(kubelet: Kubelet, found: Pod, script: str) -> list[str]:
    id = found.status.container_statuses[0].container_id.partition("://")[2]
    result = await kubelet.runtime.exec_sync(id, ["/bin/sh", "-c", script], 20)
    return (result.stdout + result.stderr).decode().splitlines()


async def until_said(kubelet: Kubelet, found: Pod, script: str, expected: list[str]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await said(kubelet, found, script) != expected:
            await asyncio.sleep(0.05)


async def make(client: Client, kind: Any, name: str, **fields: Any) -> Any:
    return await client.create(convert({"metadata": {"name": name, "namespace": "default"}, **fields}, kind))


async def test_files_follow_what_they_are_made_of(config: KubeletConfig) -> None:
    watching = dataclasses.replace(config, volume_refresh_seconds=10_000.0)
    async with api() as client, running(watching, client) as kubelet:
        await make(client, ConfigMap, "settings", data={"a": "one", "other": "x"})
        await make(client, Secret, "key", stringData={"token": "old"})
        sources = [
            {"configMap": {"name": "settings", "items": [{"key": "a", "path": "deep/a", "mode": 0o400}]}},
            {"secret": {"name": "key"}},
            {"secret": {"name": "absent", "optional": True}},
            {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        ]
        fixed = {"name": "settings", "mountPath": "/fixed", "subPath": "a"}
        volumes = [
            {"name": "settings", "configMap": {"name": "settings"}},
            {"name": "all", "projected": {"sources": sources}},
        ]
        main = container("main", SLEEP, volumeMounts=[*mounts("settings", "all"), fixed])
        made = pod("follows", containers=[main], volumes=volumes, terminationGracePeriodSeconds=1)
        made.metadata.labels = {"tier": "gold"}
        await client.create(made)
        found = await wait_for(client, "follows", Ready="True")
        script = "cat /settings/a /all/deep/a /all/token /fixed /all/labels; stat -Lc %a /all/deep/a"
        assert await said(kubelet, found, script) == ['oneoneoldonetier="gold"400']
        await client.patch(ConfigMap, "settings", "default", {"data": {"a": "two"}})
        await client.patch(Secret, "key", "default", {"stringData": {"token": "new"}})
        await client.patch(Pod, "follows", "default", {"metadata": {"labels": {"tier": "iron"}}})
        # A subPath is a file of its own: it stays what it was.
        await until_said(kubelet, found, script, ['twotwonewonetier="iron"400'])
        assert await said(kubelet, found, "mount | grep -c 'tmpfs on /all'; touch /settings/x") == [
            "1",
            "touch: /settings/x: Read-only file system",
        ]


async def test_what_is_missing_is_told_and_taken_when_it_comes(config: KubeletConfig) -> None:
    async with api() as client, running(config, client) as kubelet:
        variable = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "a"}}}
        volumes = [{"name": "late", "configMap": {"name": "late"}}]
        await client.create(pod("env", containers=[container("main", SLEEP, env=[variable])]))
        await client.create(
            pod("mount", containers=[container("main", SLEEP, volumeMounts=mounts("late"))], volumes=volumes)
        )
        text = 'MountVolume.SetUp failed for volume "late" : configmap "late" not found'
        assert await wait_event(client, "mount", "FailedMount", "late") == text
        assert await wait_event(client, "env", "Failed", "late") == 'Error: configmap "late" not found'
        await make(client, ConfigMap, "late", data={"b": "1"})
        text = "Error: couldn't find key a in ConfigMap default/late"
        assert await wait_event(client, "env", "Failed", "couldn't") == text
        await client.patch(ConfigMap, "late", "default", {"data": {"a": "here"}})
        env, mount = await wait_for(client, "env", Ready="True"), await wait_for(client, "mount", Ready="True")
        assert await said(kubelet, env, "echo $A") == ["here"]
        assert await said(kubelet, mount, "cat /late/b") == ["1"]


async def test_memory_is_open_to_all_and_each_removes_only_its_own(config: KubeletConfig) -> None:
    """As upstream's volumes in memory; a directory that a subPath makes is like the volume."""
    async with api() as client, running(config, client) as kubelet:
        await make(client, Secret, "key", stringData={"token": "x"})
        volumes = [
            {"name": "disk", "emptyDir": {}},
            {"name": "memory", "emptyDir": {"medium": "Memory"}},
            {"name": "secret", "secret": {"secretName": "key"}},
        ]
        below = {"name": "memory", "mountPath": "/below", "subPath": "made/here"}
        main = container("main", SLEEP, volumeMounts=[*mounts("disk", "memory", "secret"), below])
        group = {"fsGroup": 123}
        made = pod("modes", containers=[main], volumes=volumes, securityContext=group, terminationGracePeriodSeconds=1)
        await client.create(made)
        found = await wait_for(client, "modes", Ready="True")
        said_of = await said(kubelet, found, "stat -c '%a %g' /disk /memory /below /secret")
        assert said_of == ["2777 123", "3777 123", "3777 123", "3777 123"]


async def test_other_kinds_say_why_they_cannot_be_mounted(config: KubeletConfig) -> None:
    async with api() as client, running(config, client):
        volumes = [{"name": "data", "csi": {"driver": "csi.example.com"}}]
        await client.create(pod("csi", containers=[container("main", SLEEP)], volumes=volumes))
        message = await wait_event(client, "csi", "FailedMount", "data")
        assert "driver name csi.example.com not found in the list of registered CSI drivers" in message
        claim = {"name": "data", "persistentVolumeClaim": {"claimName": "none"}}
        await client.create(pod("claim", containers=[container("main", SLEEP)], volumes=[claim]))
        message = await wait_event(client, "claim", "FailedMount", "data")
        assert message.startswith("Unable to attach or mount volumes: unmounted volumes=[data]")
        assert 'persistentvolumeclaims "none" not found' in message


async def bound_claim(client: Client, name: str, **source: Any) -> None:
    """A claim that is bound to a volume, as the binder leaves them."""
    size = {"storage": "1Gi"}
    access = {"accessModes": ["ReadWriteOnce"]}
    spec = {**access, "resources": {"requests": size}, "volumeName": name, "storageClassName": ""}
    claim = await make(client, PersistentVolumeClaim, name, spec=spec)
    reference = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": name, "uid": claim.metadata.uid}
    terms = [{"matchExpressions": [{"key": "kubernetes.io/os", "operator": "Exists"}]}]
    affinity = {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}} if "local" in source else {}
    volume = {**access, **source, **affinity, "capacity": size, "claimRef": reference}
    await client.create(convert({"metadata": {"name": name}, "spec": volume}, PersistentVolume))
    status = {"status": {"phase": "Bound", **access, "capacity": size}}
    await client.patch(PersistentVolumeClaim, name, "default", status, subresource="status")


async def test_claims_lead_to_paths_of_the_node(config: KubeletConfig, tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    async with api() as client, running(config, client) as kubelet:
        host = {"path": str(tmp_path / "host"), "type": "DirectoryOrCreate"}
        await bound_claim(client, "host", hostPath=host)
        await bound_claim(client, "local", local={"path": str(tmp_path / "local")})
        volumes = [{"name": each, "persistentVolumeClaim": {"claimName": each}} for each in ("host", "local")]
        main = container("main", SLEEP, volumeMounts=mounts("host", "local"))
        spec = {"containers": [main], "volumes": volumes, "securityContext": {"fsGroup": 3000}}
        await client.create(pod("claims", **spec))
        found = await wait_for(client, "claims", Ready="True")
        assert await said(kubelet, found, "echo 1 > /host/f; echo 2 > /local/f; stat -c %g /host /local") == [
            "0",
            "3000",
        ]
        assert ((tmp_path / "host" / "f").read_text(), (tmp_path / "local" / "f").read_text()) == ("1\n", "2\n")


async def test_sub_paths_stay_inside(config: KubeletConfig, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "out").symlink_to(tmp_path / "secret")
    async with api() as client, running(config, client) as kubelet:
        volumes = [{"name": "v", "hostPath": {"path": str(volume)}}]
        env = [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
        mount = {"name": "v", "mountPath": "/in", "subPathExpr": "$(POD)/deep"}
        good = container("main", "echo 1 > /in/f; exec sleep 100000", env=env, volumeMounts=[mount])
        bad = container("main", SLEEP, volumeMounts=[{"name": "v", "mountPath": "/in", "subPath": "out"}])
        await client.create(pod("inside", containers=[good], volumes=volumes))
        await client.create(pod("outside", containers=[bad], volumes=volumes))
        await wait_for(client, "inside", Ready="True")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not (volume / "inside" / "deep" / "f").exists():
                await asyncio.sleep(0.05)
        assert "failed to prepare subPath for volumeMount" in await wait_event(client, "outside", "Failed", "subPath")
        found = await wait_for(client, "inside", Ready="True")
        await client.delete(Pod, "inside", "default", grace_period_seconds=0)
        directory = config.pod_directory(found.metadata.uid)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while directory.exists():
                await asyncio.sleep(0.05)
        assert (volume / "inside" / "deep" / "f").read_text() == "1\n", "taking the Pod away took the node's data along"
        assert kubelet.workers is not None
