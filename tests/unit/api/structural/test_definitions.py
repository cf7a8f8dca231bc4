"""CustomResourceDefinitions: upstream's words for what is wrong with them, and what older ones may keep."""

from typing import Any

import orjson
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


def test_versions_are_shown_in_the_internal_form():
    lean = {"type": "object", "properties": {"labels": {"type": "object", "additionalProperties": True}}}
    columns = [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]
    paths = {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}
    versions = [
        {"name": "v1", "storage": True, "schema": {"openAPIV3Schema": lean}, "additionalPrinterColumns": []},
        {"name": "v1", "schema": {"openAPIV3Schema": {"type": "object"}}, "additionalPrinterColumns": columns,
         "subresources": {"status": {}, "scale": paths}, "deprecationWarning": "old"},
    ]  # fmt: skip
    told = next(each for each in faults(versions=versions) if "unique version names" in each)
    shown = orjson.loads(told.partition("Invalid value: ")[2].rpartition(": must")[0])
    assert [version["Name"] for version in shown] == ["v1", "v1"]
    assert list(shown[0]["Schema"]["OpenAPIV3Schema"]["Properties"]["labels"])[:3] == ["ID", "Schema", "Ref"]
    assert shown[1]["Subresources"]["Scale"]["LabelSelectorPath"] is None
    assert shown[1]["AdditionalPrinterColumns"][0]["JSONPath"] == ".metadata.creationTimestamp"
    assert shown[1]["DeprecationWarning"] == "old"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"versions": []}, "spec.versions: Invalid value: []: must have exactly one version marked as storage version"),
        ({"versions": None},
         "spec.versions: Invalid value: null: must have exactly one version marked as storage version"),
        ({"version": {"deprecationWarning": "a\x01"}},
         'spec.versions[0].deprecationWarning: Invalid value: "a\\u0001": can only be set for deprecated versions'),
        ({"preserveUnknownFields": True, "spec_schema": {"type": "string", "default": "x"}},
         "spec.preserveUnknownFields: Invalid value: true: must be false in order to use defaults in the schema"),
        ({"spec_schema": {"type": "object", "dependencies": {}}},
         f"{SCHEMA}.properties[spec].dependencies: Forbidden: dependencies is not supported"),
        ({"root": {"properties": {"metadata": {"type": "object", "maxProperties": 0}}}},
         f"{SCHEMA}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but "
         "metadata is implicitly specified"),
    ],
)  # fmt: skip
def test_explicit_empties_and_zeros(given: Any, expected: str) -> None:
    assert expected in faults(**given)


def test_no_structural_form_no_structural_faults():
    assert faults(spec_schema={"additionalItems": False}) == below(
        ".additionalItems: Forbidden: additionalItems is not supported"
    )


def test_generated_names_are_not_for_definitions():
    assert RESOURCE is not None
    body = definition()
    body["metadata"] = {"generateName": "widgets-", "name": "widgets.example.com"}
    [fault] = validate_create(RESOURCE, body)
    assert (fault.path, fault.message) == (
        "metadata.generateName", 'Invalid value: "widgets-": must be spec.names.plural+"."+spec.group'
    )  # fmt: skip


def test_a_version_named_twice_is_stored_once():
    twice = [{"name": "v1", "served": True, "schema": {"openAPIV3Schema": {"type": "object"}}}] * 2
    versions = [twice[0], {**twice[1], "storage": True}]
    assert 'status.storedVersions: Invalid value: ["v1"]: must have the storage version v1' in faults(versions=versions)


def test_rules_are_read_wherever_nothing_around_them_is_at_fault():
    spec = {
        "type": "object",
        "properties": {
            "bad": {"type": "string", "x-kubernetes-list-type": "set"},
            "good": {"type": "string", "x-kubernetes-validations": [{"rule": "self >"}]},
        },
        "x-kubernetes-validations": [{"rule": "self <"}],
    }
    paths = [each.partition(": ")[0] for each in faults(spec_schema=spec)]
    assert paths == below(".properties[bad].type", ".properties[good].x-kubernetes-validations[0].rule")


def test_selectable_fields_need_the_structural_form():
    told = faults(spec_schema={"type": "array", "items": [{}]}, version={"selectableFields": [{"jsonPath": ""}]})
    fault = "OpenAPIV3Schema 'items' must be a schema, but is an array"
    assert f'spec.schema.openAPIV3Schema: Invalid value: "": {fault}' in told


def test_what_an_approval_said_before_it_may_say_in_another_group():
    assert RESOURCE is not None
    old, new = definition(), definition(group="x.k8s.io")
    told = [each.path for each in validate_update(RESOURCE, new, old)]
    assert "spec.group" in told
    assert not [each for each in told if each.startswith("metadata.annotations")]
