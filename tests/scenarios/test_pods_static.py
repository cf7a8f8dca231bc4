"""A Pod that is a file of the node: it runs without being asked for, and nobody but the file ends it."""

from tests.scenarios.vocabulary import Cluster, User

MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: beacon, namespace: NAMESPACE}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: api
    image: registry.example.com/shop/api-server:v1.4.2
    command: [sh, -c, "sleep 100000"]
"""
FILE = "/var/lib/kybern/node/manifests/beacon.yaml"


def test_a_file_of_the_node(cluster: Cluster, user: User) -> None:
    manifest = user.file("beacon.yaml", MANIFEST.replace("NAMESPACE", user.namespace))
    user.types(f"mkdir -p $(dirname {FILE}) && cp {manifest} {FILE}").succeeds()
    try:
        cluster.eventually(
            lambda: user.kubectl("get pods").prints("""
            NAME       READY   STATUS    RESTARTS   AGE
            beacon-…   1/1     Running   0          …
        """)
        )
        uid = "get pods -o jsonpath='{.items[0].metadata.uid}'"
        before = user.kubectl(uid).succeeds().out
        user.kubectl("delete pods --all").mentions("deleted")
        # The mirror is another one, the container is not.
        cluster.eventually(lambda: user.kubectl("get pods").mentions("1/1     Running   0"))
        assert user.kubectl(uid).succeeds().out != before
    finally:
        user.types(f"rm {FILE}").succeeds()
    cluster.eventually(lambda: user.kubectl("get pods -o name").prints(""))
