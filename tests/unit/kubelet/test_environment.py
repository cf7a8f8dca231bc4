"""A container's environment, case by case."""

from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import ConfigMap, Pod, Secret, Service
from kybern.kubelet.config.downward import Node
from kybern.kubelet.config.environment import ConfigError, Sources, container_environment
from kybern.kubelet.config.expansion import expand
from kybern.kubelet.config.services import service_environment

NODE = Node("n1", ("10.0.0.1", "fd00::1"), {"cpu": "2", "memory": "4Gi"})
SOURCES = Sources(
    config_maps={"cm": convert({"data": {"color": "red", "a=b": "x"}}, ConfigMap)},
    secrets={"s": convert({"data": {"password": "aHVudGVyMg=="}}, Secret)},
    services={"KUBERNETES_SERVICE_HOST": "10.96.0.1"},
)


def environment(container: dict[str, Any]) -> dict[str, str]:
    pod = convert(
        {
            "metadata": {
                "name": "web-0",
                "namespace": "default",
                "uid": "u1",
                "labels": {"app": "web", "b": 'say "hi"'},
            },
            "spec": {"serviceAccountName": "robot", "containers": [{"name": "c", **container}]},
            "status": {"podIP": "10.244.0.5", "podIPs": [{"ip": "10.244.0.5"}, {"ip": "fd00::5"}]},
        },
        Pod,
    )
    return dict(container_environment(pod, pod.spec.containers[0], SOURCES, NODE).variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "1"),
        ("$(A)$(B)", "12"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(C)", "$(C)"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$(LOOP)", "$(A)"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "B": "2", "LOOP": "$(A)"}) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"fieldRef": {"fieldPath": "metadata.name"}}, "web-0"),
        ({"fieldRef": {"fieldPath": "metadata.labels['app']"}}, "web"),
        ({"fieldRef": {"fieldPath": "metadata.labels"}}, 'app="web"\nb="say \\"hi\\""'),
        ({"fieldRef": {"fieldPath": "spec.nodeName"}}, "n1"),
        ({"fieldRef": {"fieldPath": "spec.serviceAccountName"}}, "robot"),
        ({"fieldRef": {"fieldPath": "status.podIPs"}}, "10.244.0.5,fd00::5"),
        ({"fieldRef": {"fieldPath": "status.hostIP"}}, "10.0.0.1"),
        ({"configMapKeyRef": {"name": "cm", "key": "color"}}, "red"),
        ({"secretKeyRef": {"name": "s", "key": "password"}}, "hunter2"),
        ({"resourceFieldRef": {"resource": "requests.cpu"}}, "1"),
        ({"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}, "250"),
        ({"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}, "4096"),
        ({"configMapKeyRef": {"name": "none", "key": "k", "optional": True}}, None),
    ],
)
def test_references(source: dict[str, Any], expected: str | None) -> None:
    container = {"env": [{"name": "X", "valueFrom": source}], "resources": {"requests": {"cpu": "250m"}}}
    assert environment(container).get("X") == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "none", "key": "k"}}, 'configmap "none" not found'),
        ({"configMapKeyRef": {"name": "cm", "key": "k"}}, "couldn't find key k in ConfigMap default/cm"),
        ({"secretKeyRef": {"name": "none", "key": "k"}}, 'secret "none" not found'),
        ({"fieldRef": {"fieldPath": "spec.nope"}}, "unsupported fieldPath: spec.nope"),
    ],
)
def test_references_that_lead_nowhere(source: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        environment({"env": [{"name": "X", "valueFrom": source}]})


@pytest.mark.parametrize(
    ("own", "whole", "expected"),
    [
        ({}, {}, "2000"),
        ({"cpu": "0"}, {}, "2000"),
        ({}, {"cpu": "1250m"}, "1250"),
        ({"cpu": "0"}, {"cpu": "1250m"}, "1250"),
        ({"cpu": "500m"}, {"cpu": "1250m"}, "500"),
        ({}, {"memory": "1Gi"}, "2000"),
        ({}, {"cpu": "0"}, "2000"),
    ],
)
def test_without_a_limit_a_container_may_use_what_its_pod_may(
    own: dict[str, str], whole: dict[str, str], expected: str
) -> None:
    source = {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}
    container = {
        "name": "c",
        "env": [{"name": "X", "valueFrom": source}],
        "resources": {"limits": own},
    }
    pod = convert({"spec": {"containers": [container], "resources": {"limits": whole}}}, Pod)
    assert ("X", expected) in container_environment(pod, pod.spec.containers[0], SOURCES, NODE).variables.items()


def test_later_sources_win_and_earlier_ones_can_be_referred_to() -> None:
    container = {
        "envFrom": [{"prefix": "CM_", "configMapRef": {"name": "cm"}}, {"secretRef": {"name": "s"}}],
        "env": [
            {"name": "URL", "value": "https://$(KUBERNETES_SERVICE_HOST)/$(CM_color)/$(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "password", "value": "mine"},
        ],
    }
    assert environment(container) == {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "CM_color": "red",
        "password": "mine",
        "URL": "https://10.96.0.1/red/$(LATER)",
        "LATER": "x",
    }


def test_keys_that_are_no_names_are_skipped_and_told() -> None:
    pod = convert({"spec": {"containers": [{"name": "c", "envFrom": [{"configMapRef": {"name": "cm"}}]}]}}, Pod)
    assert container_environment(pod, pod.spec.containers[0], SOURCES, NODE).skipped == ("a=b",)


def service(name: str, namespace: str, address: str, *ports: dict[str, Any]) -> Service:
    metadata = {"name": name, "namespace": namespace}
    return convert({"metadata": metadata, "spec": {"clusterIP": address, "ports": list(ports)}}, Service)


def test_services() -> None:
    services = [
        service("kubernetes", "default", "10.96.0.1", {"name": "https", "port": 443, "protocol": "TCP"}),
        service("my-db", "shop", "10.96.0.9", {"port": 53, "protocol": "UDP"}),
        service("headless", "shop", "None", {"port": 80}),
        service("elsewhere", "other", "10.96.0.8", {"port": 80}),
    ]
    assert service_environment(services, "shop", links=True) == {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
        "KUBERNETES_SERVICE_PORT_HTTPS": "443",
        "KUBERNETES_PORT": "tcp://10.96.0.1:443",
        "KUBERNETES_PORT_443_TCP": "tcp://10.96.0.1:443",
        "KUBERNETES_PORT_443_TCP_PROTO": "tcp",
        "KUBERNETES_PORT_443_TCP_PORT": "443",
        "KUBERNETES_PORT_443_TCP_ADDR": "10.96.0.1",
        "MY_DB_SERVICE_HOST": "10.96.0.9",
        "MY_DB_SERVICE_PORT": "53",
        "MY_DB_PORT": "udp://10.96.0.9:53",
        "MY_DB_PORT_53_UDP": "udp://10.96.0.9:53",
        "MY_DB_PORT_53_UDP_PROTO": "udp",
        "MY_DB_PORT_53_UDP_PORT": "53",
        "MY_DB_PORT_53_UDP_ADDR": "10.96.0.9",
    }
    assert "MY_DB_PORT" not in service_environment(services, "shop", links=False)
