"""Kinds with two versions of one stored object: nothing is lost on the way there and back."""

from kybern.api import registry
from kybern.api.selectors import check_fields, parse_fields
from tests.unit.api.written import create, new, resource_of

TARGET = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
UTILIZATION = {"type": "Utilization", "averageUtilization": 50}
METRICS = [
    {"type": "Resource", "resource": {"name": "cpu", "target": UTILIZATION}},
    {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}},
    {
        "type": "ContainerResource",
        "containerResource": {"name": "cpu", "container": "c", "target": UTILIZATION},
    },
    {
        "type": "Pods",
        "pods": {
            "metric": {"name": "m", "selector": {"matchLabels": {"a": "b"}}},
            "target": {"type": "AverageValue", "averageValue": "5"},
        },
    },
    {
        "type": "Object",
        "object": {"describedObject": TARGET, "metric": {"name": "m"}, "target": {"type": "Value", "value": "7"}},
    },
    {
        "type": "External",
        "external": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "9"}},
    },
]
CURRENT = [
    {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 40, "averageValue": "1"}}},
    {"type": "Pods", "pods": {"metric": {"name": "m"}, "current": {"averageValue": "2"}}},
    {
        "type": "Object",
        "object": {
            "describedObject": TARGET,
            "metric": {"name": "m"},
            "current": {"value": "1", "averageValue": "2"},
        },
    },
    {
        "type": "ContainerResource",
        "containerResource": {"name": "cpu", "container": "c", "current": {"averageValue": "1"}},
    },
    {"type": "External", "external": {"metric": {"name": "m"}, "current": {"value": "0", "averageValue": "3"}}},
]


def ordered_last(metrics):
    """v1 has its one field for the first share of the CPU, which comes back as the last metric."""
    return [*metrics[1:], metrics[0]]


def autoscaler():
    spec = {"scaleTargetRef": TARGET, "maxReplicas": 3, "metrics": METRICS}
    stored = create(
        new("HorizontalPodAutoscaler", spec, api_version="autoscaling/v2", metadata={"annotations": {"my": "own"}})
    )
    stored["spec"]["behavior"] = {"scaleDown": {"stabilizationWindowSeconds": 60, "selectPolicy": "Max"}}
    stored["status"]["currentMetrics"] = CURRENT
    stored["status"]["conditions"] = [{"type": "AbleToScale", "status": "True"}]
    return stored


def test_an_autoscaler_survives_being_read_and_written_as_v1():
    stored = autoscaler()
    v1 = registry.find("autoscaling", "v1", "horizontalpodautoscalers")
    shown = v1.from_storage(stored)
    assert shown["apiVersion"] == "autoscaling/v1"
    assert shown["spec"]["targetCPUUtilizationPercentage"] == 50
    assert shown["status"]["currentCPUUtilizationPercentage"] == 40
    assert set(shown["metadata"]["annotations"]) == {
        "my",
        *(
            f"autoscaling.alpha.kubernetes.io/{part}"
            for part in ("metrics", "behavior", "current-metrics", "conditions")
        ),
    }
    back = v1.to_storage(shown)
    assert back == {**stored, "spec": {**stored["spec"], "metrics": ordered_last(METRICS)}}


def test_annotations_that_cannot_be_read_are_ignored():
    v1 = registry.find("autoscaling", "v1", "horizontalpodautoscalers")
    shown = v1.from_storage(autoscaler())
    shown["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"] = "{"
    back = v1.to_storage(shown)
    assert back["spec"]["metrics"] == METRICS[:1]
    assert back["metadata"]["annotations"] == {"my": "own"}


EVENT = new(
    "Event",
    api_version="events.k8s.io/v1",
    eventTime="2026-01-01T00:00:00.000000Z",
    regarding={"kind": "Pod", "name": "p", "namespace": "default"},
    reason="Started",
    note="hello",
    type="Normal",
    action="Starting",
    reportingController="example.com/c",
    reportingInstance="i",
)


def test_an_event_has_other_names_in_the_other_group():
    made = create(EVENT)
    resource = resource_of(made)
    stored = resource.to_storage(made)
    assert stored["apiVersion"] == "v1"
    assert stored["involvedObject"] == made["regarding"]
    assert stored["message"] == "hello"
    assert stored["reportingComponent"] == "example.com/c"
    assert resource.from_storage(stored) == made


def test_field_selectors_reach_the_store_in_its_names():
    resource = resource_of(EVENT)
    selector = check_fields(parse_fields("regarding.name=p,reason!=x,metadata.name=x"), resource)
    assert str(selector) == "metadata.name=x,reason!=x,involvedObject.name=p"
    stored = registry.find("", "v1", "events")
    made = resource.to_storage(create(EVENT))
    assert stored.selectable_fields["involvedObject.name"](made) == "p"
