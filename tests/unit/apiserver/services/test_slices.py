"""What of a Service's slices is ready."""

from typing import Any

from kybern.apiserver.services.slices import ports_named, ready_endpoints

SLICE: dict[str, Any] = {
    "endpoints": [
        {"addresses": ["10.0.0.1"]},
        {"addresses": ["10.0.0.2"], "conditions": {"ready": True}},
        {"addresses": ["10.0.0.3"], "conditions": {"ready": False}},
        {"addresses": ["10.0.0.4"], "conditions": {"serving": True}},
    ],
    "ports": [{"port": 80}, {"name": "", "port": 81}, {"name": "https", "port": 443}],
}


def test_an_endpoint_that_is_told_nothing_is_ready() -> None:
    assert [each["addresses"][0] for each in ready_endpoints(SLICE)] == ["10.0.0.1", "10.0.0.2", "10.0.0.4"]
    assert list(ready_endpoints({"endpoints": None})) == []


def test_a_port_without_a_name_has_the_empty_one() -> None:
    assert [each["port"] for each in ports_named(SLICE, "")] == [80, 81]
    assert [each["port"] for each in ports_named(SLICE, "https")] == [443]
