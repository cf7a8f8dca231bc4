"""Rollouts: no request fails while versions change, bounds hold at every moment, a bad version stops and is undone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.load import load_from_node, load_from_pod
from tests.scenarios.programs import Program
from tests.scenarios.toolbox import bring, pod
from tests.scenarios.vocabulary import Cluster, User

IMAGE = "registry.example.com/shop/api-server"
MANIFEST = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 3
  progressDeadlineSeconds: 5
  selector: {{matchLabels: {{app: web}}}}
  strategy: {{rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: api
        image: {IMAGE}:v1.4.2
        ports: [{{name: http, containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /ready, port: http}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  type: NodePort
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: http}}]
"""
PATH = "/cgi-bin/index.cgi"


@pytest.fixture
def web(cluster: Cluster, user: User) -> Iterator[str]:
    user.applies(MANIFEST)
    bring(user, pod("client"))
    rolled_out(user)
    yield "web"
    user.kubectl("delete deployment,service --all").succeeds()


def rolled_out(user: User) -> None:
    user.kubectl("rollout status deployment web --timeout=180s").succeeds()


def versions(user: User) -> list[str]:
    """The image tags of the Pods that are there to stay."""
    listed = json.loads(user.kubectl("get pods -l app=web -o json").succeeds().out)["items"]
    staying = [each for each in listed if "deletionTimestamp" not in each["metadata"]]
    return sorted(each["spec"]["containers"][0]["image"].rpartition(":")[2] for each in staying)


def counts(user: User) -> tuple[int, int]:
    """The Pods that are there to stay, and how many of them are Ready."""
    listed = json.loads(user.kubectl("get pods -l app=web -o json").succeeds().out)["items"]
    staying = [each for each in listed if "deletionTimestamp" not in each["metadata"]]
    return len(staying), sum(map(is_ready, staying))


def test_a_new_version_rolls_out_and_no_request_fails(user: User, web: str) -> None:
    port = user.kubectl("get service web -o jsonpath='{.spec.ports[0].nodePort}'").succeeds().out
    with (
        load_from_pod(user, "client", f"http://web{PATH}") as inside,
        load_from_node(user, f"http://127.0.0.1:{port}{PATH}") as outside,
        user.starts("get pods -o json --watch --output-watch-events") as watching,
    ):
        user.kubectl(f"set image deployment web api={IMAGE}:v1.4.3").prints("deployment.apps/web image updated")
        rolled_out(user)
        found = [inside.stop(), outside.stop()]
        ready: dict[str, bool] = {}
        for kind, each in events(user, watching):
            if kind == "DELETED" or "deletionTimestamp" in each["metadata"]:
                ready.pop(each["metadata"]["name"], None)
            else:
                ready[each["metadata"]["name"]] = is_ready(each)
            if kind != "ADDED" or len(ready) > 3:
                assert len(ready) <= 4, "maxSurge is 1"
                assert sum(ready.values()) >= 3, "maxUnavailable is 0"
    for each in found:
        assert each["failures"] == []
        assert set(each["done"]) == {"v1.4.2", "v1.4.3"}
        assert sum(each["done"].values()) > 50
    assert len(ready) == 3
    assert versions(user) == ["v1.4.3"] * 3


def events(user: User, watching: Program) -> Iterator[tuple[str, dict[str, Any]]]:
    """All that the watch has seen of the Deployment's Pods until now: type and object."""
    user.kubectl("label pod client marker=the-end").succeeds()  # What the watch shows last.
    text = watching.shows('"marker":"the-end"').text
    decoder, position = json.JSONDecoder(), 0
    while (position := text.find("{", position)) >= 0:
        try:
            event, position = decoder.raw_decode(text, position)
        except ValueError:
            return
        if event["object"]["metadata"]["name"] != "client":
            yield event["type"], event["object"]


def is_ready(pod: dict[str, Any]) -> bool:
    found = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in found)


def test_a_version_that_crashes_stops_the_rollout_and_is_undone(cluster: Cluster, user: User, web: str) -> None:
    with load_from_pod(user, "client", f"http://web{PATH}") as load:
        user.kubectl(f"set image deployment web api={IMAGE}:v1.4.4").succeeds()
        user.kubectl("rollout status deployment web", within=90).fails(
            'error: deployment "web" exceeded its progress deadline'
        )
        assert versions(user) == ["v1.4.2"] * 3 + ["v1.4.4"]
        user.kubectl("describe deployment web").mentions("Progressing    False   ProgressDeadlineExceeded")
        user.kubectl("get deployment web").prints("""
            NAME   READY   UP-TO-DATE   AVAILABLE   AGE
            web    3/3     1            3           …s
        """)
        user.kubectl("rollout undo deployment web").prints("deployment.apps/web rolled back")
        rolled_out(user)
        cluster.eventually(lambda: _is(versions(user), ["v1.4.2"] * 3))
        found = load.stop()
    assert found["failures"] == []
    assert set(found["done"]) == {"v1.4.2"}


