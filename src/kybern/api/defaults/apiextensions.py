"""apiextensions.k8s.io/v1."""

from typing import Any

from kybern.api.schema import compiler, inspection
from kybern.api.schema.values import Unfit
from kybern.base.errors import BadRequest

Object = dict[str, Any]

_PROPS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
_KIND = "CustomResourceDefinition"
_REFUSED = f'{_KIND} in version "v1" cannot be handled as a {_KIND}: '

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


def schema_props(obj: Object) -> None:
    """The parts of a schema that may be a schema or something else: schemas there are brought into form as well."""
    if "items" in obj:
        items = obj["items"]
        if items.__class__ is list:
            obj["items"] = [_schema(each) for each in items]
        elif items.__class__ is dict:
            obj["items"] = _schema(items)
        else:
            del obj["items"]
    for key in ("additionalProperties", "additionalItems"):
        if key in obj and obj[key].__class__ is not bool:
            obj[key] = _schema(obj[key], "boolean or JSON schema expected")
    for key, value in (obj.get("dependencies") or {}).items():
        if value.__class__ is dict:
            obj["dependencies"][key] = _schema(value)


def _schema(value: Any, wanted: str = "") -> Object:
    """Raises BadRequest for what is no schema. Unknown fields go without a word, as upstream's own decoding drops them."""
    if value.__class__ is not dict:
        fault = (
            wanted or f"json: cannot unmarshal {inspection.go_value(value)} into Go value of type v1.JSONSchemaProps"
        )
        raise BadRequest(_REFUSED + fault)
    form = compiler.function(compiler.ADMIT, _PROPS)
    try:
        return form(value)
    except Unfit:
        pass
    try:
        return form(inspection.inspect(_PROPS, value)[0])
    except inspection.Mismatch as mismatch:
        raise BadRequest(_REFUSED + str(mismatch)) from None


V1_CODE = {
    "CustomResourceDefinitionSpec": spec,
    "CustomResourceDefinition": definition,
    "JSONSchemaProps": schema_props,
}
