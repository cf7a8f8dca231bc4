"""ValidatingAdmissionPolicy and MutatingAdmissionPolicy, as a client meets them."""

from typing import Any

import pytest

from kybern.apiserver.user import authenticated
from tests.cluster.api_server import CORE, Api, api_server, config_map, pod

GROUP = "/apis/admissionregistration.k8s.io/v1"
JSON_PATCH = "application/json-patch+json"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def rules(*resources: str, operations: tuple[str, ...] = ("CREATE", "UPDATE"), group: str = "") -> dict[str, Any]:
    rule = {"operations": [*operations], "apiGroups": [group], "apiVersions": ["v1"], "resources": [*resources]}
    return {"resourceRules": [rule]}


async def bind(
    api: Api,
    *validations: dict[str, Any],
    actions: tuple[str, ...] = ("Deny",),
    binding: dict[str, Any] | None = None,
    matching: dict[str, Any] | None = None,
    **spec: Any,
) -> None:
    """A policy `p` about ConfigMaps with a binding `b`."""
    whole = {"matchConstraints": matching or rules("configmaps"), "validations": [*validations], **spec}
    await api.create(f"{GROUP}/validatingadmissionpolicies", {"metadata": {"name": "p"}, "spec": whole})
    bound = {"policyName": "p", "validationActions": [*actions], **(binding or {})}
    await api.create(f"{GROUP}/validatingadmissionpolicybindings", {"metadata": {"name": "b"}, "spec": bound})


async def test_a_policy_denies_in_upstreams_words() -> None:
    async with api_server() as api:
        await bind(api, {"expression": "object.data.size() < 2", "message": "too much"})
        assert (await api("POST", f"{CORE}/configmaps", config_map("m", a="1"))).status == 201
        refused = await api("POST", f"{CORE}/configmaps", config_map("n", a="1", b="2"))
        said = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: too much"
        assert refused.status == 422
        assert refused.body == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": f'configmaps "n" is forbidden: {said}',
            "reason": "Invalid",
            "details": {"name": "n", "kind": "configmaps", "causes": [{"message": said}]},
            "code": 422,
        }


@pytest.mark.parametrize(
    ("validation", "code", "words"),
    [
        ({"expression": "false"}, 422, "failed expression: false"),
        ({"expression": "false", "reason": "Forbidden"}, 403, "failed expression: false"),
        ({"expression": "false", "reason": "RequestEntityTooLarge"}, 413, "failed expression: false"),
        ({"expression": "false", "messageExpression": "'got ' + object.metadata.name"}, 422, "got m"),
        ({"expression": "false", "messageExpression": "'two\\nlines'", "message": "one"}, 422, "one"),
        ({"expression": "false", "messageExpression": "'no ' + object.nothing"}, 422, "failed expression: false"),
        (
            {"expression": "object.nothing == 1"},
            422,
            "expression 'object.nothing == 1' resulted in error: no such key: nothing",
        ),
    ],
)
async def test_messages_and_reasons(validation: dict[str, Any], code: int, words: str) -> None:
    async with api_server() as api:
        await bind(api, validation)
        refused = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert (refused.status, refused.message.partition(" denied request: ")[2]) == (code, words)


async def test_warn_and_failures_that_are_ignored() -> None:
    async with api_server() as api:
        await bind(api, {"expression": "object.metadata.name != 'm'"}, actions=("Warn", "Audit"))
        made = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert made.status == 201
        said = "failed expression: object.metadata.name != 'm'"
        assert made.warnings == [f"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': {said}"]
    async with api_server() as api:
        await bind(api, {"expression": "object.nothing == 1"}, failurePolicy="Ignore")
        assert (await api("POST", f"{CORE}/configmaps", config_map("m"))).status == 201


async def test_variables_conditions_and_the_request() -> None:
    async with api_server() as api:
        variables = [
            {"name": "who", "expression": "request.userInfo.username"},
            {"name": "text", "expression": "variables.who + '/' + request.operation + '/' + request.namespace"},
        ]
        conditions = [{"name": "only-named", "expression": "object.metadata.name.startsWith('x')"}]
        validation = {"expression": "variables.text == 'admin/CREATE/default'", "messageExpression": "variables.text"}
        await bind(api, validation, variables=variables, matchConditions=conditions)
        other = api.as_user(authenticated("eve", ("system:masters",)))
        assert (await api("POST", f"{CORE}/configmaps", config_map("x1"))).status == 201
        assert (await other("POST", f"{CORE}/configmaps", config_map("y1"))).status == 201
        refused = await other("POST", f"{CORE}/configmaps", config_map("x2"))
        assert refused.message.endswith("denied request: eve/CREATE/default")


