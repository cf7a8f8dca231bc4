"""Controllers meet resources that did not exist when they were built: namespaces, ownership, rights."""

from typing import Any

import orjson

from kybern.api.types.core_v1 import Namespace
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.apiserver.user import authenticated
from kybern.base.errors import NotFound
from tests.cluster.api_server import Api, api_server
from tests.cluster.custom_resources import DEFINITIONS, WIDGETS, definition, established, widget
from tests.cluster.machine import Plane, plane
from tests.cluster.test_controllers_cluster import gone


async def post(world: Plane, path: str, body: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = orjson.loads(await world.client.call("POST", path, body=orjson.dumps(body)))
    return made


async def install(world: Plane) -> None:
    await post(world, DEFINITIONS, definition())

    async def served() -> bool:
        try:
            await world.client.call("GET", "/apis/example.com/v1/widgets")
        except NotFound:
            return False
        return True

    await world.until(served)


async def is_gone(world: Plane, path: str) -> bool:
    try:
        await world.client.call("GET", path)
    except NotFound:
        return True
    return False


async def test_a_deleted_namespace_takes_custom_resources_along() -> None:
    async with plane() as world:
        await install(world)
        await world.client.create(Namespace(metadata=ObjectMeta(name="shop")))
        await post(world, WIDGETS.replace("default", "shop"), widget("w"))
        await world.client.delete(Namespace, "shop")
        await world.until(lambda: gone(world, "shop"))
        assert orjson.loads(await world.client.call("GET", "/apis/example.com/v1/widgets"))["items"] == []


async def test_custom_resources_own_and_are_owned() -> None:
    async with plane() as world:
        await world.client.create(Namespace(metadata=ObjectMeta(name="shop")))
        await install(world)
        widgets, maps = WIDGETS.replace("default", "shop"), "/api/v1/namespaces/shop/configmaps"
        owner = await post(world, widgets, widget("owner"))
        reference = {
            "apiVersion": "example.com/v1",
            "kind": "Widget",
            "name": "owner",
            "uid": owner["metadata"]["uid"],
        }
        child = widget("child")
        child["metadata"]["ownerReferences"] = [reference]
        await post(world, widgets, child)
        await post(world, maps, {"metadata": {"name": "owned", "ownerReferences": [reference]}})
        await world.client.call("DELETE", f"{widgets}/owner")
        await world.until(lambda: is_gone(world, f"{widgets}/child"))
        await world.until(lambda: is_gone(world, f"{maps}/owned"))


async def test_rights_are_asked_of_custom_resources() -> None:
    async with api_server(authorization_mode=("RBAC",)) as api:
        await established(api, definition())
        anna = api.as_user(authenticated("anna", ()))
        assert (await anna("GET", WIDGETS)).message == (
            'widgets.example.com is forbidden: User "anna" cannot list resource "widgets" in API group "example.com" in '
            'the namespace "default"'
        )
        await grant(api)
        assert (await anna("GET", WIDGETS)).status == 200
        assert (await anna("POST", WIDGETS, widget("w"))).status == 403


async def grant(api: Api) -> None:
    group = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": ["list"]}]
    await api.create(f"/apis/{group}/v1/clusterroles", {"metadata": {"name": "reader"}, "rules": rules})
    body = {
        "metadata": {"name": "anna"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "reader"},
        "subjects": [{"kind": "User", "name": "anna", "apiGroup": group}],
    }
    await api.create(f"/apis/{group}/v1/clusterrolebindings", body)
