"""What the tests of server-side apply share: manifests, and applies that are short to write."""

from typing import Any

from tests.cluster.api_server import CORE, Answer, Api, config_map

APPLY = "application/apply-patch+yaml"
MAPS = f"{CORE}/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
Owners = list[tuple[str, str, Any]]


def deployment(name: str = "d", **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    containers = [{"name": "c", "image": "example.com/app:v1", "ports": [{"containerPort": 80}]}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template, **spec}
    spec = {key: value for key, value in spec.items() if value is not None}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def cm(name: str = "c", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", **config_map(name, **data)}


async def apply(api: Api, path: str, body: Any, manager: str = "a", **query: str) -> Answer:
    return await api.patch(path, body, APPLY, fieldManager=manager, **query)


async def applied(api: Api, path: str, body: Any, manager: str = "a", **query: str) -> Any:
    """The object; the apply must succeed."""
    answer = await apply(api, path, body, manager, **query)
    assert answer.status in (200, 201), answer
    return answer.body


def owners(obj: Any) -> Owners:
    """(manager, operation, fields) of each entry."""
    return [(each["manager"], each["operation"], each["fieldsV1"]) for each in obj["metadata"].get("managedFields", ())]
