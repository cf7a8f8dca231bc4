"""CustomResourceDefinitions: upstream's words for what is wrong with them, and what older ones may keep."""

from typing import Any

import pytest

from kybern.api.registry import find
from kybern.api.resource import Object
from kybern.api.schema import codec
from kybern.api.structural.internal_schema import internal_schema
from kybern.api.structural.numbers import go_number
from kybern.api.structural.patterns import fault_of
from kybern.api.validation import validate_create, validate_update
from kybern.base.errors import BadRequest

RESOURCE = find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
SCHEMA = "spec.validation.openAPIV3Schema"


def definition(spec_schema: Any = None, *, root: Any = None, version: Any = None, **spec: Any) -> Object:
    schema = {"type": "object", "properties": {"spec": spec_schema or {"type": "object"}}, **(root or {})}
    first = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **(version or {})}
    names = {"plural": "widgets", "kind": "Widget"}
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "names": names, "scope": "Namespaced", "versions": [first], **spec},
    }
    return codec("apiextensions.k8s.io/v1", "CustomResourceDefinition").default(body)


def faults(**given: Any) -> list[str]:
    assert RESOURCE is not None
    return [f"{each.path}: {each.message}" for each in validate_create(RESOURCE, definition(**given))]


def below(*words: str) -> list[str]:
    return [f"{SCHEMA}.properties[spec]{each}" for each in words]


TEXT = {"type": "string"}
WITH_STATUS = {"subresources": {"status": {}}}
CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    (
        {"spec_schema": {"description": "x"}},
        below(".type: Required value: must not be empty for specified object fields"),
    ),
    (
        {"root": {"$schema": "http://json-schema.org/schema#"}},
        [f"{SCHEMA}: Invalid value: \"\": OpenAPIV3Schema 'schema' is not supported"],
    ),
    (
        {"root": {"$schema": "http://json-schema.org/schema#", "nullable": True}},
        [f"{SCHEMA}.nullable: Forbidden: nullable cannot be true at the root"],
    ),
    (
        {"spec_schema": {"type": "array"}},
        below(".items: Required value: must be specified"),
    ),
    (
        {"spec_schema": {"type": "text"}},
        below(
            '.type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", '
            '"string"'
        ),
    ),
    (
        {"root": {"oneOf": [{"properties": {"b": {}}}]}},
        [f"{SCHEMA}.properties[b]: Required value: because it is defined in {SCHEMA}.oneOf[0].properties[b]"],
    ),
    (
        {"spec_schema": {"type": "object", "anyOf": [{"type": "object"}]}},
        below(".anyOf[0].type: Forbidden: must be empty to be structural"),
    ),
    (
        {"spec_schema": {"type": "integer", "default": "x"}},
        below('.default: Invalid value: "string":  in body must be of type integer: "string"'),
    ),
    (
        {"spec_schema": {"type": "object", "properties": {"a": TEXT}, "default": {"b": 1}}},
        below('.default: Invalid value: {"b":1}: must not have unknown fields'),
    ),
    (
        {"spec_schema": {**TEXT, "pattern": "("}},
        below(
            '.pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing '
            "closing ): `(`"
        ),
    ),
    (
        {"spec_schema": {"type": "array", "items": TEXT, "uniqueItems": True}},
        below(
            ".uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        ),
    ),
    (
        {"spec_schema": {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}},
        below(".x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"),
    ),
    (
        {
            "spec_schema": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["n"],
                "items": {"type": "object", "properties": {"n": TEXT}},
            }
        },
        below(
            ".items.properties[n].default: Required value: this property is in x-kubernetes-list-map-keys, so it must "
            "have a default or be a required property"
        ),
    ),
    (
        {"root": {"nullable": True}},
        [f"{SCHEMA}.nullable: Forbidden: nullable cannot be true at the root"],
    ),
    (
        {"preserveUnknownFields": True},
        [
            "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set "
            "x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        ],
    ),
    (
        {"version": {"selectableFields": [{"jsonPath": ".spec"}, {"jsonPath": ".none"}]}},
        [
            'spec.selectableFields[0].jsonPath: Invalid value: ".spec": must point to a field of type string, boolean '
            "or integer. Enum string fields and strings with formats are allowed.",
            'spec.selectableFields[1].jsonPath: Invalid value: ".none": is an invalid path: does not refer to a valid '
            "field",
        ],
    ),
    (
        {"conversion": {"strategy": "Webhook"}},
        [
            "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook",
            "spec.conversion.conversionReviewVersions: Required value",
        ],
    ),
]


