"""kill -9 of any process of the cluster, of all of them, of the supervisor, of the machine.

Nothing acknowledged is lost, containers run on, and everything converges again.
"""

import contextlib
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.patience import patience
from tests.scenarios.programs import Program
from tests.scenarios.vocabulary import Cluster, User

PROGRAMS = ("apiserver", "controllers", "node", "containerd-node")
CONVERGE_SECONDS = 10.0
DATA = "/var/lib/kybern"
WRITER = Path(__file__).with_name("writer.py")
_runs = itertools.count(1)
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
      containers:
      - name: api
        image: registry.example.com/shop/api-server:v1.4.2
        readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""


@pytest.fixture
def operator(own_cluster: Cluster) -> User:
    """At home in `default` of the module's own cluster, where `web` runs as declared, whatever an earlier story left."""
    own_cluster.up()
    user = User(own_cluster.machine, "default")
    user.applies(MANIFEST)
    user.kubectl("rollout status deployment web --timeout=180s").succeeds()
    own_cluster.eventually(lambda: _is(len(containers(user)), 3))
    return user


def processes(user: User) -> dict[str, int]:
    """The pid of each program that runs, as `kybern status` tells."""
    found = json.loads(user.types("kybern status -o json").out)["processes"]
    return {name: each["pid"] for name, each in found.items() if each["running"]}


def containers(user: User) -> dict[str, Any]:
    """What must not change while containers run on: by Pod its container, since when, how often restarted."""
    listed = json.loads(user.kubectl("get pods -l app=web -o json").succeeds().out)["items"]
    found = {}
    for each in listed:
        if "deletionTimestamp" not in each["metadata"]:
            (status,) = each["status"]["containerStatuses"]
            state = status["state"].get("running", {}).get("startedAt")
            found[each["metadata"]["name"]] = (status["containerID"], state, status["restartCount"])
    return found


@contextlib.contextmanager
def writing(user: User, ends: int = 0) -> Iterator[list[str]]:
    """Writers all through the block; then the list holds what was acknowledged. `ends`: their exit code."""
    run = str(next(_runs))
    command = user.machine.command(sys.executable, "-u", str(WRITER), f"{DATA}/pki/admin.kubeconfig", run)
    acknowledged: list[str] = []
    with Program.started("writer", command) as program:
        program.shows(f"written-{run}-7-9\n")
        yield acknowledged
        if not ends:
            program.types("\n")
        acknowledged += program.ends(ends).text.split()


def nothing_is_lost(user: User, acknowledged: list[str]) -> None:
    assert len(acknowledged) > 50
    there = user.kubectl("get configmaps -o name").succeeds().out.split()
    assert {f"configmap/{name}" for name in acknowledged} - set(there) == set()
    user.kubectl("delete --raw /api/v1/namespaces/default/configmaps").succeeds()  # All of them in one request.


def converges(cluster: Cluster, user: User) -> None:
    """Within ten seconds everything runs, and what is declared now comes true."""
    began = time.monotonic()
    cluster.eventually(lambda: user.types("kybern status").succeeds(), within=CONVERGE_SECONDS)
    before = containers(user)
    user.kubectl("scale deployment web --replicas=4").succeeds()
    user.kubectl("rollout status deployment web --timeout=180s").succeeds()
    answer = user.types(f"wget -q -O - http://{service(user)}/cgi-bin/index.cgi").succeeds()
    assert "version v1.4.2" in answer.out
    assert time.monotonic() - began < patience(CONVERGE_SECONDS)
    # Where all takes long, the new one is hardly younger than the others.
    for newest in containers(user).keys() - before.keys():
        user.kubectl(f"annotate pod {newest} controller.kubernetes.io/pod-deletion-cost=-1").succeeds()
    user.kubectl("scale deployment web --replicas=3").succeeds()
    cluster.eventually(lambda: _is(len(containers(user)), 3))


def service(user: User) -> str:
    return user.kubectl("get service web -o jsonpath='{.spec.clusterIP}'").succeeds().out


@pytest.mark.parametrize("names", [(name,) for name in PROGRAMS] + [PROGRAMS], ids="+".join)
def test_killed_programs_come_back(own_cluster: Cluster, operator: User, names: tuple[str, ...]) -> None:
    before = containers(operator)
    with writing(operator) as acknowledged:
        running = processes(operator)
        operator.types("kill -9 " + " ".join(str(running[name]) for name in names)).succeeds()
        converges(own_cluster, operator)
    assert before.items() <= {**before, **containers(operator)}.items()
    assert containers(operator) == before
    nothing_is_lost(operator, acknowledged)
    after = processes(operator)
    assert all(after[name] != running[name] for name in names)


