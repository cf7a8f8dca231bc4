"""Strategic merge on the built-in structure: what sig-api-machinery's document says of each directive."""

import copy

import pytest

from kybern.api.patch import strategic_merge
from kybern.api.patch.go_text import go_value
from kybern.api.patch.rfc6902 import PatchFailed
from kybern.api.patch.strategic import spent
from kybern.base.errors import BadRequest, Unclassified

POD = "io.k8s.api.core.v1.Pod"
DEPLOYMENT = "io.k8s.api.apps.v1.Deployment"


def containers(*items):
    return {"spec": {"containers": list(items)}}


A1, B1, C1 = ({"name": name, "image": f"{name}:1"} for name in "abc")

CASES = [
    (
        "a field of one item",
        POD,
        containers(A1, B1),
        containers({"name": "b", "image": "b:2"}),
        containers(A1, {"name": "b", "image": "b:2"}),
    ),
    ("a new item comes first", POD, containers(A1), containers(B1), containers(B1, A1)),
    (
        "the given order wins",
        POD,
        containers(A1, B1),
        {"spec": {"$setElementOrder/containers": [{"name": "a"}, {"name": "c"}, {"name": "b"}], "containers": [C1]}},
        containers(A1, C1, B1),
    ),
    (
        "order alone",
        POD,
        containers(A1, B1),
        {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}},
        containers(B1, A1),
    ),
    ("delete an item", POD, containers(A1, B1), containers({"$patch": "delete", "name": "a"}), containers(B1)),
    ("replace the list", POD, containers(A1, B1), containers({"$patch": "replace"}, C1), containers(C1)),
    (
        "replace an object",
        POD,
        {"spec": {"dnsPolicy": "X", "containers": [A1]}},
        {"spec": {"$patch": "replace", "nodeName": "n"}},
        {"spec": {"nodeName": "n"}},
    ),
    (
        "delete an object",
        POD,
        {"spec": {"securityContext": {"runAsUser": 1}}},
        {"spec": {"securityContext": {"$patch": "delete"}}},
        {"spec": {"securityContext": {}}},
    ),
    (
        "null removes",
        POD,
        {"metadata": {"labels": {"a": "1", "b": "2"}}},
        {"metadata": {"labels": {"a": None, "z": None}}},
        {"metadata": {"labels": {"b": "2"}}},
    ),
    (
        "nulls of new objects vanish",
        POD,
        {"spec": {}},
        {"spec": {"securityContext": {"runAsUser": None, "fsGroup": 1}}},
        {"spec": {"securityContext": {"fsGroup": 1}}},
    ),
    (
        "sets of scalars join",
        POD,
        {"metadata": {"finalizers": ["a/x"]}},
        {"metadata": {"finalizers": ["b/x", "a/x"]}},
        {"metadata": {"finalizers": ["b/x", "a/x"]}},
    ),
    (
        "scalars are removed",
        POD,
        {"metadata": {"finalizers": ["a/x", "b/x"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/x"]}},
        {"metadata": {"finalizers": ["b/x"]}},
    ),
    (
        "atomic lists are replaced",
        POD,
        {"spec": {"tolerations": [{"key": "a"}]}},
        {"spec": {"tolerations": [{"key": "b"}]}},
        {"spec": {"tolerations": [{"key": "b"}]}},
    ),
    (
        "retainKeys clears the rest",
        DEPLOYMENT,
        {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}},
        {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
        {"spec": {"strategy": {"type": "Recreate"}}},
    ),
    (
        "ports merge by containerPort",
        POD,
        containers({"name": "a", "ports": [{"containerPort": 80}]}),
        containers({"name": "a", "ports": [{"containerPort": 80, "name": "web"}]}),
        containers({"name": "a", "ports": [{"containerPort": 80, "name": "web"}]}),
    ),
    (
        "a new element comes where a deleted one has made room",
        POD,
        containers(A1, B1, C1),
        {
            "spec": {
                "$setElementOrder/containers": [{"name": "b"}, {"name": "d"}],
                "containers": [{"$patch": "delete", "name": "a"}, {"name": "d"}],
            }
        },
        containers(B1, C1, {"name": "d"}),
    ),
    (
        "elements that the order leaves out stay before what comes after them",
        POD,
        containers(A1, B1, C1),
        {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "b"}]}},
        containers(A1, C1, B1),
    ),
    (
        "a new element is taken as it is given",
        POD,
        containers(A1),
        containers({"name": "b", "command": None, "env": [{"name": "x", "$patch": "delete"}]}),
        containers({"name": "b", "command": None, "env": [{"name": "x", "$patch": "delete"}]}, A1),
    ),
    (
        "null takes the list that it should shorten",
        POD,
        {"metadata": {"finalizers": ["a/x"], "name": "n"}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": None}},
        {"metadata": {"name": "n"}},
    ),
    (
        "what is no list shortens none",
        POD,
        {"metadata": {"finalizers": ["a/x"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": "a/x", "$deleteFromPrimitiveList/ownerReferences": ["b"]}},
        {"metadata": {"finalizers": ["a/x"]}},
    ),
    (
        "the selector of a budget is replaced",
        "io.k8s.api.policy.v1.PodDisruptionBudget",
        {"spec": {"selector": {"matchLabels": {"a": "b"}}}},
        {"spec": {"selector": {"matchExpressions": []}}},
        {"spec": {"selector": {"matchExpressions": []}}},
    ),
]


@pytest.mark.parametrize(
    ("kind", "obj", "patch", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_merges(kind, obj, patch, expected):
    before, patch_before = copy.deepcopy(obj), copy.deepcopy(patch)
    assert strategic_merge(obj, patch, kind) == expected
    assert (obj, patch) == (before, patch_before)


REFUSALS = [
    ([1], BadRequest, "invalid JSON document"),
    ({"spec": {"$setElementOrder": []}}, BadRequest, "invalid patch format of setElementOrder list"),
    (
        {"spec": {"$setElementOrder/containers": 1}},
        Unclassified,
        "expected a []interface {}, but received a int64",
    ),
    (
        {"spec": {"$setElementOrder/containers": [], "containers": "x"}},
        Unclassified,
        "expected a []interface {}, but received a string",
    ),
    ({"spec": {"$retainKeys": ["a"], "nodeName": "n"}}, BadRequest, "invalid patch format of retainKeys"),
    ({"metadata": {"$deleteFromPrimitiveList": []}}, BadRequest, "invalid patch format of primitive list"),
    (containers({"image": "x"}), Unclassified, "map: map[image:x] does not contain declared merge key: name"),
    (
        containers({"name": "a", "$patch": "boil"}),
        Unclassified,
        "unknown patch type: boil in map: map[$patch:boil name:a]",
    ),
    (
        containers({"name": "a", "$patch": 7}),
        Unclassified,
        "unknown patch type: %!s(int64=7) in map: map[$patch:7 name:a]",
    ),
    (containers(1), Unclassified, f"list element types are not identical: [[{go_value(A1)}] [1]]"),
    (
        {"status": {"$patch": "merge"}},
        Unclassified,
        "unknown patch type: merge in map: map[$patch:merge]",
    ),
    (
        {"spec": {"$setElementOrder/cases": []}},
        Unclassified,
        'unable to find api field in struct PodSpec for the json field "cases"',
    ),
    (
        {"spec": {"$setElementOrder/nodeName": []}},
        Unclassified,
        "expected slice or array type, but got: struct",
    ),
    (
        {"spec": {"$setElementOrder/containers": [{"name": "b"}], "containers": [A1]}},
        Unclassified,
        f"The order in patch list:\n[{go_value(A1)}]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
    ),
    (
        {"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": None}},
        Unclassified,
        "expected a []interface {}, but received a %!s(<nil>)",
    ),
    (
        {"metadata": {"$setElementOrder/finalizers": ["x"], "finalizers": []}},
        Unclassified,
        "no elements in any of the given slices",
    ),
    (
        {"spec": {"$deleteFromPrimitiveList/containers": ["a"]}},
        Unclassified,
        f"list element types are not identical: [[{go_value(A1)}] [a]]",
    ),
    (
        {"metadata": {"$deleteFromPrimitiveList/ownerReferences": [{}]}},
        Unclassified,
        "map: map[] does not contain declared merge key: uid",
    ),
    ({"spec": {"$retainKeys": ["containers"], "$other": 1}}, BadRequest, "invalid patch format of retainKeys"),
    (
        {"metadata": {"finalizers": [[1]]}},
        PatchFailed,
        "the server rejected our request due to an error in our request",
    ),
]


@pytest.mark.parametrize(("patch", "error", "message"), REFUSALS)
def test_refuses(patch, error, message):
    with pytest.raises(error) as caught:
        metadata = {"finalizers": [], "ownerReferences": [{"uid": "u"}]}
        strategic_merge({"metadata": metadata, "spec": {"containers": [A1]}}, patch, POD)
    assert caught.value.message == message


def test_unchanged_parts_are_shared():
    obj = {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [A1, B1]}}
    patched = strategic_merge(obj, containers({"name": "b", "image": "b:2"}), POD)
    assert patched["metadata"] is obj["metadata"]
    assert patched["spec"]["containers"][0] is A1


SPENT = [
    ({"spec": {"nodeName": None, "hostname": "h"}}, "map[spec:map[hostname:h nodeName:<nil>]]"),
    (
        {"spec": {"dnsConfig": {"searches": None, "options": [{"$patch": "delete"}]}}},
        "map[spec:map[dnsConfig:map[options:[]]]]",
    ),
    (
        containers({"name": "a", "command": None, "env": [{"name": "x", "value": None}]}, {"name": "z", "image": None}),
        "map[spec:map[containers:[map[command:<nil> env:[map[name:x]] name:a] map[image:<nil> name:z]]]]",
    ),
    (
        {"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [A1], "$retainKeys": ["containers"]}},
        "map[spec:map[]]",
    ),
    ({"spec": {"$patch": "replace", "a": None}}, "map[spec:map[a:<nil>]]"),
    (
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}},
        "map[metadata:map[$deleteFromPrimitiveList/finalizers:[a]]]",
    ),
    (containers({"name": "a", "$patch": "delete"}), "map[spec:map[containers:[map[$patch:delete name:a]]]]"),
]


@pytest.mark.parametrize(("patch", "shown"), SPENT)
def test_messages_show_what_is_left_of_a_patch(patch, shown):
    before = copy.deepcopy(patch)
    assert go_value(spent(["@", POD], {"metadata": {"finalizers": ["a"]}, **containers(A1)}, patch)) == shown
    assert patch == before