@pytest.mark.parametrize(("given", "expected"), CASES)
def test_faults_of_new_definitions(given: dict[str, Any], expected: list[str]) -> None:
    assert faults(**given) == expected


def test_an_older_fault_may_stay() -> None:
    assert RESOURCE is not None
    old = definition({"description": "no type"})
    new = definition({"description": "still none"})
    for obj in (old, new):
        obj["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    assert validate_update(RESOURCE, new, old) == []
    sound = definition()
    sound["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    assert len(validate_update(RESOURCE, new, sound)) == 1


def test_formats_that_nobody_checks_are_warned_of() -> None:
    assert RESOURCE is not None
    new = definition({**TEXT, "format": "unheard-of"})
    assert RESOURCE.warnings(new, None) == ['unrecognized format "unheard-of"']
    assert RESOURCE.warnings(new, new) == []


def test_schemas_within_items_are_brought_into_form() -> None:
    made = definition({"type": "array", "items": {"type": "string", "odd": 1}, "additionalProperties": False})
    spec = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert (spec["items"], spec["additionalProperties"]) == ({"type": "string"}, False)
    with pytest.raises(BadRequest, match="boolean or JSON schema expected"):
        definition({"type": "object", "additionalProperties": 5})


def test_schemas_are_shown_as_upstreams_internal_type_prints_them():
    shown = internal_schema({"type": "object", "properties": {"a": {"items": {"type": "string"}, "default": []}}})
    assert (shown["Type"], shown["Ref"], shown["Nullable"], shown["Format"]) == ("object", None, False, "")
    assert shown["Properties"]["a"]["Items"]["Schema"]["Type"] == "string"
    assert shown["Properties"]["a"]["Default"] == []
    assert list(shown)[:4] == ["ID", "Schema", "Ref", "Description"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("+", "missing argument to repetition operator: `+`"),
        ("b++", "invalid nested repetition operator: `++`"),
        ("[b", "missing closing ]: `[b`"),
        ("b\\", "trailing backslash at end of expression: ``"),
        ("b{1001}", "invalid repeat count: `{1001}`"),
        ("\\j", "invalid escape sequence: `\\j`"),
    ],
)
def test_faults_of_patterns_are_told_in_gos_words(pattern, words):
    assert fault_of(pattern) == f"error parsing regexp: {words}"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (7, "7"),
        (7.0, "7"),
        (99999.5, "99999.5"),
        (3000000.0, "3e+06"),
        (1234567.5, "1.2345675e+06"),
        (-5e-06, "-5e-06"),
    ],
)
def test_numbers_are_written_as_go_writes_them(number, shown):
    assert go_number(number) == shown


def test_what_is_not_supported_may_not_be_there_empty():
    given = {"type": "object", "$ref": "", "additionalItems": False, "definitions": {}}
    assert faults(spec_schema=given) == below(
        ".additionalItems: Forbidden: additionalItems is not supported", ".$ref: Forbidden: $ref is not supported"
    )


def test_what_the_root_may_say_beside_a_status_subresource():
    def told(**root):
        return [each for each in faults(root=root, version=WITH_STATUS) if "fields are allowed at the root" in each]

    assert not told(title="", nullable=False, required=["spec"])
    for fields in (
        {"default": {}},
        {"maxProperties": 0},
        {"x-kubernetes-map-type": "atomic"},
        {"title": "t", "not": {}},
    ):
        assert len(told(**fields)) == 1, fields
