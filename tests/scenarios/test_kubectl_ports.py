"""kubectl port-forward and proxy: ways to a Pod's port from outside."""

import pytest

from tests.scenarios.vocabulary import User

PAGE = "cgi-bin/index.cgi"
ANSWER = "hello from web-…, version v1.4.2, request …"


@pytest.mark.parametrize("websockets", ["true", "false"], ids=["websocket", "spdy"])
@pytest.mark.parametrize(("to", "port"), [("deploy/web", 8080), ("svc/web", 80), ("pod/POD", 8080)])
def test_port_forward(resident: User, to: str, port: int, websockets: str) -> None:
    pod = resident.kubectl("get pods -l app=web -o jsonpath={.items[0].metadata.name}").out
    line = f"port-forward {to.replace('POD', pod)} 18080:{port}"
    with resident.starts(line, KUBECTL_PORT_FORWARD_WEBSOCKETS=websockets) as forward:
        forward.shows("Forwarding from 127.0.0.1:18080 -> 8080", "Forwarding from [::1]:18080 -> 8080")
        fetch = f"busybox wget -qO- http://127.0.0.1:18080/{PAGE}"
        resident.types(f"for i in 1 2 3 4 5; do {fetch} & done; wait").prints("\n".join([ANSWER] * 5))
        forward.shows("Handling connection for 18080\nHandling connection for 18080")


def test_a_port_where_nobody_listens(resident: User) -> None:
    with resident.starts("port-forward deploy/web 18081:9999") as forward:
        forward.shows("Forwarding from 127.0.0.1:18081 -> 9999")
        resident.types("busybox wget -qO- http://127.0.0.1:18081/ || echo refused").prints("refused")
        forward.shows("failed to connect to localhost:9999 inside namespace …connection refused")
    resident.kubectl("port-forward nosuch 1:1").fails('Error from server (NotFound): pods "nosuch" not found')
    resident.kubectl("port-forward svc/web 18082:81").fails("error: Service web does not have a service port 81")


def test_proxies(resident: User, user: User) -> None:
    here = f"/api/v1/namespaces/{resident.namespace}"
    pod = resident.kubectl("get pods -l app=web -o jsonpath={.items[0].metadata.name}").out
    with resident.starts("proxy --port=18001") as proxy:
        proxy.shows("Starting to serve on 127.0.0.1:18001")
        for path in (f"services/web:80/proxy/{PAGE}", f"services/web/proxy/{PAGE}", f"pods/{pod}:8080/proxy/{PAGE}"):
            resident.types(f"busybox wget -qO- http://127.0.0.1:18001{here}/{path}").prints(ANSWER)
    resident.kubectl(f"get --raw {here}/services/http:web:/proxy/{PAGE}").prints(ANSWER)
    resident.kubectl(f"get --raw {here}/services/web:81/proxy/").fails(
        'Error from server (ServiceUnavailable): no service port 81 found for service "web"'
    )
    user.kubectl("create service clusterip empty --tcp=80").succeeds()
    user.kubectl(f"get --raw /api/v1/namespaces/{user.namespace}/services/empty/proxy/").fails(
        'Error from server (ServiceUnavailable): no endpoints available for service "empty"'
    )
