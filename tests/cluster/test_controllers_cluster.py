"""Namespaces, and what each namespace gets, on a real API server."""

from pathlib import Path

from kybern.api.types.core_v1 import ConfigMap, Container, Namespace, Pod, PodSpec, Secret, ServiceAccount
from kybern.api.types.meta_v1 import LabelSelector, ObjectMeta
from kybern.api.types.rbac_v1 import AggregationRule, ClusterRole, PolicyRule
from kybern.base.errors import NotFound

from .machine import Plane, plane
from .test_controllers_workloads import deployment


async def gone(world: Plane, name: str) -> bool:
    try:
        await world.client.get(Namespace, name)
    except NotFound:
        return True
    return False


async def test_a_namespace_is_furnished_and_emptied(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text("-----BEGIN CERTIFICATE-----\n")
    async with plane(root_ca_file=str(authority)) as world:
        await world.client.create(Namespace(metadata=ObjectMeta(name="shop")))

        async def furnished() -> bool:
            accounts = (await world.client.list(ServiceAccount, "shop")).items
            maps = (await world.client.list(ConfigMap, "shop")).items
            return [each.metadata.name for each in accounts] == ["default"] and [
                each.data["ca.crt"] for each in maps
            ] == [authority.read_text()]

        await world.until(furnished)
        subject = deployment(4)
        subject.metadata.namespace = "shop"
        await world.client.create(subject)

        async def running() -> bool:
            return len((await world.client.list(Pod, "shop")).items) == 4

        await world.until(running)
        await world.client.delete(Namespace, "shop")
        await world.until(lambda: gone(world, "shop"))
        assert (await world.client.list(Pod, "shop")).items == []


async def test_a_finalizer_holds_a_namespace_back_and_is_named() -> None:
    async with plane() as world:
        await world.client.create(Namespace(metadata=ObjectMeta(name="shop")))
        meta = ObjectMeta(name="held", namespace="shop", finalizers=["example.org/hold"])
        await world.client.create(Secret(metadata=meta))
        await world.client.delete(Namespace, "shop")

        async def told() -> bool:
            found = await world.client.get(Namespace, "shop")
            messages = {each.type: each.message for each in found.status.conditions if each.status == "True"}
            return messages == {
                "NamespaceContentRemaining": "Some resources are remaining: secrets. has 1 resource instances",
                "NamespaceFinalizersRemaining": "Some content in the namespace has finalizers remaining: "
                "example.org/hold in 1 resource instances",
            }

        await world.until(told)
        await world.client.patch(Secret, "held", "shop", {"metadata": {"finalizers": None}})
        await world.until(lambda: gone(world, "shop"))


async def test_all_else_of_a_namespace_waits_until_its_pods_are_gone() -> None:
    """What runs in a Pod on its way out may need its configuration still."""
    async with plane(("namespace-controller",)) as world:
        await world.client.create(Namespace(metadata=ObjectMeta(name="shop")))
        await world.client.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="shop")))
        await world.client.create(ConfigMap(metadata=ObjectMeta(name="needed", namespace="shop")))
        meta = ObjectMeta(name="last", namespace="shop", finalizers=["example.org/hold"])
        pod = Pod(metadata=meta, spec=PodSpec(containers=[Container(name="c", image="i")]))
        await world.client.create(pod)
        await world.client.delete(Namespace, "shop")

        async def told() -> bool:
            found = await world.client.get(Namespace, "shop")
            return any(each.message.endswith("pods. has 1 resource instances") for each in found.status.conditions)

        await world.until(told)
        await world.client.get(ConfigMap, "needed", "shop")
        await world.client.patch(Pod, "last", "shop", {"metadata": {"finalizers": None}})
        await world.until(lambda: gone(world, "shop"))


async def test_a_role_gathers_the_rules_of_others() -> None:
    """The default ones too: `admin` gathers `edit`, which gathers `view`."""
    label = {"gather": "true"}
    gathering = AggregationRule(cluster_role_selectors=[LabelSelector(match_labels=label)])
    rules = [PolicyRule(verbs=["get"], api_groups=[""], resources=["configmaps"])]
    async with plane() as world:
        await world.client.create(ClusterRole(metadata=ObjectMeta(name="all"), aggregation_rule=gathering))
        await world.client.create(ClusterRole(metadata=ObjectMeta(name="part", labels=label), rules=rules))

        async def rules_of(name: str) -> list[PolicyRule]:
            return (await world.client.get(ClusterRole, name)).rules

        async def gathered() -> bool:
            view, edit, admin = [await rules_of(name) for name in ("view", "edit", "admin")]
            return bool(view) and len(view) < len(edit) < len(admin) and await rules_of("all") == rules

        await world.until(gathered)
        await world.client.delete(ClusterRole, "part")

        async def emptied() -> bool:
            return not await rules_of("all")

        await world.until(emptied)
