"""kubectl get and describe in all their forms, explain and the lists of what there is."""

from tests.scenarios.vocabulary import WEB, Cluster, User


def test_every_kind_in_wide_tables(resident: User) -> None:
    resident.kubectl("get deploy,rs,svc,pods -o wide").prints(f"""
        NAME                  READY   UP-TO-DATE   AVAILABLE   AGE   CONTAINERS   IMAGES   SELECTOR
        deployment.apps/web   2/2     2            2           …s    api-server   {WEB}   app=web

        NAME                     DESIRED   CURRENT   READY   AGE   CONTAINERS   IMAGES   SELECTOR
        replicaset.apps/web-…    2         2         2       …s    api-server   {WEB}   app=web,pod-template-hash=…

        NAME          TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE   SELECTOR
        service/web   ClusterIP   10.96.…      <none>        80/TCP    …s    app=web

        NAME          READY   STATUS    RESTARTS   AGE   IP         NODE   NOMINATED NODE   READINESS GATES
        pod/web-…-…   1/1     Running   0          …s    10.244.…   …      <none>           <none>
        pod/web-…-…   1/1     Running   0          …s    10.244.…   …      <none>           <none>
    """)
    resident.kubectl("get endpointslices,cm").prints("""
        NAME                                    ADDRESSTYPE   PORTS   ENDPOINTS               AGE
        endpointslice.discovery.k8s.io/web-…    IPv4          8080    10.244.…,10.244.…       …s

        NAME                         DATA   AGE
        configmap/kube-root-ca.crt   1      …s
    """)
    resident.kubectl("get nodes -o wide").prints("""
        NAME   STATUS   ROLES    AGE   VERSION   INTERNAL-IP   EXTERNAL-IP   OS-IMAGE   KERNEL-VERSION   CONTAINER-RUNTIME
        …      Ready    <none>   …s    v1.36…    10.…          <none>        …          …                containerd://…
    """)
    resident.kubectl("get ns,pods -A").mentions(
        "namespace/kube-node-lease Active …s", f"{resident.namespace} pod/web-… 1/1"
    )


def test_the_forms_of_output(resident: User) -> None:
    resident.kubectl("get deployment web -o name").prints("deployment.apps/web")
    resident.kubectl("get deployment web -o jsonpath={.spec.replicas}/{.status.readyReplicas}").prints("2/2")
    resident.kubectl("get svc -o custom-columns=N:.metadata.name,PORT:.spec.ports[*].port,X:.no").prints("""
        N     PORT   X
        web   80     <none>
    """)
    resident.kubectl("get svc -L app --no-headers").prints("web ClusterIP 10.96.… <none> 80/TCP …s web")
    resident.kubectl("get svc web -o yaml").mentions(
        "kind: Service", "  internalTrafficPolicy: Cluster", "    targetPort: 8080", "  loadBalancer: {}"
    )
    resident.kubectl("get pods -o go-template='{{len .items}}'").prints("2")
    resident.kubectl("get svc web --show-labels").mentions("app=web")


def test_selectors_and_order(resident: User) -> None:
    resident.kubectl("get pods -l app=web,app!=x -o name").prints("pod/web-…\npod/web-…")
    resident.kubectl("get pods -l 'app in (a, b)'").prints("").warns("No resources found in … namespace.")
    resident.kubectl("get pods --field-selector=status.phase=Running -o name").prints("pod/web-…\npod/web-…")
    resident.kubectl("get pods --field-selector=status.phase!=Running -o name").prints("")
    resident.kubectl("get pods --field-selector=spec.foo=bar").fails(
        'Error from server (BadRequest): Unable to find "/v1, Resource=pods" that match label selector "", '
        'field selector "spec.foo=bar": field label not supported: spec.foo'
    )
    sorted_ips = resident.kubectl("get pods --sort-by=.status.podIP -o jsonpath={.items[*].status.podIP}").out.split()
    assert sorted_ips == sorted(sorted_ips, key=lambda ip: int(ip.rpartition(".")[2]))


def test_what_is_not_there(resident: User) -> None:
    resident.kubectl("get nosuch").fails('error: the server doesn\'t have a resource type "nosuch"')
    resident.kubectl("get pod nosuch").fails('Error from server (NotFound): pods "nosuch" not found')
    resident.kubectl("get pods,svc nosuch").fails("""
        Error from server (NotFound): pods "nosuch" not found
        Error from server (NotFound): services "nosuch" not found
    """)
    resident.kubectl("get pods -n nosuch").prints("").warns("No resources found in nosuch namespace.")
    resident.kubectl("get endpoints web").mentions("web 10.244.…:8080,10.244.…:8080").warns(
        "Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
    )


def test_components(resident: User, cluster: Cluster) -> None:
    def all_are_well() -> None:
        resident.kubectl("get componentstatuses").prints("""
            NAME                 STATUS    MESSAGE   ERROR
            controller-manager   Healthy   ok
            scheduler            Healthy   ok
            etcd-0               Healthy   ok
        """).warns("Warning: v1 ComponentStatus is deprecated in v1.19+")

    cluster.eventually(all_are_well)
    resident.kubectl("get cs scheduler -o name").mentions("componentstatus/scheduler")
    resident.kubectl("get cs nosuch").fails(
        """
        Warning: v1 ComponentStatus is deprecated in v1.19+
        Error from server (NotFound): componentstatus "nosuch" not found
        """
    )


