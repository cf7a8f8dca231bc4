"""What upstream says of merged objects that do not fit their Go types."""

import pytest

from kybern.api.patch.conversion import fault, narrowed, unknown

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


def test_base64():
    assert fault(SECRET, {"data": {"a": "YWI="}}) == ""
    assert fault(SECRET, {"data": {"a": "ab!d"}}) == "error decoding from json: illegal base64 data at input byte 2"


NARROWED = [
    (DEPLOYMENT, {"spec": {"replicas": 2**31 + 4}}, {"spec": {"replicas": 4 - 2**31}}),
    (DEPLOYMENT, {"spec": {"replicas": 6.0}}, {"spec": {"replicas": 6}}),
    (POD, {"spec": {"terminationGracePeriodSeconds": 2**40}}, None),
    (
        POD,
        {"spec": {"containers": [{"name": "c"}, {"ports": [{"containerPort": 2**32 + 80}]}]}},
        {"spec": {"containers": [{"name": "c"}, {"ports": [{"containerPort": 80}]}]}},
    ),
    (DEPLOYMENT, {"spec": {"replicas": 1.5, "paused": "x"}, "metadata": {"labels": {"a": "b"}}, "more": 1.0}, None),
]


@pytest.mark.parametrize(("definition", "obj", "expected"), NARROWED)
def test_numbers_lose_their_top_bits(definition, obj, expected):
    if expected is None:
        assert narrowed(definition, obj) is obj
    else:
        assert narrowed(definition, obj) == expected


EVENT, POLICY = "io.k8s.api.core.v1.Event", "io.k8s.api.networking.v1.NetworkPolicy"
DECODE_THEMSELVES = [
    (EVENT, {"related": {"kind": 1}, "eventTime": {}}, "json: cannot unmarshal object into Go value of type string"),
    (EVENT, {"eventTime": "2027-01-02T03:04:05.000006Z", "firstTimestamp": "2027-01-02T03:04:05Z"}, ""),
    (
        POLICY,
        {"spec": {"egress": [{"ports": [{"port": [1]}]}]}},
        "json: cannot unmarshal array into Go value of type int32",
    ),
    (
        POLICY,
        {"spec": {"egress": [{"ports": [{"port": 2**40}]}]}},
        f"json: cannot unmarshal number {2**40} into Go value of type int32",
    ),
]


@pytest.mark.parametrize(("definition", "obj", "expected"), DECODE_THEMSELVES)
def test_types_that_decode_themselves(definition, obj, expected):
    assert fault(definition, obj) == expected


def test_times_are_told_of_in_the_order_of_the_type():
    assert fault(EVENT, {"related": {"kind": 1}, "eventTime": "late"}).startswith('parsing time "late" as ')


def test_paths_of_unknown_fields_leave_keys_of_maps_out():
    device = {"name": "d", "capacity": {"m": {"value": "1", "x": 1}, "n": None}, "y": {}}
    obj = {"metadata": {"labels": {"any": "a"}, "z": 1}, "spec": {"devices": [{}, device]}, "a": None}
    assert unknown("io.k8s.api.resource.v1.ResourceSlice", obj) == [
        'unknown field "a"',
        'unknown field "metadata.z"',
        'unknown field "spec.devices[1].capacity.x"',
        'unknown field "spec.devices[1].y"',
    ]
