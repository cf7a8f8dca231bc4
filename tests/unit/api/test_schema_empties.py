"""Empty lists and maps that decoding dropped."""

import pytest

from kybern.api.schema import codec
from kybern.api.schema.empties import has_any, restored

POLICY, ROLE, POD, DEPLOYMENT = (
    f"io.k8s.api.{name}"
    for name in ("networking.v1.NetworkPolicy", "rbac.v1.Role", "core.v1.Pod", "apps.v1.Deployment")
)

RESTORED = [
    (POLICY, {"spec": {"podSelector": {}}}, {"spec": {"podSelector": {}, "egress": []}}),
    (POD, {"spec": {"containers": [{"name": "c"}]}}, {"spec": {"containers": [{"name": "c", "args": []}]}}),
    (POD, {"spec": {"nodeSelector": None}}, {"spec": {"nodeSelector": {}}}),
    (DEPLOYMENT, {"spec": {"template": {}}}, {"spec": {"template": {"metadata": {"labels": {}}}}}),
]
AS_IT_IS = [
    (POD, {"spec": {"tolerations": [{"key": "a"}]}}, {"spec": {"tolerations": []}}),
    (POD, {"spec": {"containers": [{"name": "c"}]}}, {"spec": {"containers": [{"args": []}, {"args": []}]}}),
    (POD, {"spec": {}}, {"spec": {"volumes": {}, "nodeName": "", "securityContext": {}}}),
    (DEPLOYMENT, {"spec": {"selector": {}}}, {"spec": {"selector": {"matchLabels": {}}}}),
    (POD, {"spec": {}}, None),
]


@pytest.mark.parametrize(("definition", "obj", "sent"), RESTORED)
def test_what_was_sent_empty_comes_back(definition, obj, sent):
    assert restored(definition, obj, sent) == sent
    assert has_any(definition, obj, sent)


@pytest.mark.parametrize(("definition", "obj", "sent"), AS_IT_IS)
def test_all_else_stays_the_object_itself(definition, obj, sent):
    assert restored(definition, obj, sent) is obj
    assert not has_any(definition, obj, sent)


def test_nothing_is_changed_in_place():
    obj = {"spec": {"podSelector": {}}}
    restored(POLICY, obj, {"spec": {"ingress": []}})
    assert obj == {"spec": {"podSelector": {}}}


def test_encoded_is_what_go_never_leaves_out():
    sent = {"metadata": {"finalizers": []}, "rules": []}
    obj, _ = codec("rbac.authorization.k8s.io/v1", "Role").complete({**sent}, "Warn")
    whole = restored(ROLE, obj, sent, encoded=True)
    assert whole["rules"] == []
    assert "finalizers" not in whole["metadata"]


def test_within_atomic_lists_all_are_seen():
    sent = {"metadata": {}, "rules": [{"verbs": [], "resources": []}]}
    obj, _ = codec("rbac.authorization.k8s.io/v1", "Role").complete({**sent}, "Warn")
    assert restored(ROLE, obj, sent, encoded=True)["rules"] == [{"verbs": [], "resources": []}]


def test_schemas_within_schemas():
    schemas = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
    sent = {"items": {"type": "object", "required": []}, "additionalProperties": True}
    stored = {"items": {"type": "object"}, "additionalProperties": True}
    assert restored(schemas, stored, sent) == sent


def test_quantities_that_were_not_sent_are_none():
    source = {"resource": "limits.cpu"}
    stored = {"spec": {"containers": [{"env": [{"valueFrom": {"resourceFieldRef": {**source, "divisor": "0"}}}]}]}}
    sent = {"spec": {"containers": [{"env": [{"valueFrom": {"resourceFieldRef": source}}]}]}}
    assert restored(POD, stored, sent, encoded=True, unsent=True) == sent
    assert restored(POD, stored, stored, encoded=True, unsent=True) is stored
    assert restored(POD, stored, sent, encoded=True) is stored
    assert restored(POD, stored, sent) is stored


def test_so_are_those_in_lists_that_are_one_value():
    def volume(**more):
        items = [{"path": "p", "resourceFieldRef": {"resource": "limits.cpu", **more}}]
        return {"spec": {"volumes": [{"name": "v", "downwardAPI": {"items": items}}]}}

    assert restored(POD, volume(divisor="0"), volume(), encoded=True, unsent=True) == volume()


def test_parts_may_be_left_out():
    assert not has_any(POLICY, {"metadata": {}}, {"metadata": {"labels": {}}}, ("metadata",))


def test_defaults_that_tell_empty_from_none():
    scaling = codec("autoscaling/v2", "HorizontalPodAutoscaler")
    spec = {"scaleTargetRef": {"kind": "x", "name": "y"}, "maxReplicas": 2, "behavior": {"scaleUp": {"policies": []}}}
    obj, _ = scaling.complete({"metadata": {}, "spec": spec}, "Warn")
    assert obj["spec"]["behavior"]["scaleUp"]["policies"] == []
    assert len(obj["spec"]["behavior"]["scaleDown"]["policies"]) == 1
