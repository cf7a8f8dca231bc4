"""Definitions of custom resources as upstream stores them to this day: in v1beta1, with what all versions share above them.

Pure. Nobody is served this version any more. Source: the conversions of k8s.io/apiextensions-apiserver v1.36.
"""

from typing import Any

from kybern.api.resource import Object

API_VERSION = "apiextensions.k8s.io/v1beta1"
_SHARED = {"validation": "schema", "subresources": "subresources", "selectableFields": "selectableFields"}
"""Fields of all versions, and what they are called in each."""
_COLUMNS = "additionalPrinterColumns"


def from_beta(definition: Object) -> Object:
    """The definition in v1; the given one is used up."""
    spec = definition["spec"]
    first = spec.pop("version", "")
    versions = spec.get("versions") or ([{"name": first, "served": True, "storage": True}] if first else [])
    for beta, field in _SHARED.items():
        shared = spec.pop(beta, None)
        if shared is not None:
            versions = [{**version, field: shared} for version in versions]
    columns = spec.pop(_COLUMNS, None)
    spec["versions"] = [_with_columns(version, columns) for version in versions]
    if not spec.setdefault("preserveUnknownFields", True):
        del spec["preserveUnknownFields"]
    if spec.get("conversion"):
        spec["conversion"] = _conversion(spec["conversion"])
    return {**definition, "apiVersion": "apiextensions.k8s.io/v1"}


def _with_columns(version: dict[str, Any], shared: list[dict[str, Any]] | None) -> dict[str, Any]:
    columns = shared if shared is not None else version.get(_COLUMNS)
    if columns is None:
        return version
    renamed = [{"jsonPath" if key == "JSONPath" else key: each for key, each in row.items()} for row in columns]
    return {**version, _COLUMNS: renamed}


def _conversion(beta: dict[str, Any]) -> dict[str, Any]:
    webhook = {
        "clientConfig": beta.get("webhookClientConfig"),
        "conversionReviewVersions": beta.get("conversionReviewVersions"),
    }
    told = {key: each for key, each in webhook.items() if each}
    return {"strategy": beta.get("strategy", "None"), **({"webhook": told} if told else {})}
