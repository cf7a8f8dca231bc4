"""What a ControllerRevision holds: clients compare it byte by byte with the template that they encode themselves."""

from typing import Any

import orjson
import pytest

from kybern.api.types import convert, encode
from kybern.api.types.apps_v1 import ControllerRevision, DaemonSet, StatefulSet
from kybern.controllers import daemonset_history, statefulset_history

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
