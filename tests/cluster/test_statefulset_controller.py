"""StatefulSets on a real API server, with a node that only says that it runs Pods."""

from typing import Any

from kybern.api.types import convert
from kybern.api.types.apps_v1 import ControllerRevision, StatefulSet
from kybern.api.types.core_v1 import Event, PersistentVolumeClaim, Pod

from .machine import Plane, plane

CONTROLLERS = (
    "statefulset-controller",
    "serviceaccount-controller",
    "garbage-collector-controller",
    "persistentvolumeclaim-protection-controller",
)
DATA = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def stateful_set(replicas: int = 3, image: str = "v1", **spec: Any) -> StatefulSet:
    labels = {"app": "db"}
    plain = {
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "serviceName": "db-svc",
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}},
            **spec,
        },
    }
    return convert(plain, StatefulSet)


async def images(world: Plane) -> list[str]:
    """`name=image` of every Pod that is ready, in order."""
    pods = (await world.client.list(Pod, "default")).items
    ready = [
        pod
        for pod in pods
        if any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions)
        and not pod.metadata.deletion_timestamp
    ]
    return sorted(f"{pod.metadata.name}={pod.spec.containers[0].image}" for pod in ready)


async def settled(world: Plane, *wanted: str) -> StatefulSet:
    """The set, once exactly these Pods are ready and its status has seen them."""

    async def there() -> bool:
        found = await world.client.get(StatefulSet, "db", "default")
        counted = (found.status.replicas, found.status.ready_replicas or 0) == (len(wanted),) * 2
        return (
            counted
            and found.status.observed_generation == found.metadata.generation
            and (await images(world) == sorted(wanted))
        )

    await world.until(there)
    return await world.client.get(StatefulSet, "db", "default")


async def change(world: Plane, **spec: Any) -> None:
    await world.client.patch(StatefulSet, "db", "default", {"spec": spec})


def template(image: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", "image": image}]}}


async def messages(world: Plane) -> list[str]:
    events = (await world.client.list(Event, "default")).items
    mine = [each for each in events if each.involved_object.kind == "StatefulSet"]
    return [each.message for each in sorted(mine, key=lambda each: each.metadata.name)]


async def test_pods_come_in_order_with_names_and_claims_and_go_in_reverse() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(stateful_set(volumeClaimTemplates=[DATA], ordinals={"start": 1}))
        found = await settled(world, "db-1=v1", "db-2=v1", "db-3=v1")
        pod = await world.client.get(Pod, "db-2", "default")
        assert pod.metadata.labels["statefulset.kubernetes.io/pod-name"] == "db-2"
        assert pod.metadata.labels["apps.kubernetes.io/pod-index"] == "2"
        assert pod.metadata.labels["controller-revision-hash"] == found.status.update_revision
        assert (pod.spec.hostname, pod.spec.subdomain) == ("db-2", "db-svc")
        volume = next(each for each in pod.spec.volumes if each.name == "data")
        assert volume.persistent_volume_claim is not None
        assert volume.persistent_volume_claim.claim_name == "data-db-2"
        status = found.status
        assert (status.current_replicas, status.updated_replicas, status.available_replicas) == (3, 3, 3)
        assert status.current_revision == status.update_revision
        assert (await messages(world))[:4] == [
            "Create Claim data-db-1 Pod db-1 in StatefulSet db success",
            "Create Pod db-1 in StatefulSet db successful",
            "Create Claim data-db-2 Pod db-2 in StatefulSet db success",
            "Create Pod db-2 in StatefulSet db successful",
        ]
        await change(world, replicas=1)
        await settled(world, "db-1=v1")
        gone = [each for each in await messages(world) if each.startswith("Delete")]
        assert gone == ["Delete Pod db-3 in StatefulSet db successful", "Delete Pod db-2 in StatefulSet db successful"]
        assert await world.count(PersistentVolumeClaim) == 3, "claims are retained"


async def test_order_waits_for_one_that_is_not_ready_and_parallel_does_not() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(stateful_set(2, "broken"))

        async def first() -> bool:
            return (await world.client.get(StatefulSet, "db", "default")).status.replicas == 1

        await world.until(first)
        assert await world.count(Pod) == 1
        await world.client.delete(StatefulSet, "db", "default", propagation_policy="Foreground")

        async def gone() -> bool:
            return await world.count(Pod) + await world.count(StatefulSet) == 0

        await world.until(gone)
        await world.client.create(stateful_set(2, "broken", podManagementPolicy="Parallel"))

        async def both() -> bool:
            return await world.count(Pod) == 2

        await world.until(both)


async def test_rolls_out_down_to_the_partition_and_back() -> None:
    async with plane(CONTROLLERS) as world:
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
        await world.client.create(stateful_set(updateStrategy=strategy))
        first = await settled(world, "db-0=v1", "db-1=v1", "db-2=v1")
        await change(world, template=template("v2"))
        found = await settled(world, "db-0=v1", "db-1=v1", "db-2=v2")
        assert (found.status.current_replicas, found.status.updated_replicas) == (2, 1)
        assert found.status.current_revision == first.status.update_revision != found.status.update_revision
        await change(world, updateStrategy={"rollingUpdate": {"partition": 0}})
        await settled(world, "db-0=v2", "db-1=v2", "db-2=v2")
        deleted = [each for each in await messages(world) if each.startswith("Delete")]
        assert [each.split()[2] for each in deleted] == ["db-2", "db-1", "db-0"]
        revisions = (await world.client.list(ControllerRevision, "default")).items
        assert sorted(each.revision for each in revisions) == [1, 2]
        await change(world, template=template("v1"))
        await settled(world, "db-0=v1", "db-1=v1", "db-2=v1")
        revisions = (await world.client.list(ControllerRevision, "default")).items
        assert sorted(each.revision for each in revisions) == [2, 3], "the old revision is used again"


async def test_on_delete_waits_for_the_deletion() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(stateful_set(2, updateStrategy={"type": "OnDelete"}))
        await settled(world, "db-0=v1", "db-1=v1")
        await change(world, template=template("v2"))
        await settled(world, "db-0=v1", "db-1=v1")
        await world.client.delete(Pod, "db-1", "default")
        await settled(world, "db-0=v1", "db-1=v2")


async def test_claims_go_with_the_scale_and_with_the_set() -> None:
    async with plane(CONTROLLERS) as world:
        policy = {"whenDeleted": "Delete", "whenScaled": "Delete"}
        await world.client.create(
            stateful_set(2, volumeClaimTemplates=[DATA], persistentVolumeClaimRetentionPolicy=policy)
        )
        await settled(world, "db-0=v1", "db-1=v1")
        await change(world, replicas=1)

        async def one() -> bool:
            return [
                each.metadata.name for each in (await world.client.list(PersistentVolumeClaim, "default")).items
            ] == ["data-db-0"]

        await world.until(one)
        await world.client.delete(StatefulSet, "db", "default", propagation_policy="Background")

        async def none() -> bool:
            return await world.count(PersistentVolumeClaim) + await world.count(Pod) == 0

        await world.until(none)
