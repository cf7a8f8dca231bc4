"""ConfigMaps in files and in the environment, and what is told while one is missing."""

from tests.scenarios.vocabulary import Cluster, User

POD = """
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{name: settings, configMap: {name: settings}}]
  containers:
  - name: api
    image: registry.example.com/shop/api-server:v1.4.2
    command: [sh, -c, "sleep 100000; exit 0"]
    env: [{name: GREETING, valueFrom: {configMapKeyRef: {name: settings, key: greeting}}}]
    volumeMounts: [{name: settings, mountPath: /settings}]
"""


def test_files_follow_and_the_environment_follows_with_a_restart(cluster: Cluster, user: User) -> None:
    user.applies(POD)
    cluster.eventually(
        lambda: user.kubectl("describe pod web").mentions(
            'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found'
        )
    )
    user.kubectl("create configmap settings --from-literal=other=x").succeeds()
    cluster.eventually(
        lambda: user.kubectl("get pod web").prints("""
        NAME   READY   STATUS                       RESTARTS   AGE
        web    0/1     CreateContainerConfigError   0          …s
    """)
    )
    user.kubectl("describe pod web").mentions(
        f"Error: couldn't find key greeting in ConfigMap {user.namespace}/settings"
    )
    user.kubectl("""patch configmap settings -p '{"data":{"greeting":"hello"}}'""").succeeds()
    user.kubectl("wait pod web --for=condition=Ready --timeout=180s").succeeds()
    user.kubectl("exec web -- sh -c 'cat /settings/greeting; echo; echo $GREETING'").prints("hello\nhello")
    user.kubectl("""patch configmap settings -p '{"data":{"greeting":"goodbye"}}'""").succeeds()
    cluster.eventually(lambda: user.kubectl("exec web -- cat /settings/greeting").prints("goodbye"), within=5)
    user.kubectl("exec web -- sh -c 'echo $GREETING'").prints("hello")
    user.kubectl("exec web -- killall sleep").succeeds()
    cluster.eventually(lambda: user.kubectl("exec web -- sh -c 'echo $GREETING'").prints("goodbye"))


def test_images_that_cannot_be_had(cluster: Cluster, user: User) -> None:
    user.kubectl("run never --image=localhost/none:1 --image-pull-policy=Never").succeeds()
    # kubectl run would refuse the name itself.
    user.applies("""
apiVersion: v1
kind: Pod
metadata: {name: wrong}
spec: {containers: [{name: api, image: "UPPER:case"}]}
""")
    cluster.eventually(
        lambda: user.kubectl("get pods").prints("""
        NAME    READY   STATUS              RESTARTS   AGE
        never   0/1     ErrImageNeverPull   0          …s
        wrong   0/1     InvalidImageName    0          …s
    """)
    )
    user.kubectl("describe pod never").mentions(
        'Container image "localhost/none:1" is not present with pull policy of Never'
    )
    user.kubectl("describe pod wrong").mentions(
        'Failed to apply default image tag "UPPER:case": couldn\'t parse image name'
    )


def test_more_processor_without_a_restart(cluster: Cluster, user: User) -> None:
    user.applies(POD.replace("[{name: settings, configMap: {name: settings}}]", "[{name: settings, emptyDir: {}}]")
        .replace("env: [", "resources: {limits: {cpu: 100m, memory: 32Mi}}\n    env: [")
        .replace("key: greeting", "key: greeting, optional: true"))  # fmt: skip
    user.kubectl("wait pod web --for=condition=Ready --timeout=180s").succeeds()
    patch = '{"spec":{"containers":[{"name":"api","resources":{"requests":{"cpu":"150m"},"limits":{"cpu":"150m"}}}]}}'
    user.kubectl(f"patch pod web --subresource resize -p '{patch}'").prints("pod/web patched")
    path = "{.status.containerStatuses[0].resources.limits.cpu} {.status.containerStatuses[0].restartCount}"
    cluster.eventually(lambda: user.kubectl(f"get pod web -o jsonpath='{path}'").prints("150m 0"))