def test_the_history_knows_each_revision(user: User, web: str) -> None:
    user.kubectl("annotate deployment web kubernetes.io/change-cause=first").succeeds()
    user.kubectl(f"set image deployment web api={IMAGE}:v1.4.3").succeeds()
    user.kubectl("annotate deployment web kubernetes.io/change-cause=second --overwrite").succeeds()
    rolled_out(user)
    user.kubectl("rollout history deployment web").prints("""
        deployment.apps/web
        REVISION  CHANGE-CAUSE
        1         first
        2         second

    """)
    user.kubectl("rollout history deployment web --revision=1").mentions(
        "Image:  registry.example.com/shop/api-server:v1.4.2"
    )
    user.kubectl("rollout undo deployment web --to-revision=1").prints("deployment.apps/web rolled back")
    rolled_out(user)
    user.kubectl("rollout history deployment web").prints("""
        deployment.apps/web
        REVISION  CHANGE-CAUSE
        2         second
        3         first

    """)


def test_a_paused_rollout_waits_until_it_is_resumed(cluster: Cluster, user: User, web: str) -> None:
    user.kubectl("rollout pause deployment web").prints("deployment.apps/web paused")
    user.kubectl(f"set image deployment web api={IMAGE}:v1.4.3").succeeds()
    cluster.throughout(lambda: _is(versions(user), ["v1.4.2"] * 3), 2)
    user.kubectl("rollout resume deployment web").prints("deployment.apps/web resumed")
    rolled_out(user)
    cluster.eventually(lambda: _is(versions(user), ["v1.4.3"] * 3))


def test_a_restart_replaces_every_pod(cluster: Cluster, user: User, web: str) -> None:
    def names() -> set[str]:
        listed = json.loads(user.kubectl("get pods -l app=web -o json").succeeds().out)["items"]
        return {each["metadata"]["name"] for each in listed if "deletionTimestamp" not in each["metadata"]}

    before = names()
    user.kubectl("rollout restart deployment web").prints("deployment.apps/web restarted")
    rolled_out(user)
    cluster.eventually(lambda: _is((len(names()), names() & before), (3, set())))


def test_recreate_ends_all_old_pods_before_the_first_new_one(user: User, web: str) -> None:
    strategy = json.dumps({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}})
    user.kubectl(f"patch deployment web --patch '{strategy}'").succeeds()
    with user.starts("get pods -o json --watch --output-watch-events") as watching:
        watching.shows("ADDED")
        user.kubectl(f"set image deployment web api={IMAGE}:v1.4.3").succeeds()
        rolled_out(user)
        alive: dict[str, set[str]] = {"v1.4.2": set(), "v1.4.3": set()}
        for kind, each in events(user, watching):
            mine = alive[each["spec"]["containers"][0]["image"].rpartition(":")[2]]
            gone = kind == "DELETED" or each["status"]["phase"] in ("Succeeded", "Failed")
            (mine.discard if gone else mine.add)(each["metadata"]["name"])
            assert not (alive["v1.4.2"] and alive["v1.4.3"])
    assert (len(alive["v1.4.2"]), len(alive["v1.4.3"])) == (0, 3)


def test_ten_replicas_wait_for_room_and_three_are_left(cluster: Cluster, user: User, web: str) -> None:
    user.kubectl("set resources deployment web --requests=cpu=250m").succeeds()
    rolled_out(user)
    user.kubectl("scale deployment web --replicas=10").prints("deployment.apps/web scaled")
    message = (
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: "
        "1 No preemption victims found for incoming pod."
    )

    def waits() -> None:
        pending = user.kubectl("get pods -l app=web --field-selector status.phase=Pending,spec.nodeName= -o name")
        assert len(pending.succeeds().out.split()) >= 2
        user.kubectl("get events --field-selector reason=FailedScheduling").mentions(message)

    cluster.eventually(waits)
    user.kubectl("scale deployment web --replicas=3").succeeds()
    cluster.eventually(lambda: _is(counts(user), (3, 3)))


def _is(found: object, wanted: object) -> None:
    assert found == wanted
