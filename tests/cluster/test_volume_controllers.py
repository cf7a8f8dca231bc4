"""PersistentVolumes and their claims on a real API server."""

from contextlib import suppress
from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Event, PersistentVolume, PersistentVolumeClaim, Pod
from kybern.api.types.storage_v1 import StorageClass
from kybern.base.errors import KybernError

from .machine import Plane, plane

CONTROLLERS = (
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "ephemeral-volume-controller",
    "serviceaccount-controller",
)


def volume(name: str, size: str = "5Gi", **spec: Any) -> PersistentVolume:
    whole = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": f"/srv/{name}"},
        "storageClassName": "manual",
        **spec,
    }
    return convert({"metadata": {"name": name}, "spec": whole}, PersistentVolume)


def claim(size: str = "1Gi", storage_class: str = "manual", **spec: Any) -> PersistentVolumeClaim:
    resources = {"requests": {"storage": size}}
    whole = {"accessModes": ["ReadWriteOnce"], "resources": resources, "storageClassName": storage_class, **spec}
    return convert({"metadata": {"name": "data", "namespace": "default"}, "spec": whole}, PersistentVolumeClaim)


def storage_class(name: str, provisioner: str, mode: str = "Immediate", **annotations: str) -> StorageClass:
    metadata = {"name": name, "annotations": annotations}
    return convert(
        {"metadata": metadata, "provisioner": provisioner, "volumeBindingMode": mode, "reclaimPolicy": "Delete"},
        StorageClass,
    )


async def phases(world: Plane, **wanted: str) -> None:
    """Wait for phases: `data` is the claim, all others are volumes."""

    async def there() -> bool:
        for name, phase in wanted.items():
            kind, namespace = (PersistentVolumeClaim, "default") if name == "data" else (PersistentVolume, "")
            found = await world.client.get(kind, name, namespace)
            if found.status.phase != phase:
                return False
        return True

    await world.until(there)


async def told(world: Plane, type: str, reason: str, message: str) -> None:
    async def written() -> bool:
        events = (await world.client.list(Event)).items
        return any((each.type, each.reason, each.message) == (type, reason, message) for each in events)

    await world.until(written)


async def test_binds_the_smallest_that_suits_and_releases_it() -> None:
    async with plane(CONTROLLERS) as world:
        for name, size in (("big", "9Gi"), ("right", "2Gi"), ("small", "500Mi")):
            await world.client.create(volume(name, size))
        await world.client.create(volume("other", "2Gi", storageClassName="fast"))
        await phases(world, big="Available", right="Available", small="Available", other="Available")
        created = await world.client.create(claim())
        await phases(world, data="Bound", right="Bound", big="Available")
        found = await world.client.get(PersistentVolumeClaim, "data", "default")
        assert (found.spec.volume_name, found.status.capacity) == ("right", {"storage": "2Gi"})
        assert found.status.access_modes == ["ReadWriteOnce"]
        assert found.metadata.annotations["pv.kubernetes.io/bind-completed"] == "yes"
        assert found.metadata.annotations["pv.kubernetes.io/bound-by-controller"] == "yes"
        bound = await world.client.get(PersistentVolume, "right")
        reference = bound.spec.claim_ref
        assert reference is not None
        assert (reference.namespace, reference.name, reference.uid) == ("default", "data", created.metadata.uid)
        await world.client.delete(PersistentVolumeClaim, "data", "default")
        await phases(world, right="Released")
        await world.client.delete(PersistentVolume, "right")

        async def gone() -> bool:
            return len((await world.client.list(PersistentVolume)).items) == 3

        await world.until(gone)


async def test_a_claim_in_use_stays_and_a_lost_volume_is_told() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(volume("disk", persistentVolumeReclaimPolicy="Delete"))
        await world.client.create(claim())
        await phases(world, data="Bound")
        user = {
            "metadata": {"name": "user", "namespace": "default"},
            "spec": {
                "nodeName": "n1",
                "containers": [{"name": "c", "image": "app"}],
                "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}],
            },
        }

        async def made() -> bool:
            try:
                await world.client.create(convert(user, Pod))
            except Exception:
                return await world.count(Pod) == 1
            return True

        await world.until(made)
        await world.client.delete(PersistentVolumeClaim, "data", "default")
        found = await world.client.get(PersistentVolumeClaim, "data", "default")
        assert found.metadata.deletion_timestamp
        assert found.metadata.finalizers == ["kubernetes.io/pvc-protection"]
        await world.client.delete(Pod, "user", "default")
        await phases(world, disk="Failed")
        message = 'error getting deleter volume plugin for volume "disk": no deletable volume plugin matched'
        await told(world, "Warning", "VolumeFailedDelete", message)
        assert (await world.client.get(PersistentVolume, "disk")).status.message == message