def test_watching(user: User) -> None:
    with user.starts("get pods --watch --output-watch-events") as watch, user.starts("get pods -w -o name") as names:
        user.kubectl(f"run seen --image={WEB}").prints("pod/seen created")
        # How far the Pod is when the watch has begun is a matter of luck.
        watch.shows("EVENT NAME READY STATUS RESTARTS AGE", "ADDED seen")
        user.kubectl("wait --for=condition=Ready pod/seen --timeout=180s").succeeds()
        user.kubectl("delete pod seen --now").prints(f'pod "seen" deleted from {user.namespace} namespace')
        watch.shows("MODIFIED seen 1/1 Terminating 0 …s", "DELETED seen")
        names.shows("pod/seen")


def test_events(user: User, cluster: Cluster) -> None:
    user.kubectl(f"run p --image={WEB}").succeeds()
    user.kubectl("wait --for=condition=Ready pod/p --timeout=180s").succeeds()
    present = f'Container image "{WEB}" already present on machine and can be accessed by the pod'
    cluster.eventually(lambda: user.kubectl("events --for pod/p").mentions("…s Normal Started Pod/p Container started"))
    user.kubectl("get events --sort-by=.lastTimestamp").mentions(
        "LAST SEEN TYPE REASON OBJECT MESSAGE",
        f"Normal Scheduled pod/p Successfully assigned {user.namespace}/p to …",
        f"Normal Pulled pod/p {present}",
        "Normal Created pod/p Container created",
    )
    user.kubectl("get events -o wide --field-selector reason=Started").mentions(
        "LAST SEEN TYPE REASON OBJECT SUBOBJECT SOURCE MESSAGE FIRST SEEN COUNT NAME",
        "Normal Started pod/p spec.containers{p} kubelet, … Container started …s 1 p.…",
    )
    user.kubectl("events --types=Warning").prints("").warns("No events found in … namespace.")


def test_describing(resident: User) -> None:
    resident.kubectl("describe deployment web").mentions(
        "Replicas:               2 desired | 2 updated | 2 total | 2 available | 0 unavailable",
        "StrategyType:           RollingUpdate",
        "  Available      True    MinimumReplicasAvailable",
        "NewReplicaSet:   web-… (2/2 replicas created)",
        "  Normal  ScalingReplicaSet  …s    deployment-controller  Scaled up replica set web-… from 0 to 2",
    )
    resident.kubectl("describe rs").mentions(
        "Controlled By:  Deployment/web",
        "Pods Status:    2 Running / 0 Waiting / 0 Succeeded / 0 Failed",
    )
    resident.kubectl("describe svc web").mentions("Endpoints: 10.244.…:8080,10.244.…:8080", "TargetPort: 8080/TCP")
    pod = resident.kubectl("get pods -l app=web -o jsonpath={.items[0].metadata.name}").out
    resident.kubectl(f"describe pod {pod}").mentions(
        "Controlled By:  ReplicaSet/web-…",
        "    Port:           8080/TCP",
        "    State:          Running",
        "  PodReadyToStartContainers   True",
        "QoS Class: BestEffort",
        "Tolerations: node.kubernetes.io/not-ready:NoExecute op=Exists for 300s",
        "  Normal  Started    …s  kubelet            spec.containers{api-server}: Container started",
    )
    resident.kubectl("describe node").mentions(
        "  Ready            True …   KubeletReady                 kubelet is posting ready status",
        "  Namespace  Name  CPU Requests  CPU Limits  Memory Requests  Memory Limits  Age",
        "  (Total limits may be over 100 percent, i.e., overcommitted.)",
    )
    resident.kubectl("describe pod nosuch").fails('Error from server (NotFound): pods "nosuch" not found')
    for kind in (
        "endpointslice",
        "cm",
        "sa",
        f"ns {resident.namespace}",
        "secret",
        "priorityclass",
        "clusterrole admin",
    ):
        resident.kubectl(f"describe {kind}").succeeds()


def test_explaining(resident: User) -> None:
    resident.kubectl("explain pod.spec.containers --recursive").mentions(
        "KIND: Pod",
        "FIELD: containers <[]Container>",
        " env <[]EnvVar>",
        " name <string> -required-",
        " secretKeyRef <SecretKeySelector>",
    )
    resident.kubectl("explain deploy.spec.strategy").mentions("GROUP: apps", "FIELD: strategy <DeploymentStrategy>")
    resident.kubectl("explain hpa --api-version=autoscaling/v1").mentions("VERSION: v1", "GROUP: autoscaling")
    resident.kubectl("explain pod.spec.restartPolicy").mentions(
        """
        FIELD: restartPolicy <string>
        ENUM:
            Always
            Never
            OnFailure
        """
    )
    resident.kubectl("explain pod.spec.nosuch").warns('error: field "nosuch" does not exist')


def test_what_the_server_has(resident: User) -> None:
    resident.kubectl("api-resources").mentions(
        "NAME SHORTNAMES APIVERSION NAMESPACED KIND",
        "pods po v1 true Pod",
        "customresourcedefinitions crd,crds apiextensions.k8s.io/v1 false CustomResourceDefinition",
        "horizontalpodautoscalers hpa autoscaling/v2 true HorizontalPodAutoscaler",
        "componentstatuses cs v1 false ComponentStatus",
    )
    resident.kubectl("api-resources --api-group=apps -o wide").mentions(
        "deployments deploy apps/v1 true Deployment create,delete,deletecollection,get,list,patch,update,watch all"
    )
    resident.kubectl("api-versions").mentions("apps/v1", "autoscaling/v2", "v1")
    resident.kubectl("get --raw /version").mentions('"gitVersion": "v1.36')
    resident.kubectl("get --raw /nosuch").fails(
        "Error from server (NotFound): the server could not find the requested resource"
    )
