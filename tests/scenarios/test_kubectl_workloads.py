"""kubectl scale, autoscale, rollout, delete and wait."""

from tests.scenarios.vocabulary import NEWER, WEB, Cluster, User


def test_scaling(user: User, cluster: Cluster) -> None:
    user.kubectl(f"create deployment web --image={WEB}").prints("deployment.apps/web created")
    user.kubectl("scale deployment web --replicas=2").prints("deployment.apps/web scaled")
    user.kubectl("scale deployment web --replicas=3 --current-replicas=9").fails(
        "error: Expected replicas to be 9, was 2"
    )
    user.kubectl("scale deployment nosuch --replicas=3").fails(
        'Error from server (NotFound): deployments.apps "nosuch" not found'
    )
    cluster.eventually(lambda: user.kubectl("get deployment web --no-headers").prints("web 2/2 2 2 …s"))
    user.kubectl("autoscale deployment web --min=1 --max=3 --cpu=80%").prints(
        "horizontalpodautoscaler.autoscaling/web autoscaled"
    )
    user.kubectl("get hpa").prints("""
        NAME   REFERENCE        TARGETS              MINPODS   MAXPODS   REPLICAS   AGE
        web    Deployment/web   cpu: <unknown>/80%   1         3         …          …s
    """)


def test_rollouts(user: User) -> None:
    user.kubectl(f"create deployment web --image={WEB} --replicas=2").prints("deployment.apps/web created")
    user.kubectl("rollout status deployment/web").mentions('deployment "web" successfully rolled out')
    user.kubectl(f"set image deployment/web api-server={NEWER}").prints("deployment.apps/web image updated")
    user.kubectl("rollout status deployment/web").mentions(
        'Waiting for deployment "web" rollout to finish: …', 'deployment "web" successfully rolled out'
    )
    user.kubectl("rollout history deployment/web").prints("""
        deployment.apps/web
        REVISION  CHANGE-CAUSE
        1         <none>
        2         <none>

    """)
    user.kubectl("rollout history deployment/web --revision=1").mentions(
        "deployment.apps/web with revision #1", f"    Image: {WEB}"
    )
    user.kubectl("rollout pause deployment/web").prints("deployment.apps/web paused")
    user.kubectl("rollout pause deployment/web").fails('error: deployments.apps "web" is already paused')
    user.kubectl("rollout restart deployment/web").fails(
        'error: deployments.apps "web" can\'t restart paused deployment (run rollout resume first)'
    )
    user.kubectl("rollout resume deployment/web").prints("deployment.apps/web resumed")
    user.kubectl("rollout restart deployment/web").prints("deployment.apps/web restarted")
    user.kubectl("rollout undo deployment/web --to-revision=1").prints("deployment.apps/web rolled back")
    user.kubectl("rollout undo deployment/web --to-revision=99").fails(
        "error: unable to find specified revision 99 in history"
    )
    user.kubectl("rollout status deployment/web --timeout=180s").succeeds()
    user.kubectl("get deployment web -o jsonpath={.spec.template.spec.containers[0].image}").prints(WEB)


def test_what_goes_with_what_is_deleted(user: User, cluster: Cluster) -> None:
    def running() -> None:
        user.kubectl(f"create deployment web --image={WEB}").prints("deployment.apps/web created")
        user.kubectl("rollout status deployment/web").succeeds()

    gone, where = f"deleted from {user.namespace} namespace", "-l app=web -o name"
    running()
    user.kubectl("delete deployment web --cascade=orphan").prints(f'deployment.apps "web" {gone}')
    user.kubectl(f"get rs {where}").prints("replicaset.apps/web-…")
    user.kubectl("delete rs -l app=web --cascade=foreground").prints(f'replicaset.apps "web-…" {gone}')
    user.kubectl("get pods -l app=web").prints("").warns("No resources found in … namespace.")
    running()
    user.kubectl("delete deployment web").prints(f'deployment.apps "web" {gone}')
    cluster.eventually(lambda: user.kubectl(f"get rs,pods {where}").prints(""))


def test_deleting_pods(user: User) -> None:
    for name in ("p1", "p2"):
        user.kubectl(f"run {name} --image={WEB} --restart=Never -- sleep 1000").prints(f"pod/{name} created")
        user.kubectl(f"wait --for=condition=Ready pod/{name} --timeout=180s").prints(f"pod/{name} condition met")
    user.kubectl("delete pods --all --dry-run=server").prints(f"""
        pod "p1" deleted from {user.namespace} namespace (server dry run)
        pod "p2" deleted from {user.namespace} namespace (server dry run)
    """)
    user.kubectl("delete pod p1 --force --grace-period=0").prints(
        f'pod "p1" force deleted from {user.namespace} namespace'
    ).warns(
        "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. "
        "The resource may continue to run on the cluster indefinitely."
    )
    user.kubectl("get pod p1").fails('Error from server (NotFound): pods "p1" not found')
    user.kubectl("delete pod p2 --now").prints(f'pod "p2" deleted from {user.namespace} namespace')
    user.kubectl("delete pod nosuch").fails('Error from server (NotFound): pods "nosuch" not found')
    user.kubectl("delete pod nosuch --ignore-not-found").prints("")
    user.kubectl("delete pods -l a=b").prints("No resources found")


def test_waiting(user: User) -> None:
    user.kubectl(f"run p --image={WEB}").prints("pod/p created")
    user.kubectl("wait --for=create pod/p --timeout=180s").prints("pod/p condition met")
    user.kubectl("wait --for=condition=Ready pod/p --timeout=180s").prints("pod/p condition met")
    user.kubectl("wait --for=jsonpath={.status.phase}=Running pod/p --timeout=180s").prints("pod/p condition met")
    user.kubectl("wait --for=condition=Nope pod/p --timeout=1s").fails(
        "error: timed out waiting for the condition on pods/p"
    )
    user.kubectl("wait --for=condition=Ready pod/nosuch --timeout=2s").fails(
        'Error from server (NotFound): pods "nosuch" not found'
    )
    with user.starts("wait --for=delete pod/p --timeout=180s") as waiting:
        user.kubectl("delete pod p --grace-period=1 --wait=false").succeeds()
        waiting.ends(0)
