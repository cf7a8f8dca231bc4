"""kubectl create, apply, diff, edit, patch, replace, label, annotate, set: what a user writes."""

import pytest

from tests.scenarios.vocabulary import NEWER, WEB, Cluster, User

TWO_MAPS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: pa, labels: {g: x}}
data: {a: "1"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: pb, labels: {g: x}}
data: {a: "1"}
"""
ONE_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: pa, labels: {g: x}}
data: {a: "2"}
"""

CREATED = {
    f"deployment web --image={WEB} --replicas=2 --port=8080": "deployment.apps/web created",
    f"job j --image={WEB} -- sh -c 'echo hi'": "job.batch/j created",
    f"cronjob cj --image={WEB} --schedule='*/5 * * * *' -- date": "cronjob.batch/cj created",
    "job fromcj --from=cronjob/cj": "job.batch/fromcj created",
    "configmap c1 --from-literal=a=b": "configmap/c1 created",
    "secret generic s1 --from-literal=p=q": "secret/s1 created",
    "secret docker-registry r1 --docker-username=u --docker-password=p --docker-server=x.io": "secret/r1 created",
    "sa bob": "serviceaccount/bob created",
    "role reader --verb=get --verb=list --resource=pods,deployments.apps": "role.rbac.authorization.k8s.io/reader created",
    "rolebinding rb --role=reader --serviceaccount=here:bob": "rolebinding.rbac.authorization.k8s.io/rb created",
    "quota q --hard=services=20,secrets=40": "resourcequota/q created",
    "ingress ing --rule='a.example/foo*=web:80,tls=t1' --class=nginx": "ingress.networking.k8s.io/ing created",
    "service clusterip web --tcp=80:8080": "service/web created",
    "service nodeport np --tcp=80:8080": "service/np created",
    "service loadbalancer lb --tcp=80": "service/lb created",
    "service externalname en --external-name=example.com": "service/en created",
    "pdb p --selector=app=web --min-available=1": "poddisruptionbudget.policy/p created",
    "token bob --duration=10m": "ey….….…",
}


def test_create_in_all_its_kinds(user: User, cluster: Cluster) -> None:
    for command, answer in CREATED.items():
        user.kubectl(f"create {command}").prints(answer)
    user.kubectl("create -f -", "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: gen-}}").prints(
        "configmap/gen-… created"
    )
    user.kubectl("create deployment web --image=x").fails(
        'error: failed to create deployment: deployments.apps "web" already exists'
    )
    user.kubectl("get svc,ing,role,rolebinding,sa,secret -o wide").prints("""
        NAME          TYPE           CLUSTER-IP   EXTERNAL-IP   PORT(S)    AGE   SELECTOR
        service/en    ExternalName   <none>       example.com   <none>     …s    app=en
        service/lb    LoadBalancer   10.96.…      <pending>     80:…/TCP   …s    app=lb
        service/np    NodePort       10.96.…      <none>        80:…/TCP   …s    app=np
        service/web   ClusterIP      10.96.…      <none>        80/TCP     …s    app=web

        NAME                            CLASS   HOSTS       ADDRESS   PORTS     AGE
        ingress.networking.k8s.io/ing   nginx   a.example             80, 443   …s

        NAME                                    CREATED AT
        role.rbac.authorization.k8s.io/reader   20…Z

        NAME                                       ROLE          AGE   USERS   GROUPS   SERVICEACCOUNTS
        rolebinding.rbac.authorization.k8s.io/rb   Role/reader   …s                     here/bob

        NAME                     AGE
        serviceaccount/bob       …s
        serviceaccount/default   …s

        NAME        TYPE                             DATA   AGE
        secret/r1   kubernetes.io/dockerconfigjson   1      …s
        secret/s1   Opaque                           1      …s
    """)
    cluster.eventually(
        lambda: user.kubectl("get job -o wide").prints(f"""
            NAME     STATUS     COMPLETIONS   DURATION   AGE   CONTAINERS   IMAGES   SELECTOR
            fromcj   Complete   1/1           …s         …s    cj           {WEB}    batch.kubernetes.io/controller-uid=…
            j        Complete   1/1           …s         …s    j            {WEB}    batch.kubernetes.io/controller-uid=…
        """)
    )
    user.kubectl("get cj,pdb").prints("""
        NAME               SCHEDULE      TIMEZONE   SUSPEND   ACTIVE   LAST SCHEDULE   AGE
        cronjob.batch/cj   */5 * * * *   <none>     False     0        …               …s

        NAME                           MIN AVAILABLE   MAX UNAVAILABLE   ALLOWED DISRUPTIONS   AGE
        poddisruptionbudget.policy/p   1               N/A               …                     …s
    """)


