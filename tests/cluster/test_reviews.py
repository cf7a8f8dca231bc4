"""Reviews as clients see them: who sent what, what is refused, and in which words."""

from typing import Any

import pytest

from kybern.apiserver.user import authenticated
from tests.cluster.api_server import Api, api_server

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ACCESS = "/apis/authorization.k8s.io/v1"
IDENTITY = "/apis/authentication.k8s.io/v1"
LOCAL = f"{ACCESS}/namespaces/default/localsubjectaccessreviews"
GET_PODS = {"verb": "get", "resource": "pods"}
EXACTLY_ONE = (
    "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be "
    "specified"
)
TOGETHER = (
    'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: cannot be specified in combination with '
    "resourceAttributes"
)


async def test_reviews_tell_who_sent_what() -> None:
    async with api_server() as api:
        made = await api.create(
            f"{ACCESS}/subjectaccessreviews", {"spec": {"user": "u", "resourceAttributes": GET_PODS}}
        )
        (entry,) = made["metadata"]["managedFields"]
        assert entry["fieldsV1"] == {
            "f:spec": {"f:resourceAttributes": {".": {}, "f:resource": {}, "f:verb": {}}, "f:user": {}}
        }
        token = await api("POST", f"{IDENTITY}/tokenreviews", {"spec": {"token": "t"}}, fieldManager="door")
        assert token.body["metadata"]["managedFields"][0]["manager"] == "door"
        assert (await api("POST", f"{IDENTITY}/tokenreviews/t", {})).status == 404


