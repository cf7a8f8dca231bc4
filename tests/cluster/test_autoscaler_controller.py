"""HorizontalPodAutoscalers on a real API server that serves no metrics."""

from typing import Any

from kybern.api.types import convert
from kybern.api.types.apps_v1 import Deployment
from kybern.api.types.autoscaling_v2 import HorizontalPodAutoscaler
from kybern.api.types.core_v1 import Event

from .machine import Plane, plane
from .test_controllers_workloads import deployment

CONTROLLERS = (
    "horizontal-pod-autoscaler-controller",
    "deployment-controller",
    "replicaset-controller",
    "serviceaccount-controller",
)
MISSING = (
    "unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not "
    "find the requested resource (get pods.metrics.k8s.io)"
)


def autoscaler(target: str = "web", **spec: Any) -> HorizontalPodAutoscaler:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    whole = {"scaleTargetRef": reference, "minReplicas": 2, "maxReplicas": 4, **spec}
    return convert({"metadata": {"name": "h", "namespace": "default"}, "spec": whole}, HorizontalPodAutoscaler)


async def conditions(world: Plane) -> dict[str, tuple[str, str, str]]:
    found = await world.client.get(HorizontalPodAutoscaler, "h", "default")
    return {each.type: (each.status, each.reason, each.message) for each in found.status.conditions}


async def told(world: Plane, *events: tuple[str, str]) -> None:
    async def written() -> bool:
        found = {(each.reason, each.message) for each in (await world.client.list(Event, "default")).items}
        return set(events) <= found

    await world.until(written)


async def test_bounds_hold_without_metrics() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(deployment(6))
        await world.client.create(autoscaler())

        async def scaled() -> bool:
            return (await world.client.get(Deployment, "web", "default")).spec.replicas == 4

        await world.until(scaled)
        await told(
            world, ("SuccessfulRescale", "New size: 4; reason: Current number of replicas above Spec.MaxReplicas")
        )

        async def reported() -> bool:
            status = (await world.client.get(HorizontalPodAutoscaler, "h", "default")).status
            return (status.current_replicas, status.desired_replicas) == (6, 4) and bool(status.last_scale_time)

        await world.until(reported)
        text = "the HPA controller was able to update the target scale to 4"
        assert (await conditions(world))["AbleToScale"] == ("True", "SucceededRescale", text)


async def test_says_that_there_are_no_metrics() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(deployment(3))
        await world.client.create(autoscaler())

        async def failed() -> bool:
            return (await conditions(world)).get("ScalingActive", ("",))[0] == "False"

        await world.until(failed)
        found = await conditions(world)
        why = f"the HPA was unable to compute the replica count: failed to get cpu utilization: {MISSING}"
        assert found["ScalingActive"] == ("False", "FailedGetResourceMetric", why)
        assert found["AbleToScale"][:2] == ("True", "SucceededGetScale")
        whole = (
            "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed to get "
            f"cpu utilization: {MISSING}"
        )
        await told(
            world,
            ("FailedGetResourceMetric", f"failed to get cpu utilization: {MISSING}"),
            ("FailedComputeMetricsReplicas", whole),
        )


async def test_two_of_the_same_pods_do_nothing() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(deployment(2))
        await world.client.create(autoscaler())
        other = autoscaler()
        other.metadata.name = "other"
        await told(world, ("FailedGetResourceMetric", f"failed to get cpu utilization: {MISSING}"))
        await world.client.create(other)
        text = "pods by selector app=web are controlled by multiple HPAs: [default/h default/other]"
        await told(world, ("AmbiguousSelector", text), ("FailedComputeMetricsReplicas", text))
        found = (await world.client.get(HorizontalPodAutoscaler, "other", "default")).status
        assert [(each.reason, each.message) for each in found.conditions if each.type == "ScalingActive"] == [
            ("AmbiguousSelector", text)
        ]


async def test_says_that_the_target_is_missing() -> None:
    async with plane(CONTROLLERS) as world:
        await world.client.create(autoscaler("nothing"))
        text = 'deployments.apps "nothing" not found'
        await told(world, ("FailedGetScale", text))
        found = (await conditions(world))["AbleToScale"]
        assert found == (
            "False",
            "FailedGetScale",
            f"the HPA controller was unable to get the target's current scale: {text}",
        )
