"""Services as their clients meet them: from Pods, from the node, over TCP and UDP."""

import json
from collections.abc import Iterator

import pytest

from tests.scenarios.patience import patience
from tests.scenarios.toolbox import answers, bring, inside, on_the_node, pod
from tests.scenarios.vocabulary import Cluster, User

REFUSED = "[Errno 111] Connection refused"

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: api
        image: registry.example.com/shop/api-server:v1.4.2
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: v1
kind: Service
metadata: {name: sticky}
spec:
  sessionAffinity: ClientIP
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: nobody}
spec:
  selector: {app: nobody}
  ports: [{port: 80}]
"""
PATH = "/cgi-bin/index.cgi"

ECHO = """
import os, socket
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
echo.bind(("", 5353))
while True:
    _, client = echo.recvfrom(100)
    echo.sendto(os.uname().nodename.encode(), client)
"""


@pytest.fixture
def web(cluster: Cluster, user: User) -> Iterator[list[str]]:
    """Three Pods behind a Service, and a client; the Pods' names."""
    user.applies(WEB)
    bring(user, pod("client"))
    user.kubectl("rollout status deployment web --timeout=180s").succeeds()
    yield names(user)
    user.kubectl("delete service,deployment --all").succeeds()


def names(user: User) -> list[str]:
    listed = user.kubectl("get pods -l app=web -o jsonpath='{.items[*].metadata.name}'").succeeds()
    return sorted(listed.out.split())


def cluster_ip(user: User, service: str) -> str:
    return user.kubectl(f"get service {service} -o jsonpath='{{.spec.clusterIP}}'").succeeds().out


def test_a_service_spreads_what_a_pod_asks_over_its_pods(user: User, web: list[str]) -> None:
    found = answers(user, "client", f"http://web{PATH}", 60)
    assert sorted(found) == web
    assert min(found.values()) >= 6


def test_one_client_stays_with_one_pod_where_the_service_says_so(user: User, web: list[str]) -> None:
    assert list(answers(user, "client", f"http://sticky{PATH}", 20).values()) == [20]


def test_no_ready_pod_means_refused_at_once(cluster: Cluster, user: User, web: list[str]) -> None:
    for where in ("client", ""):
        program = f"print(json.dumps(timed(ask, 'http://{cluster_ip(user, 'nobody')}/')))"
        answer, seconds = inside(user, where, program) if where else on_the_node(user, program)
        assert (answer, seconds < patience(0.5)) == (REFUSED, True)
    user.kubectl("scale deployment web --replicas=0").succeeds()
    cluster.eventually(lambda: user.kubectl("get pods -l app=web").prints(""))
    cluster.eventually(lambda: _is(list(answers(user, "client", f"http://web{PATH}", 3)), [REFUSED]))
    user.kubectl("scale deployment web --replicas=1").succeeds()
    user.kubectl("rollout status deployment web --timeout=180s").succeeds()
    cluster.eventually(lambda: _is(sorted(answers(user, "client", f"http://web{PATH}", 3)), names(user)))


def test_a_pod_that_is_not_ready_gets_no_request(cluster: Cluster, user: User, web: list[str]) -> None:
    user.kubectl(f"exec {web[0]} -- rm /tmp/www/ready").succeeds()
    cluster.eventually(lambda: _is(sorted(answers(user, "client", f"http://web{PATH}", 20)), web[1:]))
    user.kubectl(f"exec {web[0]} -- touch /tmp/www/ready").succeeds()
    cluster.eventually(lambda: _is(sorted(answers(user, "client", f"http://web{PATH}", 20)), web))


def test_the_node_reaches_services_by_address_and_by_node_port(user: User, web: list[str]) -> None:
    port = user.kubectl("get service web -o jsonpath='{.spec.ports[0].nodePort}'").succeeds().out
    host = user.kubectl("get nodes -o jsonpath='{.items[0].status.addresses[0].address}'").succeeds().out
    for at in (f"{cluster_ip(user, 'web')}:80", f"{host}:{port}", f"198.51.100.2:{port}", f"127.0.0.1:{port}"):
        program = f"print(json.dumps(Counter(ask('http://{at}{PATH}') for _ in range(30))))"
        assert sorted(on_the_node(user, program)) == web, at
        if not at.startswith("127."):
            assert sorted(inside(user, "client", program)) == web, at


def test_a_pod_may_reach_itself_through_its_service(cluster: Cluster, user: User) -> None:
    server = """
    import http.server
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello from me, who saw " + self.client_address[0].encode())
    http.server.ThreadingHTTPServer(("", 8080), Answer).serve_forever()
    """
    bring(user, pod("alone", labels={"app": "alone"}, program=server))
    user.kubectl("expose pod alone --name=mirror --port=80 --target-port=8080").succeeds()
    cluster.eventually(lambda: _is(dict(answers(user, "alone", "http://mirror/", 5)), {"me": 5}))


def test_datagrams_reach_a_service_and_follow_its_endpoints(cluster: Cluster, user: User) -> None:
    bring(user, *(pod(name, labels={"app": "echo"}, program=ECHO) for name in ("echo-1", "echo-2")), pod("client"))
    user.kubectl("expose pod echo-1 --name=echo --selector=app=echo --protocol=UDP --port=53 --target-port=5353")
    found = cluster.eventually(lambda: _has(_datagrams(user, 20), "echo-1", "echo-2"))
    assert sum(found.values()) == 20
    user.kubectl("delete pod echo-2").succeeds()
    cluster.eventually(lambda: _is(_datagrams(user, 10), {"echo-1": 10}))


def _datagrams(user: User, times: int) -> dict[str, int]:
    program = f"""
    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.connect(("echo", 53))
            client.send(b"?")
            return client.recv(100).decode()
    print(json.dumps(Counter(timed(send)[0] for _ in range({times}))))
    """
    found: dict[str, int] = inside(user, "client", program)
    return found


def test_a_pod_on_the_hosts_network_knows_the_clusters_names(user: User, web: list[str]) -> None:
    with_host = {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    bring(user, pod("host", **with_host))
    assert sorted(answers(user, "host", f"http://web{PATH}", 40)) == web
    own, node = json.loads(
        user.kubectl('get pod host -o jsonpath=\'["{.status.podIP}","{.status.hostIP}"]\'').succeeds().out
    )
    assert own == node


def _is(found: object, wanted: object) -> None:
    assert found == wanted


def _has(found: dict[str, int], *wanted: str) -> dict[str, int]:
    assert set(found) == set(wanted)
    return found
