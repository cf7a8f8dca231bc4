"""Upstream's default ClusterRoles and their bindings, and Kybern's own for `kybern.dev`.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings and
kubernetes/kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata.
"""

from kybern.api.resource import Object
from kybern.apiserver.bootstrap.rules import (
    ALL,
    EVENTS,
    READ,
    WRITE,
    account,
    cluster_binding,
    cluster_role,
    group,
    paths,
    rule,
    user,
)

_AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
_REVIEW_TOKENS = rule("create", "authentication.k8s.io", "tokenreviews")
_REVIEW_ACCESS = rule("create", "authorization.k8s.io", "subjectaccessreviews")
_CERTIFICATES = "certificates.k8s.io"
_SIGNERS = ("kube-apiserver-client", "kube-apiserver-client-kubelet", "kubelet-serving", "legacy-unknown")
_APPS = (
    "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets "
    "statefulsets/scale"
)
_EXTENSIONS = (
    "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets "
    "replicasets/scale replicationcontrollers/scale"
)
_STREAMS = "pods/attach pods/exec pods/portforward pods/proxy"


def _to(*names: str) -> dict[str, str]:
    return {_AGGREGATE + name: "true" for name in names}


def cluster_roles() -> list[Object]:
    return [*_people(), *_information(), *_components(), *_nodes(), *_certificates(), *_own()]