async def test_reviews_of_oneself_are_the_servers_own_objects() -> None:
    async with api_server() as api:
        me = await api.create(f"{IDENTITY}/selfsubjectreviews", {"metadata": {"name": "x"}})
        assert me["metadata"].keys() == {"creationTimestamp"}
        rules = await api.create(f"{ACCESS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}})
        assert (rules["metadata"], rules["spec"]) == ({}, {})


@pytest.mark.parametrize(
    ("path", "spec", "faults"),
    [
        (
            "subjectaccessreviews",
            {},
            f'[{EXACTLY_ONE}, spec.user: Invalid value: "": at least one of user or group must be specified]',
        ),
        ("selfsubjectaccessreviews", {}, EXACTLY_ONE),
        (
            "selfsubjectaccessreviews",
            {"resourceAttributes": GET_PODS, "nonResourceAttributes": {"path": "/x", "verb": "get"}},
            TOGETHER,
        ),
        (
            "selfsubjectaccessreviews",
            {"resourceAttributes": {**GET_PODS, "fieldSelector": {}}},
            "spec.resourceAttributes.fieldSelector.requirements: Required value: when "
            "spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required",
        ),
        (
            "selfsubjectaccessreviews",
            {
                "resourceAttributes": {
                    **GET_PODS,
                    "labelSelector": {"rawSelector": "a=b", "requirements": [{"key": "a", "operator": "In"}]},
                }
            },
            '[spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a=b": may not specified at the same '
            "time as requirements, spec.resourceAttributes.labelSelector.requirements[0].values: Required value: must be "
            "specified when `operator` is 'In' or 'NotIn']",
        ),
        (
            "namespaces/default/localsubjectaccessreviews",
            {"user": "u", "resourceAttributes": {**GET_PODS, "namespace": "other"}},
            'spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace',
        ),
        (
            "namespaces/default/localsubjectaccessreviews",
            {"user": "u", "nonResourceAttributes": {"path": "/x"}},
            'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":""}: disallowed on this kind of request',
        ),
    ],
)
async def test_what_is_refused(path: str, spec: dict[str, Any], faults: str) -> None:
    async with api_server() as api:
        answer = await api("POST", f"{ACCESS}/{path}", {"spec": spec})
        assert (answer.status, answer.message) == (422, f'.authorization.k8s.io "" is invalid: {faults}')
        assert answer.body["details"].keys() == {"group", "causes"}


async def test_a_review_has_no_metadata_of_its_own() -> None:
    async with api_server() as api:
        body = {"metadata": {"name": "n"}, "spec": {"user": "u", "resourceAttributes": GET_PODS}}
        answer = await api("POST", f"{ACCESS}/subjectaccessreviews", body)
        assert answer.body["details"]["causes"][0]["field"] == "metadata"
        other = {"metadata": {"namespace": "other"}, "spec": {"user": "u", "resourceAttributes": GET_PODS}}
        assert (await api("POST", LOCAL, other)).status == 400


async def test_an_operator_that_nobody_knows_is_let_through() -> None:
    async with api_server() as api:
        selector = {"requirements": [{"key": "a", "operator": "Newer"}]}
        spec = {"resourceAttributes": {**GET_PODS, "labelSelector": selector}}
        assert (await api("POST", f"{ACCESS}/selfsubjectaccessreviews", {"spec": spec})).status == 201


async def keeper(api: Api) -> Api:
    """Somebody who may write roles but has little to grant."""
    group = "rbac.authorization.k8s.io"
    rules = [
        {
            "apiGroups": [group],
            "resources": ["clusterroles", "clusterrolebindings"],
            "verbs": ["create", "update", "patch"],
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
    ]
    await api.create(f"{RBAC}/clusterroles", {"metadata": {"name": "keeper"}, "rules": rules})
    ref = {"apiGroup": group, "kind": "ClusterRole", "name": "keeper"}
    subjects = [{"apiGroup": group, "kind": "User", "name": "kim"}]
    await api.create(f"{RBAC}/clusterrolebindings", {"metadata": {"name": "k"}, "roleRef": ref, "subjects": subjects})
    return api.as_user(authenticated("kim", ()))


async def test_who_gathers_rules_must_have_all() -> None:
    async with api_server() as api:
        kim = await keeper(api)
        gathering = {"clusterRoleSelectors": [{"matchLabels": {"any": "thing"}}]}
        body = {"metadata": {"name": "g"}, "aggregationRule": gathering}
        refused = await kim("POST", f"{RBAC}/clusterroles", body)
        assert (refused.status, refused.message) == (
            403,
            'clusterroles.rbac.authorization.k8s.io "g" is forbidden: must have cluster-admin privileges to use the '
            "aggregationRule",
        )
        await api.create(f"{RBAC}/clusterroles", body)
        taken = await kim.patch(f"{RBAC}/clusterroles/g", {"aggregationRule": None})
        assert taken.status == 403


async def test_who_relabels_a_role_grants_it_anew() -> None:
    """A label may be what an aggregated role is looking for."""
    async with api_server() as api:
        kim = await keeper(api)
        await api.create(
            f"{RBAC}/clusterroles",
            {"metadata": {"name": "s"}, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]},
        )
        assert (await kim.patch(f"{RBAC}/clusterroles/s", {"metadata": {"labels": {"a": "b"}}})).status == 403
        finalizers = {"metadata": {"finalizers": ["example.com/kept"]}}
        assert (await kim.patch(f"{RBAC}/clusterroles/s", finalizers)).status == 200


async def test_a_role_that_is_not_there_is_missed_by_the_binding() -> None:
    async with api_server() as api:
        kim = await keeper(api)
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "none"}
        body = {"metadata": {"name": "b"}, "roleRef": ref}
        answer = await kim("POST", f"{RBAC}/clusterrolebindings", body)
        assert answer.message == 'clusterrolebindings.rbac.authorization.k8s.io "none" not found'


async def test_a_review_has_no_table() -> None:
    path, spec = f"{ACCESS}/selfsubjectaccessreviews", {"spec": {"resourceAttributes": GET_PODS}}
    form = "application/json;g=meta.k8s.io;v=v1;as={}"
    async with api_server() as api:
        alone = await api("POST", path, spec, {"accept": form.format("Table")})
        assert (alone.status, alone.body["reason"]) == (406, "NotAcceptable")
        either = await api("POST", path, spec, {"accept": f"{form.format('Table')},application/json"})
        assert either.body["status"]["allowed"] is True
        metadata = await api("POST", path, spec, {"accept": form.format("PartialObjectMetadata")})
        assert (metadata.status, metadata.body["kind"]) == (201, "PartialObjectMetadata")
