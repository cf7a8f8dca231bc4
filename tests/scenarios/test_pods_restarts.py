"""Containers that end are started again, more and more slowly, and what is told of it."""

from tests.scenarios.vocabulary import Cluster, User

WEB = """
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: api
    image: registry.example.com/shop/api-server:v1.4.2
    command: [sh, -c, "sleep 100000; exit 3"]
"""


def test_a_process_that_is_killed_is_back_and_counted(cluster: Cluster, user: User) -> None:
    user.applies(WEB)
    user.kubectl("wait pod web --for=condition=Ready --timeout=180s").succeeds()
    user.kubectl("exec web -- killall sleep").succeeds()
    cluster.eventually(
        lambda: user.kubectl("get pod web").prints("""
        NAME   READY   STATUS    RESTARTS     AGE
        web    1/1     Running   1 (…s ago)   …s
    """)
    )
    user.kubectl("describe pod web").mentions(
        "Last State:     Terminated",
        "Reason:       Error",
        "Exit Code:    3",
        "Restart Count:  1",
    )
    user.kubectl("exec web -- killall sleep").succeeds()
    cluster.eventually(
        lambda: user.kubectl("get pod web").prints("""
        NAME   READY   STATUS             RESTARTS     AGE
        web    0/1     CrashLoopBackOff   1 (…s ago)   …s
    """)
    )
    message = "get pod web -o jsonpath='{.status.containerStatuses[0].state.waiting.message}'"
    user.kubectl(message).mentions(f"back-off 10s restarting failed container=api pod=web_{user.namespace}(…)")
    user.kubectl("get events --field-selector=involvedObject.name=web,reason=BackOff").mentions(
        f"Back-off restarting failed container api in pod web_{user.namespace}(…)"
    )
    # The wait is ten seconds, counted from the end of the container.
    cluster.eventually(lambda: user.kubectl("get pod web").mentions("Running   2 (…s ago)"), within=20)
    user.kubectl("get events --field-selector=involvedObject.name=web").mentions(
        'Container image "registry.example.com/shop/api-server:v1.4.2" already present on machine',
        "Container created",
        "Container started",
    )


def test_memory_over_the_limit(cluster: Cluster, user: User) -> None:
    user.applies("""
apiVersion: v1
kind: Pod
metadata:
  name: hog
spec:
  restartPolicy: Never
  containers:
  - name: hog
    image: registry.example.com/shop/api-server:v1.4.2
    command: [sh, -c, "tail /dev/zero"]
    resources: {limits: {memory: 16Mi}}
""")
    cluster.eventually(
        lambda: user.kubectl("get pod hog").prints("""
        NAME   READY   STATUS      RESTARTS   AGE
        hog    0/1     OOMKilled   0          …s
    """)
    )
    user.kubectl(
        "get pod hog -o jsonpath='{.status.phase} {.status.containerStatuses[0].state.terminated.exitCode}'"
    ).prints("Failed 137")


def test_init_containers_run_in_order_and_hold_the_rest(cluster: Cluster, user: User) -> None:
    user.applies("""
apiVersion: v1
kind: Pod
metadata:
  name: staged
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{name: work, emptyDir: {}}]
  initContainers:
  - name: first
    image: registry.example.com/shop/api-server:v1.4.2
    command: [sh, -c, "until test -e /work/go; do sleep 0.1; done; echo first >> /work/order"]
    volumeMounts: [{name: work, mountPath: /work}]
  - name: side
    image: registry.example.com/shop/api-server:v1.4.2
    restartPolicy: Always
    command: [sh, -c, "echo side >> /work/order; sleep 100000"]
    volumeMounts: [{name: work, mountPath: /work}]
  containers:
  - name: main
    image: registry.example.com/shop/api-server:v1.4.2
    command: [sh, -c, "echo main >> /work/order; sleep 100000"]
    volumeMounts: [{name: work, mountPath: /work}]
""")
    cluster.eventually(
        lambda: user.kubectl("get pod staged").prints("""
        NAME     READY   STATUS     RESTARTS   AGE
        staged   0/2     Init:0/2   0          …s
    """)
    )
    reasons = "get pod staged -o jsonpath='{.status.phase} {.status.containerStatuses[0].state.waiting.reason}'"
    user.kubectl(reasons).prints("Pending PodInitializing")
    cluster.eventually(lambda: user.kubectl("exec staged -c first -- touch /work/go").succeeds())
    user.kubectl("wait pod staged --for=condition=Ready --timeout=180s").succeeds()
    user.kubectl("exec staged -c main -- cat /work/order").prints("first\nside\nmain")
    user.kubectl("get pod staged").prints("""
        NAME     READY   STATUS    RESTARTS   AGE
        staged   2/2     Running   0          …s
    """)
