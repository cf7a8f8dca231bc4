"""apiextensions.k8s.io/v1."""

from typing import Any

Object = dict[str, Any]

V1: dict[str, Object] = {
    "CustomResourceDefinitionSpec": {"conversion": {"strategy": "None"}},
    "ServiceReference": {"port": 443},
}


def spec(obj: Object) -> None:
    """Names that follow from the kind; those of the status are the server's answer and stay."""
    names = obj["names"]
    kind = names.get("kind", "")
    if not names.get("singular"):
        names["singular"] = kind.lower()
    if kind and not names.get("listKind"):
        names["listKind"] = kind + "List"


def definition(obj: Object) -> None:
    if not obj["status"].get("storedVersions"):
        stored = [version["name"] for version in obj["spec"].get("versions") or () if version.get("storage")]
        obj["status"]["storedVersions"] = stored[:1] or None


V1_CODE = {
    "CustomResourceDefinitionSpec": spec,
    "CustomResourceDefinition": definition,
}