def _people() -> list[Object]:
    return [
        cluster_role("cluster-admin", rule("*", "*", "*"), paths("*", "*")),
        cluster_role("admin", aggregate=_AGGREGATE + "admin"),
        cluster_role("edit", labels=_to("admin"), aggregate=_AGGREGATE + "edit"),
        cluster_role("view", labels=_to("edit"), aggregate=_AGGREGATE + "view"),
        cluster_role(
            "system:aggregate-to-admin",
            rule("create", "authorization.k8s.io", "localsubjectaccessreviews"),
            rule(ALL, "rbac.authorization.k8s.io", "rolebindings roles"),
            labels=_to("admin"),
        ),
        cluster_role(
            "system:aggregate-to-edit",
            rule(READ, "core", f"{_STREAMS} secrets services/proxy"),
            rule("impersonate", "core", "serviceaccounts"),
            rule(WRITE, "core", f"pods {_STREAMS}"),
            rule("create", "core", "pods/eviction"),
            rule(
                WRITE,
                "core",
                "configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets "
                "serviceaccounts services services/proxy",
            ),
            rule("create", "core", "serviceaccounts/token"),
            rule(WRITE, "core events.k8s.io", "events"),
            rule(WRITE, "apps", _APPS),
            rule(WRITE, "autoscaling", "horizontalpodautoscalers"),
            rule(WRITE, "batch", "cronjobs jobs"),
            rule(WRITE, "extensions", _EXTENSIONS),
            rule(WRITE, "policy", "poddisruptionbudgets"),
            rule(WRITE, "networking.k8s.io", "ingresses networkpolicies"),
            rule(ALL, "coordination.k8s.io", "leases"),
            rule(WRITE, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
            labels=_to("edit"),
        ),
        _view(),
    ]


def _view() -> Object:
    return cluster_role(
        "system:aggregate-to-view",
        rule(
            READ,
            "core",
            "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers "
            "replicationcontrollers/scale serviceaccounts services services/status",
        ),
        rule(
            READ,
            "core",
            "bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status "
            "resourcequotas resourcequotas/status",
        ),
        rule(READ, "core", "namespaces"),
        rule(READ, "core events.k8s.io", "events"),
        rule(READ, "discovery.k8s.io", "endpointslices"),
        rule(
            READ,
            "apps",
            "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status "
            "replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
        ),
        rule(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
        rule(READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
        rule(
            READ,
            "extensions",
            "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status "
            "networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale",
        ),
        rule(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
        rule(READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
        rule(READ, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
        labels=_to("view"),
    )


def _information() -> list[Object]:
    health = "/healthz /livez /readyz"
    return [
        cluster_role(
            "system:discovery",
            paths("get", f"/api /api/* /apis /apis/* {health} /openapi /openapi/* /version /version/"),
        ),
        cluster_role("system:public-info-viewer", paths("get", f"{health} /version /version/")),
        cluster_role(
            "system:basic-user",
            rule("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
            rule("create", "authentication.k8s.io", "selfsubjectreviews"),
        ),
        cluster_role(
            "system:monitoring",
            paths("get", f"{health} /healthz/* /livez/* /readyz/* /metrics /metrics/slis /statusz /flagz"),
            rule("get", "core", "nodes/metrics"),
        ),
        cluster_role(
            "system:service-account-issuer-discovery",
            paths(
                "get",
                "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
            ),
        ),
        cluster_role("system:auth-delegator", _REVIEW_TOKENS, _REVIEW_ACCESS),
    ]


def _components() -> list[Object]:
    return [
        cluster_role(
            "system:heapster",
            rule(READ, "core", "events namespaces nodes pods"),
            rule(READ, "extensions", "deployments"),
        ),
        cluster_role("system:kube-aggregator", rule(READ, "core", "endpoints services")),
        cluster_role(
            "system:kube-controller-manager",
            EVENTS,
            rule("create", "coordination.k8s.io", "leases"),
            rule("get update", "coordination.k8s.io", "leases", "kube-controller-manager"),
            rule("create", "core", "secrets serviceaccounts"),
            rule("delete", "core", "secrets"),
            rule("get", "core", "configmaps namespaces secrets serviceaccounts"),
            rule("update", "core", "secrets serviceaccounts"),
            _REVIEW_TOKENS,
            _REVIEW_ACCESS,
            rule("list watch", "*", "*"),
            rule("create", "core", "serviceaccounts/token"),
        ),
        cluster_role("system:kube-dns", rule("list watch", "core", "endpoints services")),
        cluster_role(
            "system:kube-scheduler",
            EVENTS,
            rule("create", "coordination.k8s.io", "leases"),
            rule(f"{READ} update", "coordination.k8s.io", "leases", "kube-scheduler"),
            rule(ALL, "coordination.k8s.io", "leasecandidates"),
            rule(READ, "core", "nodes"),
            rule(f"{READ} delete", "core", "pods"),
            rule("create", "core", "bindings pods/binding"),
            rule("patch update", "core", "pods/status"),
            rule(READ, "core", "replicationcontrollers services"),
            rule(READ, "apps extensions", "replicasets"),
            rule(READ, "apps", "statefulsets"),
            rule(READ, "policy", "poddisruptionbudgets"),
            rule(READ, "core", "persistentvolumeclaims persistentvolumes"),
            _REVIEW_TOKENS,
            _REVIEW_ACCESS,
            rule(READ, "storage.k8s.io", "csinodes"),
            rule(READ, "storage.k8s.io", "volumeattachments"),
            rule(READ, "core", "namespaces"),
            rule(READ, "storage.k8s.io", "csidrivers"),
            rule(READ, "storage.k8s.io", "csistoragecapacities"),
            rule(READ, "resource.k8s.io", "deviceclasses"),
            rule(f"{READ} patch update", "resource.k8s.io", "resourceclaims"),
            rule(f"{READ} patch update", "resource.k8s.io", "resourceclaims/status"),
            rule("update", "core", "pods/finalizers"),
            rule(READ, "resource.k8s.io", "resourceslices"),
            rule("create delete", "resource.k8s.io", "resourceclaims"),
            rule("patch update", "resource.k8s.io", "resourceclaims/binding"),
        ),
        cluster_role(
            "system:volume-scheduler",
            rule(f"{READ} patch update", "core", "persistentvolumes"),
            rule(READ, "storage.k8s.io", "storageclasses"),
            rule(f"{READ} patch update", "core", "persistentvolumeclaims"),
        ),
        cluster_role(
            "system:persistent-volume-provisioner",
            rule(f"{READ} create delete", "core", "persistentvolumes"),
            rule(f"{READ} update", "core", "persistentvolumeclaims"),
            rule(READ, "storage.k8s.io", "storageclasses"),
            rule("watch", "core", "events"),
            EVENTS,
        ),
    ]


def node_rules() -> list[Object]:
    """What a kubelet may do; the Node authoriser narrows it to its own node's objects."""
    return [
        _REVIEW_TOKENS,
        rule("create", "authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews"),
        rule(READ, "core", "services"),
        rule(f"{READ} create", "core", "nodes"),
        rule("patch update", "core", "nodes/status"),
        rule("patch update", "core", "nodes"),
        EVENTS,
        rule(READ, "core", "pods"),
        rule("create delete", "core", "pods"),
        rule("patch update", "core", "pods/status"),
        rule("create", "core", "pods/eviction"),
        rule(READ, "core", "configmaps secrets"),
        rule("get", "core", "persistentvolumeclaims persistentvolumes"),
        rule("get", "core", "endpoints"),
        rule(f"{READ} create", _CERTIFICATES, "certificatesigningrequests"),
        rule("create delete get patch update", "coordination.k8s.io", "leases"),
        rule("get", "storage.k8s.io", "volumeattachments"),
        rule("create", "core", "serviceaccounts/token"),
        rule("get patch update", "core", "persistentvolumeclaims/status"),
        rule(READ, "storage.k8s.io", "csidrivers"),
        rule("create delete get patch update", "storage.k8s.io", "csinodes"),
        rule(READ, "node.k8s.io", "runtimeclasses"),
        rule("get", "resource.k8s.io", "resourceclaims"),
        rule("deletecollection", "resource.k8s.io", "resourceslices"),
        rule("get", "core", "serviceaccounts"),
    ]


def _nodes() -> list[Object]:
    return [
        cluster_role("system:node", *node_rules()),
        cluster_role(
            "system:node-proxier",
            rule("list watch", "core", "endpoints services"),
            rule(READ, "core", "nodes"),
            EVENTS,
            rule("list watch", "networking.k8s.io", "servicecidrs"),
            rule("list watch", "discovery.k8s.io", "endpointslices"),
        ),
        cluster_role(
            "system:node-problem-detector",
            rule("get", "core", "nodes"),
            rule("patch", "core", "nodes/status"),
            EVENTS,
        ),
        cluster_role("system:node-bootstrapper", rule(f"{READ} create", _CERTIFICATES, "certificatesigningrequests")),
        cluster_role(
            "system:kubelet-api-admin",
            rule(READ, "core", "nodes"),
            rule("proxy", "core", "nodes"),
            rule("*", "core", "nodes/log nodes/metrics nodes/proxy nodes/stats"),
            rule("*", "core", "nodes/configz nodes/healthz nodes/pods"),
        ),
    ]


def _certificates() -> list[Object]:
    prefix = "system:certificates.k8s.io:"
    requests = [
        cluster_role(
            f"{prefix}certificatesigningrequests:{kind}",
            rule("create", _CERTIFICATES, f"certificatesigningrequests/{kind}"),
        )
        for kind in ("nodeclient", "selfnodeclient")
    ]
    approvers = [
        cluster_role(f"{prefix}{name}-approver", rule("approve", _CERTIFICATES, "signers", f"kubernetes.io/{name}"))
        for name in _SIGNERS
    ]
    return [*requests, *approvers]


def _own() -> list[Object]:
    """Kybern's own: everyone who may see a namespace may ask why, components may tell; the DNS servers may see names."""
    return [
        cluster_role(
            "kybern:aggregate-decisions-to-view", rule("get list", "kybern.dev", "decisions"), labels=_to("view")
        ),
        cluster_role("kybern:decision-writer", rule("create", "kybern.dev", "decisions")),
        cluster_role(
            "kybern:dns",
            rule("list watch", "core", "namespaces services"),
            rule("list watch", "discovery.k8s.io", "endpointslices"),
        ),
    ]


def cluster_bindings() -> list[Object]:
    everyone = [group("system:authenticated"), group("system:unauthenticated")]
    authenticated = [group("system:authenticated")]
    scheduler, manager = user("system:kube-scheduler"), user("system:kube-controller-manager")
    writers = [scheduler, manager, user("system:kube-proxy"), group("system:nodes")]
    return [
        cluster_binding("cluster-admin", [group("system:masters")]),
        cluster_binding("cluster-admin", [group("kubeadm:cluster-admins")], name="kubeadm:cluster-admins"),
        cluster_binding("system:monitoring", [group("system:monitoring")]),
        cluster_binding("system:discovery", authenticated),
        cluster_binding("system:basic-user", authenticated),
        cluster_binding("system:public-info-viewer", everyone),
        cluster_binding("system:node-proxier", [user("system:kube-proxy")]),
        cluster_binding("system:kube-controller-manager", [manager]),
        cluster_binding("system:kube-dns", [account("kube-dns")]),
        cluster_binding("system:kube-scheduler", [scheduler]),
        cluster_binding("system:volume-scheduler", [scheduler]),
        cluster_binding("system:node", []),
        cluster_binding("system:service-account-issuer-discovery", [group("system:serviceaccounts")]),
        cluster_binding("kybern:decision-writer", writers),
        cluster_binding("kybern:dns", [user("kybern:dns")]),
    ]
