"""Where a webhook is."""

from typing import Any

import pytest

from kybern.apiserver.webhooks.target import Services, Unresolved, target_of

SERVICE = {"namespace": "default", "name": "hook"}


@pytest.mark.parametrize(
    ("config", "url", "name", "port"),
    [
        ({"url": "https://example.com/a"}, "https://example.com/a?timeout=1s", "example.com", 443),
        ({"url": "https://127.0.0.1:8443"}, "https://127.0.0.1:8443/?timeout=1s", "127.0.0.1", 8443),
        ({"url": "https://[::1]:8443/x"}, "https://[::1]:8443/x?timeout=1s", "::1", 8443),
        ({"service": SERVICE}, "https://hook.default.svc:443/?timeout=1s", "hook.default.svc", 443),
        (
            {"service": {**SERVICE, "port": 9, "path": "/p"}},
            "https://hook.default.svc:9/p?timeout=1s",
            "hook.default.svc",
            9,
        ),
    ],
)
def test_urls(config: dict[str, Any], url: str, name: str, port: int) -> None:
    target = target_of(config)
    assert (target.url("timeout=1s"), target.server_name, target.port) == (url, name, port)
    assert (target.service is None) == ("url" in config)


class Objects:
    """What the caches hold."""

    def __init__(self, service: dict[str, Any] | None, *slices: dict[str, Any]) -> None:
        self.service = service
        self.slices = list(slices)

    def get(self, group_resource: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        return self.service

    def list(self, group_resource: str, namespace: str = "") -> Any:
        return self.slices


def service(**spec: Any) -> dict[str, Any]:
    return {"spec": {"ports": [{"port": 443, "name": "https"}], **spec}}


def endpoint_slice(*addresses: str, ready: bool = True, of: str = "hook", port: str = "https") -> dict[str, Any]:
    endpoints = [{"addresses": [address], "conditions": {"ready": ready}} for address in addresses]
    labels = {"kubernetes.io/service-name": of}
    return {"metadata": {"labels": labels}, "endpoints": endpoints, "ports": [{"name": port, "port": 8443}]}


def resolved(*objects: Any) -> list[tuple[str, int]]:
    services = Services(Objects(*objects))  # type: ignore[arg-type]
    return [services.resolve("default", "hook", 443) for _ in range(2)]


def test_endpoints_take_turns() -> None:
    assert resolved(service(), endpoint_slice("10.0.0.1", "10.0.0.2")) == [("10.0.0.1", 8443), ("10.0.0.2", 8443)]
    others = (endpoint_slice("10.0.0.9", of="other"), endpoint_slice("10.0.0.8", port="metrics"))
    assert resolved(service(), *others, endpoint_slice("10.0.0.1")) == [("10.0.0.1", 8443)] * 2
    external = service(type="ExternalName", externalName="hook.example.com")
    assert resolved(external) == [("hook.example.com", 443)] * 2


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ((None,), 'service "hook" not found'),
        (({"spec": {"ports": [{"port": 80}]}},), 'no service port 443 found for service "hook"'),
        ((service(),), 'no endpoints available for service "hook"'),
        ((service(), endpoint_slice("10.0.0.1", ready=False)), 'no endpoints available for service "hook"'),
    ],
)
def test_nobody_answers(objects: tuple[Any, ...], words: str) -> None:
    with pytest.raises(Unresolved) as error:
        resolved(*objects)
    assert str(error.value) == words
