"""Deployments, ReplicaSets, Jobs and CronJobs on a real API server."""

from kybern.api.types import convert, to_dict
from kybern.api.types.apps_v1 import Deployment, ReplicaSet
from kybern.api.types.batch_v1 import CronJob, Job
from kybern.api.types.core_v1 import ConfigMap, Event, Pod
from kybern.api.types.meta_v1 import ObjectMeta

from .machine import Plane, plane


def deployment(replicas: int = 3, image: str = "v1") -> Deployment:
    labels = {"app": "web"}
    plain = {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}},
        },
    }
    return convert(plain, Deployment)


def job(image: str = "job", **spec: object) -> Job:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}}
    return convert({"metadata": {"name": "work", "namespace": "default"}, "spec": {"template": template, **spec}}, Job)


async def set_image(world: Plane, image: str) -> None:
    change = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}
    await world.client.patch(Deployment, "web", "default", change)


async def images(world: Plane) -> dict[str, int]:
    found: dict[str, int] = {}
    for pod in (await world.client.list(Pod, "default")).items:
        image = pod.spec.containers[0].image
        found[image] = found.get(image, 0) + 1
    return found


async def rolled_out(world: Plane, image: str, replicas: int) -> bool:
    found = await world.client.get(Deployment, "web", "default")
    status = found.status
    done = status.observed_generation == found.metadata.generation
    counts = (status.replicas, status.updated_replicas, status.available_replicas)
    return done and counts == (replicas,) * 3 and await images(world) == {image: replicas}


async def reasons(world: Plane) -> set[str]:
    return {each.reason for each in (await world.client.list(Event, "default")).items}


async def test_the_revision_of_a_deployment_is_no_new_generation_of_it() -> None:
    async with plane() as world:
        await world.client.create(deployment())
        await world.until(lambda: rolled_out(world, "v1", 3))
        await set_image(world, "v2")
        await world.until(lambda: rolled_out(world, "v2", 3))
        found = await world.client.get(Deployment, "web", "default")
        assert found.metadata.annotations["deployment.kubernetes.io/revision"] == "2"
        assert found.metadata.generation == found.status.observed_generation == 2


async def test_a_deployment_rolls_out_scales_updates_and_rolls_back() -> None:
    async with plane() as world:
        await world.client.create(deployment())
        await world.until(lambda: rolled_out(world, "v1", 3))
        await world.client.patch(Deployment, "web", "default", {"spec": {"replicas": 10}})
        await world.until(lambda: rolled_out(world, "v1", 10))
        await world.client.patch(Deployment, "web", "default", {"spec": {"replicas": 3}})
        await world.until(lambda: rolled_out(world, "v1", 3))
        await set_image(world, "v2")
        await world.until(lambda: rolled_out(world, "v2", 3))
        await set_image(world, "v3-broken")

        async def stuck() -> bool:
            return await images(world) == {"v2": 3, "v3-broken": 1}

        await world.until(stuck)
        await set_image(world, "v2")
        await world.until(lambda: rolled_out(world, "v2", 3))
        found = await world.client.get(Deployment, "web", "default")
        assert found.metadata.annotations["deployment.kubernetes.io/revision"] == "4"
        assert await world.count(ReplicaSet) == 3
        await world.until(lambda: has_reasons(world, {"ScalingReplicaSet", "SuccessfulCreate", "SuccessfulDelete"}))


async def has_reasons(world: Plane, expected: set[str]) -> bool:
    return expected <= await reasons(world)


async def test_a_deleted_pod_is_replaced_and_a_relabelled_one_released() -> None:
    async with plane() as world:
        await world.client.create(deployment(2))
        await world.until(lambda: rolled_out(world, "v1", 2))
        first, second = (await world.client.list(Pod, "default")).items
        await world.client.delete(Pod, first.metadata.name, "default")
        await world.client.patch(Pod, second.metadata.name, "default", {"metadata": {"labels": {"app": "other"}}})

        async def replaced() -> bool:
            pods = (await world.client.list(Pod, "default")).items
            names = {pod.metadata.name for pod in pods}
            return len(pods) == 3 and first.metadata.name not in names

        await world.until(replaced)
        released = await world.client.get(Pod, second.metadata.name, "default")
        assert released.metadata.owner_references == []
        await world.client.patch(Pod, second.metadata.name, "default", {"metadata": {"labels": {"app": "web"}}})
        await world.until(lambda: rolled_out(world, "v1", 2))


