"""Claims of devices on a real API server, from a Pod's template to the end of the Pod."""

from contextlib import suppress

from kybern.api.types import convert
from kybern.api.types.core_v1 import Pod
from kybern.api.types.resource_v1 import ResourceClaim, ResourceClaimTemplate
from kybern.base.errors import KybernError

from .machine import Plane, plane

CONTROLLERS = ("resourceclaim-controller", "serviceaccount-controller")
POD = {
    "metadata": {"name": "p", "namespace": "default"},
    "spec": {
        "containers": [{"name": "c", "image": "app", "resources": {"claims": [{"name": "dev"}]}}],
        "resourceClaims": [{"name": "dev", "resourceClaimTemplateName": "gpu"}],
    },
}
TEMPLATE = {
    "metadata": {"name": "gpu", "namespace": "default"},
    "spec": {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}},
}


async def claims(world: Plane) -> list[ResourceClaim]:
    return list((await world.client.list(ResourceClaim, "default")).items)


async def test_a_pods_claim_is_made_told_and_goes_when_the_pod_has_ended() -> None:
    async with plane(CONTROLLERS) as world:

        async def made() -> bool:
            with suppress(KybernError):  # The namespace's ServiceAccount is not made yet.
                await world.client.create(convert(POD, Pod))
            return await world.count(Pod) == 1

        await world.until(made)
        await world.client.create(convert(TEMPLATE, ResourceClaimTemplate))  # The Pod waited for it.

        async def told() -> bool:
            statuses = (await world.client.get(Pod, "p", "default")).status.resource_claim_statuses
            names = [each.metadata.name for each in await claims(world)]
            return bool(names) and [(each.name, each.resource_claim_name) for each in statuses] == [("dev", names[0])]

        await world.until(told)
        (found,) = await claims(world)
        assert found.metadata.name.startswith("p-dev-")
        status = {"status": {"phase": "Succeeded"}}
        await world.client.patch(Pod, "p", "default", status, subresource="status")

        async def gone() -> bool:
            return not await claims(world)

        await world.until(gone)
