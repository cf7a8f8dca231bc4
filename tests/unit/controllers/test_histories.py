"""What a ControllerRevision holds: clients compare it byte by byte with the template that they encode themselves."""

from typing import Any

import orjson
import pytest

from kybern.api.types import convert, encode
from kybern.api.types.apps_v1 import ControllerRevision, DaemonSet, StatefulSet
from kybern.controllers import daemonset_history, statefulset_history
from kybern.controllers.deployment_revisions import safe_encoded

TEMPLATE = {
    "metadata": {"labels": {"z": "1", "a": "2"}},
    "spec": {
        "restartPolicy": "Always",
        "containers": [{"name": "c", "image": "app", "env": [{"name": "Z", "value": "1"}]}],
        "nodeSelector": {"zone": "x", "arch": "y"},
    },
}


@pytest.mark.parametrize(("kind", "module"), [(DaemonSet, daemonset_history), (StatefulSet, statefulset_history)])
def test_keys_are_in_order(kind: Any, module: Any) -> None:
    patch = module.template_patch(convert({"spec": {"template": TEMPLATE}}, kind))
    wanted = {"spec": {"template": {**TEMPLATE, "$patch": "replace"}}}
    data = orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS)
    assert orjson.dumps(patch) == data
    assert b'"data":' + data in encode(ControllerRevision(data=patch))


@pytest.mark.parametrize(("data", "digest"), [(b"", 0x811C9DC5), (b"a", 0x050C5D7E), (b"foobar", 0x31F0B262)])
def test_the_hash_is_the_published_one(data: bytes, digest: int) -> None:
    assert statefulset_history.fnv1(data) == digest


def test_a_revision_is_named_by_the_bytes_that_go_encodes_and_the_collisions() -> None:
    data = {"b": "<&>", "a": 1}
    wanted = statefulset_history.fnv1(b'{"a":1,"b":"\\u003c\\u0026\\u003e"}' + b"2")
    assert statefulset_history.revision_hash(data, 2) == safe_encoded(wanted)
    stateful_set = convert({"metadata": {"name": "web"}, "spec": {"template": TEMPLATE}}, StatefulSet)
    first, second = (statefulset_history.make(stateful_set, 1, collisions) for collisions in (0, 1))
    assert first.metadata.name == f"web-{statefulset_history.revision_hash(first.data, 0)}"
    assert first.metadata.name != second.metadata.name