async def test_deletion_takes_everything_along() -> None:
    async with plane() as world:
        for policy in ("Background", "Foreground"):
            await world.client.create(deployment(3))
            await world.until(lambda: rolled_out(world, "v1", 3))
            await world.client.delete(Deployment, "web", "default", propagation_policy=policy)

            async def gone() -> bool:
                return sum([await world.count(kind) for kind in (Deployment, ReplicaSet, Pod)]) == 0

            await world.until(gone)


async def test_those_who_own_each_other_in_a_circle_all_go() -> None:
    async with plane(("garbage-collector-controller",)) as world:
        made = [await world.client.create(ConfigMap(metadata=ObjectMeta(name=n, namespace="default"))) for n in "abc"]
        for each, owner in zip(made, [made[-1], *made], strict=False):
            reference = {"apiVersion": "v1", "kind": "ConfigMap", "blockOwnerDeletion": True, "controller": True}
            reference |= {"name": owner.metadata.name, "uid": owner.metadata.uid}
            patch = {"metadata": {"ownerReferences": [reference]}}
            await world.client.patch(ConfigMap, each.metadata.name, "default", patch)
        await world.client.delete(ConfigMap, "b", "default", propagation_policy="Foreground")

        async def gone() -> bool:
            return await world.count(ConfigMap) == 0

        await world.until(gone)


async def test_orphans_stay_and_are_adopted() -> None:
    async with plane() as world:
        await world.client.create(deployment(2))
        await world.until(lambda: rolled_out(world, "v1", 2))
        before = {pod.metadata.uid for pod in (await world.client.list(Pod, "default")).items}
        await world.client.delete(Deployment, "web", "default", propagation_policy="Orphan")

        async def orphaned() -> bool:
            sets = (await world.client.list(ReplicaSet, "default")).items
            return await world.count(Deployment) == 0 and sets[0].metadata.owner_references == []

        await world.until(orphaned)
        await world.client.create(deployment(2))
        await world.until(lambda: rolled_out(world, "v1", 2))
        assert before == {pod.metadata.uid for pod in (await world.client.list(Pod, "default")).items}


async def finished(world: Plane, type: str) -> bool:
    found = await world.client.get(Job, "work", "default")
    return any(each.type == type and each.status == "True" for each in found.status.conditions)


async def test_a_job_completes_and_cleans_up_after_its_ttl() -> None:
    async with plane() as world:
        await world.client.create(job(completions=5, parallelism=2, completionMode="Indexed"))
        await world.until(lambda: finished(world, "Complete"))
        found = await world.client.get(Job, "work", "default")
        assert (found.status.succeeded, found.status.completed_indexes) == (5, "0-4")
        assert await world.count(Pod) == 5
        await world.client.patch(Job, "work", "default", {"spec": {"ttlSecondsAfterFinished": 0}})

        async def gone() -> bool:
            return await world.count(Job) + await world.count(Pod) == 0

        await world.until(gone)


async def test_a_job_fails_at_its_limit() -> None:
    async with plane() as world:
        await world.client.create(job("fails", backoffLimit=0))
        await world.until(lambda: finished(world, "Failed"))
        found = await world.client.get(Job, "work", "default")
        assert found.status.failed == 1
        assert [each.type for each in found.status.conditions] == ["FailureTarget", "Failed"]
        await world.client.delete(Job, "work", "default", propagation_policy="Background")

        async def gone() -> bool:
            return await world.count(Pod) == 0

        await world.until(gone)


async def test_a_cron_job_makes_jobs_and_forgets_old_ones() -> None:
    async with plane() as world:
        template = {"spec": to_dict(job())["spec"]}
        spec = {"schedule": "@every 1s", "jobTemplate": template, "successfulJobsHistoryLimit": 2}
        meta = {"name": "tick", "namespace": "default"}
        await world.client.create(convert({"metadata": meta, "spec": spec}, CronJob))

        async def ran() -> bool:
            found = await world.client.get(CronJob, "tick", "default")
            return bool(found.status.last_successful_time)

        await world.until(ran)
        owner = (await world.client.list(Job, "default")).items[0].metadata.owner_references[0]
        assert (owner.kind, owner.name, owner.controller) == ("CronJob", "tick", True)
