"""Three nodes on one machine: Pods and Services across them, and one of them lost and found again."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.machine import Machine
from tests.scenarios.toolbox import answers, bring, inside, pod
from tests.scenarios.vocabulary import Cluster, User

NODES = ("kybern-1", "kybern-2", "kybern-3")
LOST = "kybern-2"
GRACE_SECONDS = 50.0
"""How long a silent node counts as healthy (upstream's --node-monitor-grace-period)."""
PATH = "/cgi-bin/index.cgi"
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway,
         labelSelector: {matchLabels: {app: web}}}
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 3}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 3}
      containers:
      - name: api
        image: registry.example.com/shop/api-server:v1.4.2
        readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""


@pytest.fixture(scope="module")
def _cluster_of_three(machine: Machine, images: list[Path]) -> Iterator[Cluster]:
    cluster = Cluster(machine)
    cluster.up("--nodes", "3")
    cluster.imports(*images)
    yield cluster
    machine.must("kybern", "down")


@pytest.fixture
def three(_cluster_of_three: Cluster) -> tuple[Cluster, User]:
    """A cluster of three nodes with `web` as declared and a client on each, whatever an earlier story left."""
    cluster = _cluster_of_three
    user = User(cluster.machine, "default")
    user.types(f"ip link set kybern-veth{LOST[-1]} up").succeeds()
    user.kubectl("wait node --all --for=condition=Ready --timeout=180s").succeeds()
    user.applies(MANIFEST)
    clients = [pod(f"client-{name}", nodeSelector={"kubernetes.io/hostname": name}) for name in NODES]
    bring(user, *clients)
    user.kubectl("rollout status deployment web --timeout=180s").succeeds()
    cluster.eventually(lambda: _is(len(web_pods(user)), 3))
    return cluster, user


def web_pods(user: User) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(user.kubectl("get pods -l app=web -o json").succeeds().out)["items"]
    return listed


def places(user: User) -> Counter[str]:
    """On which nodes the Pods run that are there to stay."""
    staying = [each for each in web_pods(user) if "deletionTimestamp" not in each["metadata"]]
    return Counter(each["spec"].get("nodeName", "") for each in staying if each["status"]["phase"] == "Running")


def test_pods_spread_over_the_nodes_and_reach_each_other(three: tuple[Cluster, User]) -> None:
    _, user = three
    assert places(user) == Counter(NODES)
    urls = [f"http://{each['status']['podIP']}:8080{PATH}" for each in web_pods(user)]
    names = sorted(each["metadata"]["name"] for each in web_pods(user))
    for node in NODES:
        found = inside(user, f"client-{node}", f"print(json.dumps([ask(url) for url in {urls!r}]))")
        assert sorted(found) == names


def test_every_node_serves_services_names_and_node_ports(three: tuple[Cluster, User]) -> None:
    _, user = three
    names = sorted(each["metadata"]["name"] for each in web_pods(user))
    port = user.kubectl("get service web -o jsonpath='{.spec.ports[0].nodePort}'").succeeds().out
    for number, node in enumerate(NODES, 1):
        assert sorted(answers(user, f"client-{node}", f"http://web{PATH}")) == names
        assert sorted(answers(user, "client-kybern-1", f"http://10.89.0.{10 + number}:{port}{PATH}")) == names
        user.types(f"wget -q -O - http://10.89.0.{10 + number}:{port}{PATH}").mentions("version v1.4.2")


def test_logs_and_exec_work_on_every_node(three: tuple[Cluster, User]) -> None:
    _, user = three
    for each in web_pods(user):
        name = each["metadata"]["name"]
        user.kubectl(f"logs {name}").mentions("v1.4.2: listening on 8080")
        user.kubectl(f"exec {name} -- hostname").prints(name)


def test_a_lost_node_is_emptied_and_used_again_when_it_is_back(three: tuple[Cluster, User]) -> None:
    cluster, user = three
    found = json.loads(user.types("kybern status -o json").out)["processes"]
    pids = [each["pid"] for name, each in found.items() if name.endswith(f"node-{LOST[-1]}")]
    assert len(pids) == 2
    user.types(f"ip link set kybern-veth{LOST[-1]} down && kill -9 {' '.join(map(str, pids))}").succeeds()
    cluster.eventually(
        lambda: user.kubectl(f"get node {LOST} --no-headers").mentions(f"{LOST} NotReady"), GRACE_SECONDS + 15
    )
    user.kubectl(f"describe node {LOST}").mentions(
        "node.kubernetes.io/unreachable:NoExecute", "NodeStatusUnknown", "Kubelet stopped posting node status."
    )

    def moved() -> None:
        assert places(user)[LOST] == 0
        assert sum(places(user).values()) == 3
        user.kubectl("get deployment web").mentions("3/3")

    cluster.eventually(moved)
    alive = sorted(p["metadata"]["name"] for p in web_pods(user) if "deletionTimestamp" not in p["metadata"])
    assert sorted(answers(user, "client-kybern-1", f"http://web{PATH}", 40)) == alive
    user.kubectl("get events --all-namespaces").mentions("TaintManagerEviction", "NodeNotReady")

    user.types(f"ip link set kybern-veth{LOST[-1]} up").succeeds()
    cluster.eventually(lambda: user.kubectl(f"get node {LOST} --no-headers").mentions(f"{LOST} Ready"))
    cluster.eventually(lambda: _is(len(web_pods(user)), 3))
    user.kubectl("scale deployment web --replicas=6").succeeds()
    cluster.eventually(lambda: _is(places(user), Counter(dict.fromkeys(NODES, 2))))
    names = sorted(each["metadata"]["name"] for each in web_pods(user))
    cluster.eventually(lambda: _is(sorted(answers(user, "client-kybern-1", f"http://web{PATH}", 60)), names))


def _is(found: object, wanted: object) -> None:
    assert found == wanted