def test_apply_diff_prune(user: User) -> None:
    both = user.file("both.yaml", TWO_MAPS)
    one = user.file("one.yaml", ONE_MAP)
    user.kubectl(f"apply -f {both}").prints("configmap/pa created\nconfigmap/pb created")
    user.kubectl(f"apply -f {both}").prints("configmap/pa unchanged\nconfigmap/pb unchanged")
    user.kubectl(f"diff -f {both}").prints("")
    changed = user.kubectl(f"diff -f {one}")
    assert changed.done.code == 1, changed.done
    assert '-  a: "1"\n+  a: "2"\n' in changed.out
    user.kubectl(f"apply -f {one} --prune -l g=x --prune-allowlist=core/v1/ConfigMap").prints(
        "configmap/pa configured\nconfigmap/pb pruned"
    )
    user.kubectl("apply view-last-applied cm pa").mentions('  a: "2"')
    user.kubectl(f"apply -f {both} --dry-run=server").prints(
        "configmap/pa configured (server dry run)\nconfigmap/pb created (server dry run)"
    )
    user.kubectl(f"replace -f {one}").prints("configmap/pa replaced")
    user.kubectl(f"replace --force -f {one}").prints(
        f'configmap "pa" deleted from {user.namespace} namespace\nconfigmap/pa replaced'
    )
    user.kubectl(f"delete -f {both}").fails(
        'Error from server (NotFound): error when deleting "…/both.yaml": configmaps "pb" not found'
    )


def test_kustomize(user: User) -> None:
    home = user.file(
        "k/kustomization.yaml", "namePrefix: kz-\nconfigMapGenerator: [{name: gen, literals: [a=b]}]\n"
    ).parent
    user.kubectl(f"apply -k {home}").prints("configmap/kz-gen-… created")
    user.kubectl(f"apply -k {home}").prints("configmap/kz-gen-… unchanged")
    user.kubectl(f"diff -k {home}").prints("")


def test_edit_patch_and_set(user: User, cluster: Cluster) -> None:
    user.kubectl(f"create deployment d --image={WEB} --replicas=1").succeeds()
    cluster.eventually(lambda: user.kubectl("get deployment d --no-headers").prints("d 1/1 1 1 …s"))
    user.kubectl("edit deployment d", EDITOR="sed -i 's/replicas: 1/replicas: 2/'").prints("deployment.apps/d edited")
    user.kubectl("edit deployment d", EDITOR="true").prints("").warns("Edit cancelled, no changes made.")
    bad = user.kubectl("edit deployment d", EDITOR="sed -i 's/replicas: 2/replicas: -2/'")
    bad.fails("""
        error: deployments.apps "d" is invalid
        A copy of your changes has been stored to "…"
        error: Edit cancelled, no valid changes were saved.
    """)
    for patch, answer in {
        """-p '{"spec":{"replicas":1}}'""": "deployment.apps/d patched",
        """--type=merge -p '{"spec":{"replicas":1}}'""": "deployment.apps/d patched (no change)",
        """--type=json -p '[{"op":"replace","path":"/spec/replicas","value":2}]'""": "deployment.apps/d patched",
        """--subresource=scale --type=merge -p '{"spec":{"replicas":1}}'""": "scale.autoscaling/d patched",
    }.items():
        user.kubectl(f"patch deployment d {patch}").prints(answer)
    user.kubectl("""patch deployment d --type=json -p '[{"op":"test","path":"/spec/replicas","value":9}]'""").fails(
        "The request is invalid: the server rejected our request due to an error in our request"
    )
    user.kubectl(f"set image deployment/d api-server={NEWER}").prints("deployment.apps/d image updated")
    user.kubectl("set image deployment/d nosuch=x").fails('error: unable to find container named "nosuch"')
    user.kubectl("set env deployment/d B=2").prints("deployment.apps/d env updated")
    user.kubectl("set env deployment/d --list").prints("# Deployment d, container api-server\nB=2")
    user.kubectl("set resources deployment/d --requests=cpu=10m").prints(
        "deployment.apps/d resource requirements updated"
    )
    user.kubectl("set serviceaccount deployment d default").prints("deployment.apps/d serviceaccount updated")


@pytest.mark.parametrize("user", ["1.36", "1.32"], indirect=True)
def test_labels_and_annotations(user: User) -> None:
    user.kubectl("create configmap pa").prints("configmap/pa created")
    user.kubectl("label cm pa x=y").prints("configmap/pa labeled")
    user.kubectl("label cm pa x=z").fails("error: 'x' already has a value (y), and --overwrite is false")
    user.kubectl("label cm pa x=z --overwrite").prints("configmap/pa labeled")
    user.kubectl("label cm pa x-").prints("configmap/pa unlabeled")
    user.kubectl("label cm pa x-").mentions('label "x" not found.')
    user.kubectl("label cm pa 'bad key=1'").fails(
        """The ConfigMap "pa" is invalid: metadata.labels: Invalid value: "bad key": name part must consist of …"""
    )
    user.kubectl("annotate cm pa note='hello world'").prints("configmap/pa annotated")
    user.kubectl("get cm pa -o jsonpath={.metadata.annotations.note}").prints("hello world")
    user.kubectl("annotate cm pa note-").prints("configmap/pa annotated")
