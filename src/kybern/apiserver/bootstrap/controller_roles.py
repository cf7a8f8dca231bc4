"""The roles of upstream's controllers: one ClusterRole `system:controller:NAME` each, bound to the ServiceAccount
`kube-system/NAME`.

Source: kubernetes/kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go
"""

from kybern.api.resource import Object
from kybern.apiserver.bootstrap.rules import EVENTS, READ, account, cluster_binding, cluster_role, rule, user

PREFIX = "system:controller:"

_APPS = "apps extensions"
_PODS = rule("create delete list patch watch", "core", "pods")
_STORAGE = "storage.k8s.io"
_CERTIFICATES = "certificates.k8s.io"

CONTROLLERS: dict[str, tuple[Object, ...]] = {
    "attachdetach-controller": (
        rule("list watch", "core", "persistentvolumes persistentvolumeclaims"),
        rule(READ, "core", "nodes"),
        rule("patch update", "core", "nodes/status"),
        rule("list watch", "core", "pods"),
        EVENTS,
        rule("create delete get list watch", _STORAGE, "volumeattachments"),
        rule(READ, _STORAGE, "csidrivers"),
        rule(READ, _STORAGE, "csinodes"),
    ),
    "clusterrole-aggregation-controller": (
        rule("escalate get list patch update watch", "rbac.authorization.k8s.io", "clusterroles"),
    ),
    "cronjob-controller": (
        rule(f"{READ} update", "batch", "cronjobs"),
        rule(f"{READ} create delete patch update", "batch", "jobs"),
        rule("update", "batch", "cronjobs/status"),
        rule("update", "batch", "cronjobs/finalizers"),
        rule("delete list watch", "core", "pods"),
        EVENTS,
    ),
    "daemon-set-controller": (
        rule(READ, _APPS, "daemonsets"),
        rule("update", _APPS, "daemonsets/status"),
        rule("update", _APPS, "daemonsets/finalizers"),
        rule("list watch", "core", "nodes"),
        _PODS,
        rule("create", "core", "pods/binding"),
        rule(f"{READ} create delete patch update", "apps", "controllerrevisions"),
        EVENTS,
    ),
    "deployment-controller": (
        rule(f"{READ} update", _APPS, "deployments"),
        rule("update", _APPS, "deployments/status"),
        rule("update", _APPS, "deployments/finalizers"),
        rule(f"{READ} create delete patch update", _APPS, "replicasets"),
        rule(f"{READ} update", "core", "pods"),
        EVENTS,
    ),
    "disruption-controller": (
        rule(READ, _APPS, "deployments"),
        rule(READ, _APPS, "replicasets"),
        rule(READ, "core", "replicationcontrollers"),
        rule(READ, "policy", "poddisruptionbudgets"),
        rule(READ, "apps", "statefulsets"),
        rule("update", "policy", "poddisruptionbudgets/status"),
        rule("patch update", "core", "pods/status"),
        rule("get", "*", "*/scale"),
        EVENTS,
    ),
    "endpoint-controller": (
        rule(READ, "core", "pods services"),
        rule(f"{READ} create delete update", "core", "endpoints"),
        rule("create", "core", "endpoints/restricted"),
        EVENTS,
    ),
    "endpointslice-controller": (
        rule(READ, "core", "nodes pods services"),
        rule("update", "core", "services/finalizers"),
        rule(f"{READ} create delete update", "discovery.k8s.io", "endpointslices"),
        EVENTS,
    ),
    "endpointslicemirroring-controller": (
        rule(READ, "core", "endpoints services"),
        rule("update", "core", "services/finalizers"),
        rule("update", "core", "endpoints/finalizers"),
        rule(f"{READ} create delete update", "discovery.k8s.io", "endpointslices"),
        EVENTS,
    ),
    "expand-controller": (
        rule(f"{READ} patch update", "core", "persistentvolumes"),
        rule("patch update", "core", "persistentvolumeclaims/status"),
        rule(READ, "core", "persistentvolumeclaims"),
        EVENTS,
    ),
    "ephemeral-volume-controller": (
        rule(READ, "core", "pods"),
        rule("update", "core", "pods/finalizers"),
        rule(f"{READ} create", "core", "persistentvolumeclaims"),
        EVENTS,
    ),
    "resource-claim-controller": (
        rule(READ, "core", "pods"),
        rule("update", "core", "pods/finalizers"),
        rule(f"{READ} create delete", "resource.k8s.io", "resourceclaims"),
        rule("patch update", "resource.k8s.io", "resourceclaims resourceclaims/status"),
        rule("patch update", "core", "pods/status"),
        EVENTS,
        rule("patch update", "resource.k8s.io", "resourceclaims/binding"),
    ),
    "device-taint-eviction-controller": (
        rule(f"{READ} delete", "core", "pods"),
        rule("patch update", "core", "pods/status"),
        rule(READ, "resource.k8s.io", "resourceclaims"),
        rule(READ, "resource.k8s.io", "resourceslices"),
        rule(READ, "resource.k8s.io", "deviceclasses"),
        EVENTS,
    ),
    "generic-garbage-collector": (rule("delete get list patch update watch", "*", "*"), EVENTS),
    "horizontal-pod-autoscaler": (
        rule(READ, "autoscaling", "horizontalpodautoscalers"),
        rule("update", "autoscaling", "horizontalpodautoscalers/status"),
        rule("get update", "*", "*/scale"),
        rule("list watch", "core", "pods"),
        rule("list watch", "metrics.k8s.io", "pods"),
        rule(READ, "custom.metrics.k8s.io", "*"),
        rule(READ, "external.metrics.k8s.io", "*"),
        EVENTS,
    ),
    "job-controller": (
        rule(f"{READ} patch update", "batch", "jobs"),
        rule("update", "batch", "jobs/status"),
        rule("update", "batch", "jobs/finalizers"),
        _PODS,
        EVENTS,
    ),
    "namespace-controller": (
        rule("delete get list watch", "core", "namespaces"),
        rule("update", "core", "namespaces/finalize namespaces/status"),
        rule("delete deletecollection get list watch", "*", "*"),
    ),
    "node-controller": (
        rule(f"{READ} delete patch update", "core", "nodes"),
        rule("patch update", "core", "nodes/status"),
        rule("patch update", "core", "pods/status"),
        rule(f"{READ} delete", "core", "pods"),
        EVENTS,
    ),
    "persistent-volume-binder": (
        rule(f"{READ} create delete update", "core", "persistentvolumes"),
        rule("update", "core", "persistentvolumes/status"),
        rule(f"{READ} update", "core", "persistentvolumeclaims"),
        rule("update", "core", "persistentvolumeclaims/status"),
        rule(f"{READ} create delete", "core", "pods"),
        rule(READ, _STORAGE, "storageclasses"),
        rule("list watch", "core", "nodes"),
        EVENTS,
        rule("watch", "core", "events"),
    ),
    "pod-garbage-collector": (
        rule("delete list watch", "core", "pods"),
        rule(READ, "core", "nodes"),
        rule("patch", "core", "pods/status"),
    ),
    "replicaset-controller": (
        rule(f"{READ} update", _APPS, "replicasets"),
        rule("update", _APPS, "replicasets/status"),
        rule("update", _APPS, "replicasets/finalizers"),
        _PODS,
        EVENTS,
    ),
    "replication-controller": (
        rule(f"{READ} update", "core", "replicationcontrollers"),
        rule("update", "core", "replicationcontrollers/status"),
        rule("update", "core", "replicationcontrollers/finalizers"),
        _PODS,
        EVENTS,
    ),
    "resourcequota-controller": (
        rule("list watch", "*", "*"),
        rule("update", "core", "resourcequotas/status"),
        EVENTS,
    ),
    "route-controller": (rule("list watch", "core", "nodes"), rule("patch", "core", "nodes/status"), EVENTS),
    "service-account-controller": (rule("create", "core", "serviceaccounts"), EVENTS),
    "service-controller": (
        rule(READ, "core", "services"),
        rule("patch update", "core", "services/status"),
        rule("list watch", "core", "nodes"),
        EVENTS,
    ),
    "service-cidrs-controller": (
        rule(f"{READ} patch update", "networking.k8s.io", "servicecidrs"),
        rule("patch update", "networking.k8s.io", "servicecidrs/finalizers"),
        rule("patch update", "networking.k8s.io", "servicecidrs/status"),
        rule(READ, "networking.k8s.io", "ipaddresses"),
        EVENTS,
    ),
    "statefulset-controller": (
        rule("list watch", "core", "pods"),
        rule(READ, "apps", "statefulsets"),
        rule("update", "apps", "statefulsets/status"),
        rule("update", "apps", "statefulsets/finalizers"),
        rule("create delete get patch update", "core", "pods"),
        rule(f"{READ} create delete patch update", "apps", "controllerrevisions"),
        rule(f"{READ} create", "core", "persistentvolumeclaims"),
        rule("delete update", "core", "persistentvolumeclaims"),
        rule("update", "core", "pods/finalizers"),
        EVENTS,
    ),
    "ttl-controller": (rule("list patch update watch", "core", "nodes"), EVENTS),
    "certificate-controller": (
        rule(f"{READ} delete", _CERTIFICATES, "certificatesigningrequests"),
        rule("update", _CERTIFICATES, "certificatesigningrequests/approval certificatesigningrequests/status"),
        rule("approve", _CERTIFICATES, "signers", "kubernetes.io/kube-apiserver-client-kubelet"),
        rule(
            "sign",
            _CERTIFICATES,
            "signers",
            "kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet "
            "kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown",
        ),
        rule("create", "authorization.k8s.io", "subjectaccessreviews"),
        EVENTS,
    ),
    "pvc-protection-controller": (
        rule(f"{READ} update", "core", "persistentvolumeclaims"),
        rule("update", "core", "persistentvolumeclaims/status"),
        rule(READ, "core", "pods"),
        EVENTS,
    ),
    "pv-protection-controller": (rule(f"{READ} update", "core", "persistentvolumes"), EVENTS),
    "volumeattributesclass-protection-controller": (
        rule(READ, "core", "persistentvolumeclaims"),
        rule(READ, "core", "persistentvolumes"),
        rule(f"{READ} update", _STORAGE, "volumeattributesclasses"),
        EVENTS,
    ),
    "ttl-after-finished-controller": (rule(f"{READ} delete", "batch", "jobs"), EVENTS),
    "root-ca-cert-publisher": (rule("create update", "core", "configmaps"), EVENTS),
    "validatingadmissionpolicy-status-controller": (
        rule(READ, "admissionregistration.k8s.io", "validatingadmissionpolicies"),
        rule("get patch update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status"),
        EVENTS,
    ),
    "selinux-warning-controller": (
        EVENTS,
        rule(READ, "core", "persistentvolumes"),
        rule(READ, "core", "persistentvolumeclaims"),
        rule(READ, "core", "pods"),
        rule(READ, _STORAGE, "csidrivers"),
    ),
    "legacy-service-account-token-cleaner": (
        rule("get", "core", "configmaps", "kube-apiserver-legacy-service-account-token-tracking"),
        rule("delete patch", "core", "secrets"),
    ),
}


def controller_roles() -> list[Object]:
    return [cluster_role(PREFIX + name, *rules) for name, rules in CONTROLLERS.items()]


def controller_bindings() -> list[Object]:
    return [cluster_binding(PREFIX + name, [account(name)]) for name in CONTROLLERS]


def manager_bindings() -> list[Object]:
    """Kybern's controllers act as the manager itself, so it has the roles of all of them. Upstream asks the same of a
    manager without --use-service-account-credentials."""
    manager = [user("system:kube-controller-manager")]
    return [cluster_binding(PREFIX + name, manager, name=f"kybern:controller:{name}") for name in CONTROLLERS]
