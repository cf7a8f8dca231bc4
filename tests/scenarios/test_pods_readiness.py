"""A Pod that is not ready gets no traffic, from one second to the next."""

import time

from tests.scenarios.patience import patience
from tests.scenarios.vocabulary import Cluster, User

READY = "get endpointslices -l kubernetes.io/service-name=web -o jsonpath='{.items[0].endpoints[0].conditions.ready}'"


def test_out_of_the_service_within_a_second_and_back(cluster: Cluster, user: User) -> None:
    user.applies("""
apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: api
    image: registry.example.com/shop/api-server:v1.4.2
    command: [sh, -c, "touch /tmp/ready; sleep 100000"]
    readinessProbe:
      exec: {command: [test, -e, /tmp/ready]}
      periodSeconds: 1
      failureThreshold: 1
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
""")
    user.kubectl("wait pod web --for=condition=Ready --timeout=180s").succeeds()
    cluster.eventually(lambda: user.kubectl(READY).prints("true"))
    user.kubectl("exec web -- rm /tmp/ready").succeeds()
    user.kubectl("wait pod web --for=condition=Ready=false --timeout=180s").succeeds()
    began = time.monotonic()
    cluster.eventually(lambda: user.kubectl(READY).prints("false"))
    # What kubectl itself takes to start, on a busy machine, comes on top of the second.
    assert time.monotonic() - began < patience(3)
    user.kubectl("get pod web").prints("""
        NAME   READY   STATUS    RESTARTS   AGE
        web    0/1     Running   0          …s
    """)
    user.kubectl("get events --field-selector=reason=Unhealthy").mentions("Readiness probe failed:")
    user.kubectl("exec web -- touch /tmp/ready").succeeds()
    user.kubectl("wait pod web --for=condition=Ready --timeout=180s").succeeds()
    cluster.eventually(lambda: user.kubectl(READY).prints("true"))


def test_a_container_that_does_not_live_is_started_anew(cluster: Cluster, user: User) -> None:
    user.applies("""
apiVersion: v1
kind: Pod
metadata:
  name: dead
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: api
    image: registry.example.com/shop/api-server:v1.4.2
    livenessProbe:
      httpGet: {path: /nothing-here, port: 8080}
      periodSeconds: 1
      failureThreshold: 2
""")
    cluster.eventually(
        lambda: user.kubectl("get pod dead -o jsonpath='{.status.containerStatuses[0].restartCount}'").prints("1")
    )
    user.kubectl("get events --field-selector=involvedObject.name=dead").mentions(
        "Liveness probe failed: HTTP probe failed with statuscode: 404",
        "Container api failed liveness probe, will be restarted",
    )