def test_a_killed_supervisor_has_a_successor_that_adopts_the_programs(own_cluster: Cluster, operator: User) -> None:
    before = containers(operator)
    running = processes(operator)
    with writing(operator) as acknowledged:
        operator.types(f"kill -9 {running['supervisor']}").succeeds()
        own_cluster.eventually(lambda: operator.types("kybern status").succeeds(), within=CONVERGE_SECONDS)
        adopted = processes(operator)
        assert {name: adopted[name] for name in PROGRAMS} == {name: running[name] for name in PROGRAMS}
        operator.types(f"kill -9 {adopted['apiserver']}").succeeds()
        converges(own_cluster, operator)
    assert containers(operator) == before
    nothing_is_lost(operator, acknowledged)


@pytest.mark.parametrize("names", [("supervisor", "apiserver"), ("keeper", "node")], ids="+".join)
def test_a_program_killed_with_its_supervisor_or_the_keeper_comes_back(
    own_cluster: Cluster, operator: User, names: tuple[str, ...]
) -> None:
    before = containers(operator)
    with writing(operator) as acknowledged:
        running = processes(operator)
        operator.types("kill -9 " + " ".join(str(running[name]) for name in names)).succeeds()
        converges(own_cluster, operator)
    assert containers(operator) == before
    nothing_is_lost(operator, acknowledged)


def test_without_supervisor_and_keeper_the_cluster_runs_on_until_up_takes_over(
    own_cluster: Cluster, operator: User
) -> None:
    before = containers(operator)
    with writing(operator) as acknowledged:
        running = processes(operator)
        operator.types(f"kill -9 {running['keeper']} {running['supervisor']}").succeeds()
        operator.kubectl("get nodes").mentions(" Ready ")
        operator.types(f"kill -9 {running['node']}").succeeds()
        operator.types("kybern up").succeeds()
        converges(own_cluster, operator)
    assert containers(operator) == before
    nothing_is_lost(operator, acknowledged)


def test_everything_killed_at_once_with_the_supervisor(own_cluster: Cluster, operator: User) -> None:
    before = containers(operator)
    with writing(operator) as acknowledged:
        operator.types("kill -9 " + " ".join(map(str, processes(operator).values()))).succeeds()
        told = operator.types("kybern status").done
        assert (told.code, told.out) == (3, f"the cluster of {DATA} was killed, all of it; kybern up brings it back\n")
        operator.types("kybern up").succeeds()
        converges(own_cluster, operator)
    assert containers(operator) == before
    nothing_is_lost(operator, acknowledged)


def test_an_api_server_that_hangs_is_told(operator: User) -> None:
    pid = processes(operator)["apiserver"]
    operator.types(f"kill -STOP {pid}").succeeds()
    try:
        told = operator.types("kybern status").done
    finally:
        operator.types(f"kill -CONT {pid}").succeeds()
    assert told.code == 1, str(told)
    assert "the API server does not answer" in told.out, str(told)
    operator.types("kybern status").succeeds()


def test_down_and_up_find_the_state_again(own_cluster: Cluster, operator: User) -> None:
    pods = set(containers(operator))
    operator.types("kybern down").succeeds()
    operator.types("kybern up").succeeds()
    assert set(containers(operator)) == pods, "the same Pods, in new containers"
    converges(own_cluster, operator)


def test_a_machine_that_lost_power_converges_again(own_cluster: Cluster, operator: User) -> None:
    pods = set(containers(operator))
    with writing(operator, ends=-9) as acknowledged:
        own_cluster.machine.cut_power()
    operator.types("kybern up").succeeds()
    assert set(containers(operator)) == pods
    converges(own_cluster, operator)
    nothing_is_lost(operator, acknowledged)


DAMAGE = (
    f"printf torn >> {DATA}/store.sqlite-wal",
    f"truncate --size=10 {DATA}/switches.json",
    f"truncate --size=10 {DATA}/kubeconfig.json",
    f"truncate --size=100 {DATA}/pki/admin.crt",
    f"truncate --size=100 {DATA}/pki/admin.kubeconfig",
    f"truncate --size=100 {DATA}/pki/apiserver.crt",
    f"truncate --size=100 {DATA}/images/*.tar",
    f"truncate --size=10 {DATA}/node/config.toml {DATA}/node/cni/10-kybern.conflist",
    f"truncate --size=0 {DATA}/pki/*.kubeconfig",
)


def test_half_written_files_keep_nothing_from_starting(own_cluster: Cluster, operator: User) -> None:
    with writing(operator, ends=-9) as acknowledged:
        own_cluster.machine.cut_power()
    for damage in DAMAGE:
        operator.types(damage).succeeds()
    operator.types("kybern up").succeeds()
    converges(own_cluster, operator)
    nothing_is_lost(operator, acknowledged)


def _is(found: object, wanted: object) -> None:
    assert found == wanted
