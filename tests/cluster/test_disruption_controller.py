"""PodDisruptionBudgets on a real API server, and evictions that they allow or not."""

from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Event, Pod
from kybern.api.types.policy_v1 import Eviction, PodDisruptionBudget
from kybern.base.errors import TooManyRequests

from .machine import Plane, plane
from .test_controllers_workloads import deployment

CONTROLLERS = ("disruption-controller", "deployment-controller", "replicaset-controller", "serviceaccount-controller")


def budget(**spec: Any) -> PodDisruptionBudget:
    selector = {"matchLabels": {"app": "web"}}
    metadata = {"name": "guard", "namespace": "default"}
    return convert({"metadata": metadata, "spec": {"selector": selector, **spec}}, PodDisruptionBudget)


async def counted(world: Plane, **wanted: int) -> PodDisruptionBudget:
    """The budget, once its status says so."""

    async def there() -> bool:
        status = (await world.client.get(PodDisruptionBudget, "guard", "default")).status
        return {name: getattr(status, name) for name in wanted} == wanted

    await world.until(there)
    return await world.client.get(PodDisruptionBudget, "guard", "default")


async def evict(world: Plane, name: str) -> None:
    eviction = convert({"metadata": {"name": name, "namespace": "default"}}, Eviction)
    await world.client.post(Pod, name, "default", "eviction", eviction)


def condition(found: PodDisruptionBudget) -> tuple[str, str, str]:
    (only,) = found.status.conditions
    return only.type, only.status, only.reason


@pytest.mark.parametrize(
    ("spec", "desired", "allowed"),
    [
        ({"minAvailable": 2}, 2, 1),
        ({"minAvailable": "50%"}, 2, 1),
        ({"maxUnavailable": 2}, 1, 2),
        ({"maxUnavailable": "30%"}, 2, 1),
        ({"maxUnavailable": 0}, 3, 0),
    ],
)
async def test_counts(spec: dict[str, Any], desired: int, allowed: int) -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(deployment(3))
        await world.client.create(budget(**spec))
        found = await counted(
            world, expected_pods=3, current_healthy=3, desired_healthy=desired, disruptions_allowed=allowed
        )
        state, reason = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
        assert condition(found) == ("DisruptionAllowed", state, reason)


async def test_an_eviction_takes_what_is_allowed_and_no_more() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(deployment(2))
        await world.client.create(budget(minAvailable=2))
        await counted(world, current_healthy=2, disruptions_allowed=0)
        first, _ = (await world.client.list(Pod, "default")).items
        with pytest.raises(TooManyRequests) as refused:
            await evict(world, first.metadata.name)
        assert str(refused.value) == "Cannot evict pod as it would violate the pod's disruption budget."
        assert refused.value.details == {
            "causes": [
                {
                    "reason": "DisruptionBudget",
                    "message": "The disruption budget guard needs 2 healthy pods and has 2 currently",
                }
            ]
        }
        await world.client.patch(PodDisruptionBudget, "guard", "default", {"spec": {"minAvailable": 1}})
        await counted(world, disruptions_allowed=1)
        await world.client.patch(
            Pod, first.metadata.name, "default", {"metadata": {"finalizers": ["example.com/hold"]}}
        )
        await evict(world, first.metadata.name)
        evicted = await world.client.get(Pod, first.metadata.name, "default")
        assert evicted.metadata.deletion_timestamp
        target = next(each for each in evicted.status.conditions if each.type == "DisruptionTarget")
        assert (target.status, target.reason) == ("True", "EvictionByEvictionAPI")
        assert target.message == "Eviction API: evicting"
        await world.client.patch(Pod, first.metadata.name, "default", {"metadata": {"finalizers": []}})
        await counted(world, current_healthy=2, disruptions_allowed=1)


async def test_what_cannot_be_counted_allows_nothing() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(deployment(1))
        await world.client.create(budget(maxUnavailable=1))
        await counted(world, disruptions_allowed=1)
        owner = {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "name": "none",
            "uid": "0",
            "controller": True,
        }
        stranger = {
            "metadata": {
                "name": "stranger",
                "namespace": "default",
                "labels": {"app": "web"},
                "ownerReferences": [owner],
            },
            "spec": {"containers": [{"name": "c", "image": "v1"}]},
        }
        await world.client.create(convert(stranger, Pod))
        found = await counted(world, disruptions_allowed=0)
        assert condition(found) == ("DisruptionAllowed", "False", "SyncFailed")
        assert found.status.conditions[0].message == 'found no controllers for pod "stranger"'

        async def told() -> bool:
            events = (await world.client.list(Event, "default")).items
            return any(each.reason == "CalculateExpectedPodCountFailed" for each in events)

        await world.until(told)
