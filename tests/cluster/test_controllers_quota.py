"""Quotas and protected storage with their controllers, on a real API server."""

import asyncio

import pytest

from kybern.api.types.core_v1 import (
    ConfigMap,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimVolumeSource,
    Pod,
    PodSpec,
    ResourceQuota,
    ResourceQuotaSpec,
    Secret,
    ServiceAccount,
    Volume,
    VolumeResourceRequirements,
)
from kybern.api.types.core_v1 import Container as PodContainer
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.errors import Forbidden, NotFound

from .machine import Plane, plane

LOOPS = (
    "resourcequota-controller",
    "persistentvolumeclaim-protection-controller",
    "serviceaccount-controller",
)


def pod(name: str, **spec: object) -> Pod:
    container = PodContainer(name="c", image="example.com/app:v1")
    return Pod(metadata=ObjectMeta(name=name, namespace="default"), spec=PodSpec(containers=[container], **spec))


async def used(world: Plane) -> dict[str, str]:
    return (await world.client.get(ResourceQuota, "q", "default")).status.used


async def quota(world: Plane, **hard: str) -> None:
    named = {name.replace("__", "/").replace("_", "."): amount for name, amount in hard.items()}
    meta = ObjectMeta(name="q", namespace="default")
    await world.client.create(ResourceQuota(metadata=meta, spec=ResourceQuotaSpec(hard=named)))

    async def counted() -> bool:
        return set(await used(world)) == set(named)

    await world.until(counted)


async def has_account(world: Plane) -> bool:
    return bool((await world.client.list(ServiceAccount, "default")).items)


async def test_a_quota_follows_what_is_made_and_deleted() -> None:
    async with plane(LOOPS) as world:
        await world.until(lambda: has_account(world))
        await world.client.create(ConfigMap(metadata=ObjectMeta(name="before", namespace="default")))
        await quota(world, pods="2", count__configmaps="5", secrets="3")
        assert await used(world) == {"pods": "0", "count/configmaps": "1", "secrets": "0"}
        for name in ("a", "b"):
            await world.client.create(pod(name))
        await world.client.create(Secret(metadata=ObjectMeta(name="s", namespace="default")))
        assert await used(world) == {"pods": "2", "count/configmaps": "1", "secrets": "1"}
        with pytest.raises(Forbidden) as refused:
            await world.client.create(pod("c"))
        words = "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"
        assert refused.value.message == f'pods "c" is forbidden: {words}'
        await world.client.delete(Pod, "a", "default", grace_period_seconds=0)
        await world.client.delete(ConfigMap, "before", "default")

        async def freed() -> bool:
            return await used(world) == {"pods": "1", "count/configmaps": "0", "secrets": "1"}

        await world.until(freed)


async def test_churn_never_overshoots() -> None:
    """Creators and deleters at once, while the controller counts what it sees."""
    async with plane(LOOPS) as world:
        await world.until(lambda: has_account(world))
        await quota(world, count__configmaps="10")
        most = 0

        async def churn(index: int) -> None:
            nonlocal most
            for turn in range(6):
                name = f"m-{index}-{turn}"
                try:
                    await world.client.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="default")))
                except Forbidden:
                    continue
                most = max(most, len((await world.client.list(ConfigMap, "default")).items))
                await world.client.delete(ConfigMap, name, "default")

        await asyncio.gather(*(churn(index) for index in range(25)))
        assert 0 < most <= 10

        async def settled() -> bool:
            return await used(world) == {"count/configmaps": "0"}

        await world.until(settled)


async def test_a_claim_in_use_waits() -> None:
    async with plane(LOOPS) as world:
        await world.until(lambda: has_account(world))
        needs = VolumeResourceRequirements(requests={"storage": "1Gi"})
        spec = PersistentVolumeClaimSpec(access_modes=["ReadWriteOnce"], resources=needs)
        meta = ObjectMeta(name="data", namespace="default")
        await world.client.create(PersistentVolumeClaim(metadata=meta, spec=spec))
        source = PersistentVolumeClaimVolumeSource(claim_name="data")
        volumes = [Volume(name="v", persistent_volume_claim=source)]
        await world.client.create(pod("user", volumes=volumes, node_name="n"))
        await world.client.delete(PersistentVolumeClaim, "data", "default")
        held = await world.client.get(PersistentVolumeClaim, "data", "default")
        assert held.metadata.deletion_timestamp
        await world.client.delete(Pod, "user", "default", grace_period_seconds=0)

        async def gone() -> bool:
            try:
                await world.client.get(PersistentVolumeClaim, "data", "default")
            except NotFound:
                return True
            return False

        await world.until(gone)
