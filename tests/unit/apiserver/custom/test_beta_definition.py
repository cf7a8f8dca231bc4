"""Definitions that are stored in v1beta1."""

from typing import Any

import pytest

from kybern.apiserver.custom.beta_definition import API_VERSION, from_beta

V1 = {"name": "v1", "served": True, "storage": True}
V2 = {"name": "v2", "served": True, "storage": False}
SCHEMA = {"openAPIV3Schema": {"type": "object"}}
SERVICE = {"service": {"namespace": "n", "name": "s"}}


@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        ({"version": "v1"}, {"versions": [V1], "preserveUnknownFields": True}),
        ({"versions": [V1, V2], "preserveUnknownFields": False}, {"versions": [V1, V2]}),
        (
            {"version": "v1", "versions": [V1, V2], "preserveUnknownFields": False, "validation": SCHEMA,
             "selectableFields": [{"jsonPath": ".a"}]},
            {"versions": [{**each, "schema": SCHEMA, "selectableFields": [{"jsonPath": ".a"}]} for each in (V1, V2)]},
        ),
        (
            {"versions": [{**V1, "schema": SCHEMA, "additionalPrinterColumns": [{"name": "A", "JSONPath": ".a"}]}, V2],
             "preserveUnknownFields": False},
            {"versions": [
                {**V1, "schema": SCHEMA, "additionalPrinterColumns": [{"name": "A", "jsonPath": ".a"}]}, V2]},
        ),
        (
            {"versions": [V1], "preserveUnknownFields": False, "conversion": {
                "strategy": "Webhook", "webhookClientConfig": SERVICE, "conversionReviewVersions": ["v1"]}},
            {"versions": [V1], "conversion": {
                "strategy": "Webhook", "webhook": {"clientConfig": SERVICE, "conversionReviewVersions": ["v1"]}}},
        ),
        (
            {"versions": [V1], "preserveUnknownFields": False, "conversion": {"strategy": "None"}},
            {"versions": [V1], "conversion": {"strategy": "None"}},
        ),
    ],
)  # fmt: skip
def test_specs(beta: dict[str, Any], expected: dict[str, Any]) -> None:
    names = {"kind": "CustomResourceDefinition", "metadata": {"name": "a"}, "status": {"storedVersions": ["v1"]}}
    made = from_beta({**names, "apiVersion": API_VERSION, "spec": {"group": "g", **beta}})
    assert made == {**names, "apiVersion": "apiextensions.k8s.io/v1", "spec": {"group": "g", **expected}}