async def test_old_objects_deletions_and_namespaces() -> None:
    async with api_server() as api:
        matching = rules("configmaps", operations=("UPDATE", "DELETE"))
        validation = {
            "expression": "oldObject.metadata.?labels.keep.orValue('') == '' || namespaceObject.metadata.name != 'default'"
        }
        await bind(api, validation, matching=matching)
        kept = config_map("m")
        kept["metadata"]["labels"] = {"keep": "yes"}
        await api.create(f"{CORE}/configmaps", kept)
        assert (await api("DELETE", f"{CORE}/configmaps/m")).status == 422
        await api.create(f"{CORE}/configmaps", config_map("n"))
        assert (await api("DELETE", f"{CORE}/configmaps/n")).status == 200


async def test_the_authorizer_can_be_asked() -> None:
    async with api_server() as api:
        validation = {
            "expression": "authorizer.group('').resource('secrets').namespace('default').check('list').allowed()"
        }
        await bind(api, validation)
        assert (await api("POST", f"{CORE}/configmaps", config_map("m"))).status == 201
        rules_ = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        await api.create(f"{rbac}/clusterroles", {"metadata": {"name": "w"}, "rules": rules_})
        binding = {
            "metadata": {"name": "w"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "w"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "writer"}],
        }
        await api.create(f"{rbac}/clusterrolebindings", binding)
        writer = api.as_user(authenticated("writer", ()))
        assert (await writer("POST", f"{CORE}/configmaps", config_map("n"))).status == 422


async def test_parameters_by_name_and_selector() -> None:
    async with api_server() as api:
        kind = {"apiVersion": "v1", "kind": "Secret"}
        reference = {"name": "limit", "namespace": "default", "parameterNotFoundAction": "Deny"}
        validation = {
            "expression": "params.metadata.annotations.max == string(object.data.size())",
            "messageExpression": "string(params.metadata.name)",
        }
        await bind(api, validation, paramKind=kind, binding={"paramRef": reference})
        refused = await api("POST", f"{CORE}/configmaps", config_map("m", a="1"))
        assert refused.message.endswith(
            "denied request: failed to configure binding: no params found for policy binding with `Deny` "
            "parameterNotFoundAction"
        )
        for name, most in (("limit", "1"), ("other", "2")):
            metadata = {"name": name, "labels": {"limits": "yes"}, "annotations": {"max": most}}
            await api.create(f"{CORE}/secrets", {"metadata": metadata})
        assert (await api("POST", f"{CORE}/configmaps", config_map("m", a="1"))).status == 201
        selecting = [
            {"op": "remove", "path": "/spec/paramRef/name"},
            {"op": "add", "path": "/spec/paramRef/selector", "value": {"matchLabels": {"limits": "yes"}}},
        ]
        path = f"{GROUP}/validatingadmissionpolicybindings/b"
        assert (await api.patch(path, selecting, JSON_PATCH)).status == 200
        refused = await api("POST", f"{CORE}/configmaps", config_map("n", a="1"))
        assert refused.message.endswith("denied request: other")


async def test_unknown_parameter_kinds_deny() -> None:
    async with api_server() as api:
        reference = {"name": "x", "parameterNotFoundAction": "Allow"}
        kind = {"apiVersion": "example.com/v1", "kind": "Limit"}
        await bind(api, {"expression": "true"}, paramKind=kind, binding={"paramRef": reference})
        refused = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert refused.message == (
            "configmaps \"m\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: "
            "failed to find resource referenced by paramKind: 'example.com/v1, Kind=Limit'"
        )


async def test_bindings_narrow_down_and_changes_count_at_once() -> None:
    async with api_server() as api:
        selector = {"namespaceSelector": {"matchLabels": {"strict": "yes"}}}
        await bind(api, {"expression": "false"}, binding={"matchResources": selector})
        await api.create("/api/v1/namespaces", {"metadata": {"name": "strict", "labels": {"strict": "yes"}}})
        assert (await api("POST", f"{CORE}/configmaps", config_map("m"))).status == 201
        strict = "/api/v1/namespaces/strict/configmaps"
        assert (await api("POST", strict, config_map("m"))).status == 422
        assert (await api("DELETE", f"{GROUP}/validatingadmissionpolicybindings/b")).status == 200
        assert (await api("POST", strict, config_map("m"))).status == 201


