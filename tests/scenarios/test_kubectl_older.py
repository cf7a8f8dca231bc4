"""A user with kubectl 1.32: the same cluster through an older client."""

import pytest

from tests.scenarios.vocabulary import NEWER, WEB, Cluster, User

MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {a: b}
"""
OLDER = pytest.mark.parametrize("user", ["1.32"], indirect=True)


@OLDER
def test_a_working_day(user: User, cluster: Cluster) -> None:
    user.kubectl("version").mentions("Client Version: v1.32.…", "Server Version: v1.36.…")
    user.kubectl(f"create deployment web --image={WEB} --replicas=2 --port=8080").prints("deployment.apps/web created")
    user.kubectl("rollout status deployment/web").mentions('deployment "web" successfully rolled out')
    user.kubectl("get deploy,rs,pods").prints("""
        NAME                  READY   UP-TO-DATE   AVAILABLE   AGE
        deployment.apps/web   2/2     2            2           …s

        NAME                    DESIRED   CURRENT   READY   AGE
        replicaset.apps/web-…   2         2         2       …s

        NAME          READY   STATUS    RESTARTS   AGE
        pod/web-…-…   1/1     Running   0          …s
        pod/web-…-…   1/1     Running   0          …s
    """)
    user.kubectl("describe deployment web").mentions("NewReplicaSet:   web-… (2/2 replicas created)")
    user.kubectl("expose deployment web --port=80 --target-port=8080").prints("service/web exposed")
    user.kubectl(f"set image deployment/web api-server={NEWER}").prints("deployment.apps/web image updated")
    user.kubectl("rollout status deployment/web").succeeds()
    user.kubectl("rollout undo deployment/web").prints("deployment.apps/web rolled back")
    user.kubectl("rollout status deployment/web").succeeds()
    user.kubectl("scale deployment web --replicas=1").prints("deployment.apps/web scaled")
    cluster.eventually(lambda: user.kubectl("get deployment web --no-headers").prints("web 1/1 1 1 …"))
    user.kubectl("delete deployment web").prints('deployment.apps "web" deleted')


@OLDER
def test_apply_and_explain(user: User) -> None:
    user.kubectl("apply -f -", MAP).prints("configmap/c created")
    user.kubectl("apply -f -", MAP).prints("configmap/c unchanged")
    user.kubectl("apply -f -", MAP.replace("a: b", "a: c")).prints("configmap/c configured")
    user.kubectl("apply -f -", MAP.replace("name: c", "name: d").replace("\ndata", "\ndta")).fails(
        'Error from server (BadRequest): error when creating "STDIN": ConfigMap in version "v1" cannot be handled as a '
        'ConfigMap: strict decoding error: unknown field "dta"'
    )
    user.kubectl("explain pod.spec.containers.resources").mentions("FIELD: resources <ResourceRequirements>")
    user.kubectl("api-resources --api-group=batch").mentions("cronjobs cj batch/v1 true CronJob")


@OLDER
def test_streams(user: User) -> None:
    user.kubectl(f"run p --image={WEB}").prints("pod/p created")
    user.kubectl("wait --for=condition=Ready pod/p --timeout=180s").prints("pod/p condition met")
    user.kubectl("logs p").prints("v1.4.2: listening on 8080")
    user.kubectl("exec -i p -- cat", "through\n").prints("through")
    user.kubectl("exec p -- sh -c 'exit 7'").fails("command terminated with exit code 7", code=7)
    with user.at_terminal("exec -it p -- sh") as terminal:
        terminal.shows("/ #").types("echo $((6 * 7)); exit\r").shows("42").ends(0)
    with user.starts("port-forward p 18090:8080") as forward:
        forward.shows("Forwarding from 127.0.0.1:18090 -> 8080")
        user.types("busybox wget -qO- http://127.0.0.1:18090/healthz").prints("ok")
    user.kubectl("delete pod p --now").prints('pod "p" deleted')