@pytest.mark.parametrize(
    ("subject", "classes", "event"),
    [
        (
            claim(storage_class=""),
            [],
            ("Normal", "FailedBinding", "no persistent volumes available for this claim and no storage class is set"),
        ),
        (claim(), [], ("Warning", "ProvisioningFailed", 'storageclass.storage.k8s.io "manual" not found')),
        (
            claim(),
            [storage_class("manual", "kubernetes.io/no-provisioner", "WaitForFirstConsumer")],
            ("Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding"),
        ),
        (
            claim(),
            [storage_class("manual", "kubernetes.io/no-provisioner")],
            ("Warning", "ProvisioningFailed", "no volume plugin matched name: kubernetes.io/no-provisioner"),
        ),
        (
            claim(),
            [storage_class("manual", "example.com/disks")],
            (
                "Normal",
                "ExternalProvisioning",
                "Waiting for a volume to be created either by the external provisioner 'example.com/disks' or manually "
                "by the system administrator. If volume creation is delayed, please verify that the provisioner is "
                "running and correctly registered.",
            ),
        ),
    ],
)
async def test_says_what_a_claim_waits_for(
    subject: PersistentVolumeClaim, classes: list[StorageClass], event: tuple[str, str, str]
) -> None:
    async with plane(CONTROLLERS) as world:
        for each in classes:
            await world.client.create(each)
        await world.client.create(subject)
        await told(world, *event)
        assert (await world.client.get(PersistentVolumeClaim, "data", "default")).status.phase == "Pending"


async def test_a_volume_of_an_administrators_choice_binds_to_its_claim() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(volume("free", "2Gi"))
        await world.client.create(volume("chosen", "8Gi", claimRef={"namespace": "default", "name": "data"}))
        await phases(world, free="Available", chosen="Available")
        await world.client.create(claim())
        await phases(world, data="Bound", chosen="Bound", free="Available")


async def test_a_claim_that_names_a_volume_gets_that_or_none() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(volume("small", "1Gi"))
        await phases(world, small="Available")
        await world.client.create(claim("3Gi", volumeName="small"))
        text = 'Cannot bind to requested volume "small": requested PV is too small'
        await told(world, "Warning", "VolumeMismatch", text)


async def test_an_ephemeral_volume_gets_a_claim_of_its_pods() -> None:
    async with plane(CONTROLLERS) as world:
        template = {"metadata": {"labels": {"of": "pod"}}, "spec": {"accessModes": ["ReadWriteOnce"]}}
        template["spec"]["resources"] = {"requests": {"storage": "1Gi"}}  # type: ignore[assignment]
        pod = {
            "metadata": {"name": "p", "namespace": "default"},
            "spec": {
                "containers": [{"name": "c", "image": "app"}],
                "volumes": [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}],
            },
        }

        async def made() -> bool:
            try:
                await world.client.create(convert(pod, Pod))
            except Exception:
                return await world.count(Pod) == 1
            return True

        await world.until(made)

        async def claimed() -> bool:
            return [
                each.metadata.name for each in (await world.client.list(PersistentVolumeClaim, "default")).items
            ] == ["p-scratch"]

        await world.until(claimed)
        found = await world.client.get(PersistentVolumeClaim, "p-scratch", "default")
        owner = found.metadata.owner_references[0]
        assert (owner.kind, owner.name, found.metadata.labels) == ("Pod", "p", {"of": "pod"})


async def test_an_ephemeral_volume_leaves_a_claim_of_others_alone() -> None:
    async with plane(CONTROLLERS) as world:
        foreign = claim()
        foreign.metadata.name = "p-scratch"
        await world.client.create(foreign)
        template = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
        volumes = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}]
        spec = {"containers": [{"name": "c", "image": "app"}], "volumes": volumes}
        pod = convert({"metadata": {"name": "p", "namespace": "default"}, "spec": spec}, Pod)

        async def told() -> bool:
            if not await world.count(Pod):
                with suppress(KybernError):  # The namespace's ServiceAccount is not made yet.
                    await world.client.create(pod)
            text = (
                "ephemeral volume scratch: PVC default/p-scratch was not created for pod default/p (pod is not owner)"
            )
            events = (await world.client.list(Event, "default")).items
            return ("FailedBinding", text, "ephemeral_volume") in {
                (each.reason, each.message, each.source.component) for each in events
            }

        await world.until(told)
