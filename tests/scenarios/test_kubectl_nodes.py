"""kubectl cordon, drain, taint and top; debug of a node."""

from collections.abc import Iterator

import pytest

from tests.scenarios.vocabulary import WEB, Cluster, User

DAEMON = f"""
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: agent}}
spec:
  selector: {{matchLabels: {{app: agent}}}}
  template:
    metadata: {{labels: {{app: agent}}}}
    spec: {{containers: [{{name: agent, image: "{WEB}"}}]}}
"""
SCRATCH = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: scratch}}
spec:
  selector: {{matchLabels: {{app: scratch}}}}
  template:
    metadata: {{labels: {{app: scratch}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: c, image: "{WEB}", volumeMounts: [{{name: work, mountPath: /work}}]}}]
      volumes: [{{name: work, emptyDir: {{}}}}]
"""


@pytest.fixture
def node(cluster: Cluster, user: User) -> Iterator[str]:
    """The node's name; afterwards Pods may run on it again."""
    name = user.kubectl("get nodes -o jsonpath={.items[0].metadata.name}").out
    yield name
    user.kubectl(f"uncordon {name}")
    user.kubectl(f"taint node {name} a- --overwrite")


def test_cordon(user: User, node: str, cluster: Cluster) -> None:
    user.kubectl(f"cordon {node}").prints(f"node/{node} cordoned")
    user.kubectl(f"cordon {node}").prints(f"node/{node} already cordoned")
    user.kubectl("get nodes").prints(f"""
        NAME     STATUS                     ROLES    AGE   VERSION
        {node}   Ready,SchedulingDisabled   <none>   …     v1.36…
    """)
    cluster.eventually(
        lambda: user.kubectl(f"describe node {node}").mentions(
            "Taints:             node.kubernetes.io/unschedulable:NoSchedule", "Unschedulable:      true"
        )
    )
    user.kubectl(f"run waiting --image={WEB}").succeeds()
    refusal = "0/1 nodes are available: 1 node(s) were unschedulable."
    cluster.eventually(
        lambda: user.kubectl("describe pod waiting").mentions(f"FailedScheduling …s default-scheduler {refusal}")
    )
    user.kubectl(f"uncordon {node}").prints(f"node/{node} uncordoned")
    user.kubectl("wait --for=condition=Ready pod/waiting --timeout=180s").prints("pod/waiting condition met")


def test_taint(user: User, node: str, cluster: Cluster) -> None:
    user.kubectl(f"taint node {node} a=b:NoSchedule").prints(f"node/{node} tainted")
    user.kubectl(f"taint node {node} a=b:NoSchedule").fails(
        f"error: node {node} already has a taint(s) with same effect(s) and --overwrite is false"
    )
    user.kubectl(f"taint node {node} a=c:NoSchedule --overwrite").prints(f"node/{node} modified")
    user.kubectl(f"run waiting --image={WEB}").succeeds()
    refusal = "0/1 nodes are available: 1 node(s) had untolerated taint(s)."
    cluster.eventually(
        lambda: user.kubectl("describe pod waiting").mentions(f"FailedScheduling …s default-scheduler {refusal}")
    )
    user.kubectl(f"taint node {node} a:NoSchedule-").prints(f"node/{node} untainted")
    user.kubectl(f"taint node {node} a:NoSchedule-").fails('error: taint "a:NoSchedule" not found')
    user.kubectl("wait --for=condition=Ready pod/waiting --timeout=180s").succeeds()


@pytest.fixture
def emptied(own_cluster: Cluster) -> Iterator[tuple[User, str]]:
    """A user and the node of a cluster in which all Pods may be evicted; afterwards it is as before."""
    user = own_cluster.newcomer()
    name = user.kubectl("get nodes -o jsonpath={.items[0].metadata.name}").out
    yield user, name
    user.kubectl(f"uncordon {name}")
    user.kubectl(f"delete namespace {user.namespace} --timeout=180s")