async def change(
    api: Api, *mutations: dict[str, Any], resource: str = "configmaps", group: str = "", **spec: Any
) -> None:
    """A mutating policy `p` with a binding `b`."""
    whole = {
        "matchConstraints": rules(resource, group=group),
        "mutations": [*mutations],
        "reinvocationPolicy": "Never",
        **spec,
    }
    await api.create(f"{GROUP}/mutatingadmissionpolicies", {"metadata": {"name": "p"}, "spec": whole})
    body = {"metadata": {"name": "b"}, "spec": {"policyName": "p"}}
    await api.create(f"{GROUP}/mutatingadmissionpolicybindings", body)


def applying(expression: str) -> dict[str, Any]:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patching(expression: str) -> dict[str, Any]:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


async def test_mutating_policies_apply_and_patch() -> None:
    async with api_server() as api:
        sidecar = """Object{spec: Object.spec{initContainers: [Object.spec.initContainers{
            name: "mesh", image: "mesh:v1", restartPolicy: "Always"}]}}"""
        label = (
            'has(object.metadata.labels) ? [JSONPatch{op: "add", path: "/metadata/labels/" + '
            'jsonpatch.escapeKey("example.com/by"), value: "policy"}] : [JSONPatch{op: "add", path: '
            '"/metadata/labels", value: {"example.com/by": "policy"}}]'
        )
        await change(api, applying(sidecar), patching(label), resource="pods")
        made = await api.create(f"{CORE}/pods", pod("p"))
        assert made["metadata"]["labels"] == {"example.com/by": "policy"}
        container = made["spec"]["initContainers"][0]
        assert (container["name"], container["restartPolicy"]) == ("mesh", "Always")
        assert container["terminationMessagePolicy"] == "File"


@pytest.mark.parametrize(
    ("mutation", "words"),
    [
        (
            applying("Object{spec: Object.wrong{replicas: 1}}"),
            'type mismatch: unexpected type name "Object.wrong", expected "Object.spec"',
        ),
        (
            applying(
                "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{tolerations: []}}}}"
            ),
            "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: "
            ".spec.template.spec.tolerations",
        ),
        (patching('[JSONPatch{op: "remove", path: "/spec/none"}]'), "JSON Patch: "),
        (applying("Object{metadata: Object.metadata{labels: object.nothing}}"), "no such key: nothing"),
    ],
)
async def test_mutations_that_fail(mutation: dict[str, Any], words: str) -> None:
    async with api_server() as api:
        await change(api, mutation, resource="deployments", group="apps")
        template = {"metadata": {"labels": {"a": "b"}}, "spec": pod("x")["spec"]}
        body = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
        refused = await api("POST", DEPLOYMENTS, body)
        assert (refused.status, refused.body["reason"]) == (403, "Invalid")
        assert refused.message.startswith("policy 'p' with binding 'b' denied request: ")
        assert words in refused.message


async def test_a_patch_whose_test_fails_changes_nothing() -> None:
    async with api_server() as api:
        tested = (
            '[JSONPatch{op: "test", path: "/data/a", value: "9"}, JSONPatch{op: "add", path: "/data/b", value: "2"}]'
        )
        await change(api, patching(tested))
        assert (await api.create(f"{CORE}/configmaps", config_map("m", a="1")))["data"] == {"a": "1"}
        assert (await api.create(f"{CORE}/configmaps", config_map("n", a="9")))["data"] == {"a": "9", "b": "2"}


async def test_expressions_that_do_not_compile_are_refused() -> None:
    async with api_server() as api:
        spec = {
            "matchConstraints": rules("configmaps"),
            "validations": [
                {"expression": "object.metadata.name", "messageExpression": "1"},
                {"expression": "object."},
            ],
        }
        refused = await api("POST", f"{GROUP}/validatingadmissionpolicies", {"metadata": {"name": "p"}, "spec": spec})
        assert refused.status == 422
        causes = [(cause["field"], cause["message"]) for cause in refused.body["details"]["causes"]]
        assert causes[0] == (
            "spec.validations[0].expression",
            'Invalid value: "object.metadata.name": must evaluate to bool but got dyn',
        )
        assert causes[1] == (
            "spec.validations[0].messageExpression",
            'Invalid value: "1": must evaluate to string but got int',
        )
        assert causes[2][0] == "spec.validations[1].expression"
        assert causes[2][1].startswith(
            'Invalid value: "object.": compilation failed: ERROR: <input>:1:8: Syntax error:'
        )
