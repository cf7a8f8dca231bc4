"""What upstream says of merged objects that do not fit their Go types."""

import pytest

from kybern.api.patch.conversion import fault

DEPLOYMENT, POD, SECRET = (f"io.k8s.api.{name}" for name in ("apps.v1.Deployment", "core.v1.Pod", "core.v1.Secret"))

FAULTS = [
    (DEPLOYMENT, {"metadata": []}, "cannot restore struct from: slice"),
    (DEPLOYMENT, {"spec": "x"}, "cannot restore struct from: string"),
    (DEPLOYMENT, {"metadata": {"labels": True}}, "cannot restore map from bool"),
    (DEPLOYMENT, {"metadata": {"labels": {"a": 7}}}, "cannot convert int64 to string"),
    (DEPLOYMENT, {"metadata": {"labels": {"a": 7.5}}}, "unrecognized type: string"),
    (DEPLOYMENT, {"metadata": {"labels": {"a": {}}}}, "unrecognized type: string"),
    (DEPLOYMENT, {"spec": {"replicas": "3"}}, "unrecognized type: int32"),
    (DEPLOYMENT, {"spec": {"replicas": 3.25}}, "cannot convert float64 to int32"),
    (DEPLOYMENT, {"spec": {"replicas": 3.0}}, ""),
    (DEPLOYMENT, {"spec": {"paused": 1}}, "unrecognized type: bool"),
    (POD, {"spec": {"containers": {"name": "c"}}}, "cannot restore slice from map"),
    (POD, {"spec": {"containers": [{"ports": [{"protocol": 6}]}]}}, "cannot convert int64 to v1.Protocol"),
    (POD, {"spec": {"containers": [None, {"name": "c"}], "nodeName": None}}, ""),
    (SECRET, {"data": {"a": 1}}, "cannot restore slice from int64"),
]


@pytest.mark.parametrize(("definition", "obj", "expected"), FAULTS)
def test_faults(definition, obj, expected):
    assert fault(definition, obj) == expected