def test_drain(own_cluster: Cluster, emptied: tuple[User, str]) -> None:
    user, node = emptied
    user.applies(DAEMON)
    user.applies(SCRATCH)
    user.kubectl(f"run alone --image={WEB} -- sleep 1000").succeeds()
    user.kubectl("create pdb guard --selector=app=scratch --min-available=1").succeeds()
    user.kubectl("wait --for=condition=Ready pods --all --timeout=180s").succeeds()
    user.kubectl("wait --for=jsonpath={.status.currentHealthy}=1 pdb/guard --timeout=180s").succeeds()
    refused = user.kubectl(f"drain {node}")
    assert refused.done.code == 1, refused.done
    for reason in (
        f"cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): {user.namespace}/agent-…",
        f"cannot delete Pods with local storage (use --delete-emptydir-data to override): {user.namespace}/scratch-…",
        f"cannot delete Pods that declare no controller (use --force to override): {user.namespace}/alone",
    ):
        refused.warns(reason)
    options = "--ignore-daemonsets --delete-emptydir-data --force --grace-period=1"
    guarded = user.kubectl(f"drain {node} {options} --timeout=8s", within=30)
    for warning in (  # in whatever order: kubectl keeps them in a map
        f"ignoring DaemonSet-managed Pods: {user.namespace}/agent-…",
        f"deleting Pods that declare no controller: {user.namespace}/alone",
    ):
        guarded.warns(warning)
    guarded.warns(
        'error when evicting pods/"scratch-…" -n "…" (will retry after 5s): '
        "Cannot evict pod as it would violate the pod's disruption budget."
    )
    user.kubectl("delete pdb guard").succeeds()
    user.kubectl(f"drain {node} {options} --timeout=180s").mentions("pod/scratch-… evicted", f"node/{node} drained")
    told = "get pods --no-headers -l"
    own_cluster.eventually(lambda: user.kubectl(f"{told} app=scratch").prints("scratch-… 0/1 Pending 0 …s"))
    own_cluster.eventually(lambda: user.kubectl(f"{told} app=agent").prints("agent-… 1/1 Running 0 …s"))
    user.kubectl(f"uncordon {node}").prints(f"node/{node} uncordoned")
    user.kubectl("wait --for=condition=Ready pods --all --timeout=180s").succeeds()


def test_debug_of_a_node(user: User, node: str) -> None:
    with user.at_terminal(f"debug node/{node} -it --image={WEB} --profile=general -- sh") as terminal:
        terminal.shows(f"Creating debugging pod node-debugger-{node}-… with container debugger on node {node}.", "/ #")
        terminal.types("cat /host/etc/hostname >/dev/null && ls -d /host/etc; exit\r").shows("/host/etc\n").ends(0)


def test_top_without_metrics(user: User) -> None:
    user.kubectl("top nodes").fails("error: Metrics API not available")
    user.kubectl("top pods").fails("error: Metrics API not available")


def test_what_a_node_tells_of_itself(resident: User, node: str) -> None:
    path = f"/api/v1/nodes/{node}/proxy"
    resident.kubectl(f"get --raw {path}/healthz").prints("ok")
    resident.kubectl(f"get --raw {path}/stats/summary").mentions(f'"nodeName":"{node}"')
    resident.kubectl(f"get --raw {path}/metrics/resource").mentions("node_cpu_usage_seconds_total …")
    resident.kubectl(f"get --raw {path}/metrics/cadvisor").mentions("container_memory_working_set_bytes{…")
    resident.kubectl(f"get --raw {path}/configz").mentions('"apiVersion":"kubelet.config.k8s.io/v1beta1"')
    resident.kubectl(f"get --raw {path}/logs/").mentions("<pre>")


SCRAPE = """
import ssl, sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Authorization": "Bearer " + sys.argv[2]})
try:
    print(urllib.request.urlopen(request, context=ssl._create_unverified_context()).read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


def test_a_scraper_reads_a_node_with_its_token(user: User, node: str) -> None:
    here = user.namespace
    script = user.file("scrape.py", SCRAPE)
    user.kubectl("create sa scraper").succeeds()
    user.kubectl(f"create clusterrole scrape-{here} --verb=get --resource=nodes/metrics").succeeds()
    user.kubectl(
        f"create clusterrolebinding scrape-{here} --clusterrole=scrape-{here} --serviceaccount={here}:scraper"
    ).succeeds()
    token = user.kubectl("create token scraper").out.strip()
    address = user.kubectl(f"get node {node} -o jsonpath={{.status.addresses[0].address}}").out
    user.types(f"python {script} https://{address}:10250/metrics/resource {token}").mentions(
        "node_memory_working_set_bytes …"
    )
    user.types(f"python {script} https://{address}:10250/pods {token}").mentions(
        f"403 Forbidden (user=system:serviceaccount:{here}:scraper, verb=get, resource=nodes, subresource(s)=[pods proxy])"
    )
    user.types(f"python {script} https://{address}:10250/pods nonsense").mentions("401 Unauthorized")
