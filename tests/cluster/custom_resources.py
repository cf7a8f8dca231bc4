"""Custom resources of the tests: a definition, its objects, and when they are served."""

from typing import Any

from tests.cluster.api_server import Api

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
SPEC = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "default": 3},
        "mode": {"type": "string", "enum": ["a", "b"]},
        "label": {"type": "string", "maxLength": 5},
        "replicas": {"type": "integer"},
    },
}
STATUS = {
    "type": "object",
    "properties": {
        "phase": {"type": "string"},
        "replicas": {"type": "integer"},
        "selector": {"type": "string"},
    },
}


def definition(**changes: Any) -> dict[str, Any]:
    version: dict[str, Any] = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC, "status": STATUS}}},
        **changes.pop("version", {}),
    }
    names = {"kind": "Widget", "plural": "widgets", **changes.pop("names", {})}
    spec = {"group": "example.com", "names": names, "scope": "Namespaced", "versions": [version], **changes}
    return {"metadata": {"name": f"{names['plural']}.example.com"}, "spec": spec}


def widget(name: str, version: str = "v1", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": f"example.com/{version}", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


async def established(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    """The definition, once its resources are served."""
    name = body["metadata"]["name"]
    watch = await api.watch(DEFINITIONS, fieldSelector=f"metadata.name={name}")
    await api.create(DEFINITIONS, body)
    while True:
        event = await watch.next()
        conditions = {each["type"]: each for each in event["object"]["status"]["conditions"] or ()}
        if conditions.get("Established", {}).get("status") == "True":
            found: dict[str, Any] = event["object"]
            return found


SUBRESOURCES = {
    "subresources": {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    }
}

COLUMNS = {
    "additionalPrinterColumns": [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status', "priority": 1},
    ],
    "selectableFields": [{"jsonPath": ".spec.mode"}],
}

TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
