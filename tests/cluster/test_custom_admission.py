"""Custom resources are admitted as all others are: webhooks, policies with their objects as parameters, quotas."""

from pathlib import Path
from typing import Any

from tests.cluster.api_server import CORE, Api, api_server, config_map
from tests.cluster.webhook_server import patching, webhook_server

REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"


def definition() -> dict[str, Any]:
    properties = {"size": {"type": "integer", "default": 1}, "kept": {"type": "string"}}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    return {
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }


async def define(api: Api) -> None:
    await api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition())
    while (await api("GET", WIDGETS)).status != 200:
        await api.server.life.clock.sleep(0.01)


def widget(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


async def test_webhooks_change_custom_resources(tmp_path: Path) -> None:
    def reply(request: dict[str, Any]) -> dict[str, Any]:
        return patching(
            {"op": "add", "path": "/spec/kept", "value": "yes"},
            {"op": "add", "path": "/spec/unknown", "value": "no"},
        )

    async with webhook_server(reply, tmp_path) as server, api_server() as api:
        await define(api)
        rule = {"operations": ["CREATE"], "apiGroups": ["example.com"], "apiVersions": ["v1"], "resources": ["widgets"]}
        hook = {
            "name": "a.example.com",
            "clientConfig": server.by_url,
            "rules": [rule],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        await api.create(
            f"{REGISTRATION}/mutatingwebhookconfigurations", {"metadata": {"name": "m"}, "webhooks": [hook]}
        )
        made = await api.create(WIDGETS, widget("w"))
        assert made["spec"] == {"size": 1, "kept": "yes"}
        assert server.requests[0]["kind"] == {"group": "example.com", "version": "v1", "kind": "Widget"}


async def test_policies_validate_change_and_take_parameters() -> None:
    async with api_server() as api:
        await define(api)
        await api.create(WIDGETS, widget("limit", size=2))
        spec: dict[str, Any] = {
            "paramKind": {"apiVersion": "example.com/v1", "kind": "Widget"},
            "matchConstraints": {
                "resourceRules": [
                    {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
                ]
            },
            "validations": [{"expression": "object.data.size() <= params.spec.size"}],
        }
        await api.create(f"{REGISTRATION}/validatingadmissionpolicies", {"metadata": {"name": "p"}, "spec": spec})
        reference = {"name": "limit", "namespace": "default", "parameterNotFoundAction": "Deny"}
        bound = {"policyName": "p", "validationActions": ["Deny"], "paramRef": reference}
        await api.create(
            f"{REGISTRATION}/validatingadmissionpolicybindings", {"metadata": {"name": "b"}, "spec": bound}
        )
        assert (await api("POST", f"{CORE}/configmaps", config_map("two", a="1", b="2"))).status == 201
        assert (await api("POST", f"{CORE}/configmaps", config_map("three", a="1", b="2", c="3"))).status == 422
        change = {
            "matchConstraints": {
                "resourceRules": [
                    {"operations": ["*"], "apiGroups": ["example.com"], "apiVersions": ["*"], "resources": ["widgets"]}
                ]
            },
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {"expression": "Object{spec: Object.spec{kept: 'policy'}}"},
                }
            ],
            "reinvocationPolicy": "Never",
        }
        await api.create(f"{REGISTRATION}/mutatingadmissionpolicies", {"metadata": {"name": "m"}, "spec": change})
        await api.create(
            f"{REGISTRATION}/mutatingadmissionpolicybindings", {"metadata": {"name": "m"}, "spec": {"policyName": "m"}}
        )
        made = await api.create(WIDGETS, widget("w", size=4))
        assert made["spec"] == {"size": 4, "kept": "policy"}


async def test_custom_resources_are_counted() -> None:
    async with api_server() as api:
        await define(api)
        hard = {"count/widgets.example.com": "1"}
        made = await api.create(f"{CORE}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": hard}})
        made["status"] = {"hard": hard, "used": {"count/widgets.example.com": "0"}}
        assert (await api("PUT", f"{CORE}/resourcequotas/q/status", made)).status == 200
        await api.create(WIDGETS, widget("a"))
        refused = await api("POST", WIDGETS, widget("b"))
        assert refused.message == (
            'widgets.example.com "b" is forbidden: exceeded quota: q, requested: count/widgets.example.com=1, used: '
            "count/widgets.example.com=1, limited: count/widgets.example.com=1"
        )
