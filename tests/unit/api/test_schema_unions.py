"""Fields of schemas that hold a schema or something else: what is taken, and what Go says of the rest."""

from typing import Any

import orjson
import pytest

from kybern.api.patch import conversion
from kybern.api.schema import codec
from kybern.base.errors import BadRequest

_KIND = "CustomResourceDefinition"
_PLACE = "JSONSchemaProps.spec.versions.schema.openAPIV3Schema.properties"
_CANNOT = "json: cannot unmarshal"


def body(schema: Any, **beside: Any) -> dict[str, Any]:
    root = {"type": "object", "properties": {"spec": schema, **beside}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": _KIND,
        "metadata": {"name": "lamps.example.org"},
        "spec": {"group": "example.org", "versions": [{"name": "v1", "schema": {"openAPIV3Schema": root}}]},
    }


def read(schema: Any, **beside: Any) -> Any:
    taken, _ = codec("apiextensions.k8s.io/v1", _KIND).admit(orjson.dumps(body(schema, **beside)), "Strict")
    return taken["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"items": {"type": 7}}, f"{_CANNOT} number into Go struct field {_PLACE}.items.type of type string"),
        (
            {"items": {"properties": {"a": {"items": {"maxLength": "long"}}}}},
            f"{_CANNOT} string into Go struct field {_PLACE}.items.properties.items.maxLength of type int64",
        ),
        (
            {"additionalProperties": {"x-kubernetes-validations": [{"rule": False}]}},
            f"{_CANNOT} bool into Go struct field {_PLACE}.additionalProperties.x-kubernetes-validations.rule"
            " of type string",
        ),
        ({"items": [True]}, f"{_CANNOT} bool into Go struct field {_PLACE}.items of type v1.JSONSchemaProps"),
        ({"dependencies": {"a": [1]}}, f"{_CANNOT} number into Go struct field {_PLACE}.dependencies of type string"),
        (
            {"dependencies": 1},
            f"{_CANNOT} number into Go struct field {_PLACE}.dependencies of type v1.JSONSchemaDependencies",
        ),
        ({"additionalItems": "all"}, "boolean or JSON schema expected"),
        ({"items": {"enum": "a"}}, f"{_CANNOT} string into Go struct field {_PLACE}.items.enum of type []v1.JSON"),
    ],
)
def test_faults(schema: Any, fault: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(schema)
    assert refused.value.message == f'{_KIND} in version "v1" cannot be handled as a {_KIND}: {fault}'


def test_a_fault_within_is_told_before_those_that_came_first() -> None:
    with pytest.raises(BadRequest, match=r"openAPIV3Schema\.properties\.items\.type of type string"):
        read({"minLength": "short"}, status={"items": {"type": []}})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"items": {"type": "string", "colour": 1, "default": None}}, {"items": {"type": "string"}}),
        ({"items": []}, {}),
        ({"items": "none"}, {}),
        ({"items": [{"title": ""}]}, {"items": [{}]}),
        ({"additionalProperties": False}, {"additionalProperties": False}),
        ({"dependencies": {}}, {"dependencies": {}}),
        ({"dependencies": {"a": ["b"], "c": {"type": ""}}}, {"dependencies": {"a": ["b"], "c": {}}}),
    ],
)
def test_what_is_kept(given: Any, kept: Any) -> None:
    assert read(given) == kept


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        (
            {"items": {"properties": {"a": {"minLength": {}}}}},
            f"{_CANNOT} object into Go struct field JSONSchemaProps.properties.minLength of type int64",
        ),
        (
            {"items": {"items": {"x-kubernetes-validations": [{"rule": 1}]}}},
            f"{_CANNOT} number into Go struct field JSONSchemaProps.items.x-kubernetes-validations.rule of type string",
        ),
        ({"items": [1]}, f"{_CANNOT} number into Go value of type v1.JSONSchemaProps"),
        ({"additionalProperties": []}, "boolean or JSON schema expected"),
        ({"dependencies": []}, "cannot restore map from slice"),
        ({"items": {"type": "string"}}, ""),
    ],
)
def test_applied_each_part_is_read_alone(schema: Any, fault: str) -> None:
    name = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"
    assert conversion.fault(name, body(schema)) == fault
