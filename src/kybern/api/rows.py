"""How every resource of Kubernetes v1.36 that is generally available is called: a row of names for each, and no behaviour.

Source: upstream's api/discovery/*.json, api-resources.
"""

from collections.abc import Iterator
from typing import NamedTuple

from kybern.api.resource import STANDARD_VERBS

GroupVersionKind = tuple[str, str, str]

_READ_WRITE = ("get", "patch", "update")
_PROXY = ("create", "delete", "get", "patch", "update")


class SubresourceNames(NamedTuple):
    """`status` of a resource; kind None means the resource's own."""

    name: str
    verbs: tuple[str, ...]
    kind: GroupVersionKind | None = None


class Names(NamedTuple):
    """How one resource is called and what may be done with it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    module: str
    """Below `kybern.api.groups`."""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = STANDARD_VERBS
    subresources: tuple[SubresourceNames, ...] = ()

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def stored(self) -> bool:
        """Reviews and bindings are answered only."""
        return "get" in self.verbs


STATUS = SubresourceNames("status", _READ_WRITE)
SCALE = SubresourceNames("scale", _READ_WRITE, ("autoscaling", "v1", "Scale"))
_ALL = ("all",)
_API_EXTENSIONS = ("api-extensions",)
_CREATE = ("create",)


def _core() -> Iterator[Names]:
    def row(
        kind: str,
        plural: str,
        namespaced: bool,
        module: str,
        short: str = "",
        *subresources: SubresourceNames,
        categories: tuple[str, ...] = (),
    ) -> Names:
        short_names = (short,) if short else ()
        return Names(
            "", "v1", kind, plural, namespaced, f"core.{module}", short_names, categories, subresources=subresources
        )

    yield row("Binding", "bindings", True, "binding")._replace(verbs=_CREATE)
    yield row("ComponentStatus", "componentstatuses", False, "component_status", "cs")._replace(verbs=("get", "list"))
    yield row("ConfigMap", "configmaps", True, "config_map", "cm")
    yield row("Endpoints", "endpoints", True, "endpoints", "ep")
    yield row("Event", "events", True, "event", "ev")
    yield row("LimitRange", "limitranges", True, "limit_range", "limits")
    namespace = row(
        "Namespace", "namespaces", False, "namespace", "ns", SubresourceNames("finalize", ("update",)), STATUS
    )
    yield namespace._replace(verbs=tuple(verb for verb in STANDARD_VERBS if verb != "deletecollection"))
    proxy = SubresourceNames("proxy", _PROXY, ("", "v1", "NodeProxyOptions"))
    yield row("Node", "nodes", False, "node", "no", proxy, STATUS)
    yield row("PersistentVolumeClaim", "persistentvolumeclaims", True, "persistent_volume_claim", "pvc", STATUS)
    yield row("PersistentVolume", "persistentvolumes", False, "persistent_volume", "pv", STATUS)
    yield row("Pod", "pods", True, "pod", "po", *_POD_SUBRESOURCES, categories=_ALL)
    yield row("PodTemplate", "podtemplates", True, "pod_template")
    yield row(
        "ReplicationController",
        "replicationcontrollers",
        True,
        "replication_controller",
        "rc",
        SCALE,
        STATUS,
        categories=_ALL,
    )
    yield row("ResourceQuota", "resourcequotas", True, "resource_quota", "quota", STATUS)
    yield row("Secret", "secrets", True, "secret")
    token = SubresourceNames("token", _CREATE, ("authentication.k8s.io", "v1", "TokenRequest"))
    yield row("ServiceAccount", "serviceaccounts", True, "service_account", "sa", token)
    proxy = SubresourceNames("proxy", _PROXY, ("", "v1", "ServiceProxyOptions"))
    yield row("Service", "services", True, "service", "svc", proxy, STATUS, categories=_ALL)


_POD_SUBRESOURCES = (
    SubresourceNames("attach", ("create", "get"), ("", "v1", "PodAttachOptions")),
    SubresourceNames("binding", _CREATE, ("", "v1", "Binding")),
    SubresourceNames("ephemeralcontainers", _READ_WRITE),
    SubresourceNames("eviction", _CREATE, ("policy", "v1", "Eviction")),
    SubresourceNames("exec", ("create", "get"), ("", "v1", "PodExecOptions")),
    SubresourceNames("log", ("get",)),
    SubresourceNames("portforward", ("create", "get"), ("", "v1", "PodPortForwardOptions")),
    SubresourceNames("proxy", _PROXY, ("", "v1", "PodProxyOptions")),
    SubresourceNames("resize", _READ_WRITE),
    STATUS,
)


def _workloads() -> Iterator[Names]:
    def row(group: str, kind: str, plural: str, module: str, short: str = "", *subresources: SubresourceNames) -> Names:
        return Names(
            group, "v1", kind, plural, True, module, (short,) if short else (), _ALL, subresources=subresources
        )

    yield Names("apps", "v1", "ControllerRevision", "controllerrevisions", True, "apps.controller_revision")
    yield row("apps", "DaemonSet", "daemonsets", "apps.daemon_set", "ds", STATUS)
    yield row("apps", "Deployment", "deployments", "apps.deployment", "deploy", SCALE, STATUS)
    yield row("apps", "ReplicaSet", "replicasets", "apps.replica_set", "rs", SCALE, STATUS)
    yield row("apps", "StatefulSet", "statefulsets", "apps.stateful_set", "sts", SCALE, STATUS)
    yield row("batch", "CronJob", "cronjobs", "batch.cron_job", "cj", STATUS)
    yield row("batch", "Job", "jobs", "batch.job", "", STATUS)
    autoscaler = row(
        "autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling.v1", "hpa", STATUS
    )
    yield autoscaler._replace(version="v2", module="autoscaling.v2")
    yield autoscaler
    pdb = Names("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", True, "policy", ("pdb",))
    yield pdb._replace(subresources=(STATUS,))


def _network_and_nodes() -> Iterator[Names]:
    group = "networking.k8s.io"
    yield Names(group, "v1", "Ingress", "ingresses", True, "networking.ingress", ("ing",), subresources=(STATUS,))
    yield Names(group, "v1", "IngressClass", "ingressclasses", False, "networking.ingress")
    yield Names(group, "v1", "IPAddress", "ipaddresses", False, "networking.addresses", ("ip",))
    yield Names(group, "v1", "NetworkPolicy", "networkpolicies", True, "networking.network_policy", ("netpol",))
    yield Names(group, "v1", "ServiceCIDR", "servicecidrs", False, "networking.addresses", subresources=(STATUS,))
    yield Names("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", True, "discovery")
    yield Names("events.k8s.io", "v1", "Event", "events", True, "events", ("ev",))
    yield Names("coordination.k8s.io", "v1", "Lease", "leases", True, "coordination")
    yield Names("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", False, "node")
    yield Names("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", False, "scheduling", ("pc",))
    group = "resource.k8s.io"
    yield Names(group, "v1", "DeviceClass", "deviceclasses", False, "resource")
    yield Names(group, "v1", "ResourceClaim", "resourceclaims", True, "resource", subresources=(STATUS,))
    yield Names(group, "v1", "ResourceClaimTemplate", "resourceclaimtemplates", True, "resource")
    yield Names(group, "v1", "ResourceSlice", "resourceslices", False, "resource")
    group = "storage.k8s.io"
    yield Names(group, "v1", "CSIDriver", "csidrivers", False, "storage")
    yield Names(group, "v1", "CSINode", "csinodes", False, "storage")
    yield Names(group, "v1", "CSIStorageCapacity", "csistoragecapacities", True, "storage")
    yield Names(group, "v1", "StorageClass", "storageclasses", False, "storage", ("sc",))
    yield Names(group, "v1", "VolumeAttachment", "volumeattachments", False, "storage", subresources=(STATUS,))
    yield Names(group, "v1", "VolumeAttributesClass", "volumeattributesclasses", False, "storage", ("vac",))


def _access_and_extension() -> Iterator[Names]:
    group = "rbac.authorization.k8s.io"
    yield Names(group, "v1", "ClusterRole", "clusterroles", False, "rbac")
    yield Names(group, "v1", "ClusterRoleBinding", "clusterrolebindings", False, "rbac")
    yield Names(group, "v1", "Role", "roles", True, "rbac")
    yield Names(group, "v1", "RoleBinding", "rolebindings", True, "rbac")
    group = "authentication.k8s.io"
    yield Names(group, "v1", "SelfSubjectReview", "selfsubjectreviews", False, "authentication", verbs=_CREATE)
    yield Names(group, "v1", "TokenReview", "tokenreviews", False, "authentication", verbs=_CREATE)
    group = "authorization.k8s.io"
    yield Names(
        group, "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", True, "authorization", verbs=_CREATE
    )
    yield Names(
        group, "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", False, "authorization", verbs=_CREATE
    )
    yield Names(group, "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", False, "authorization", verbs=_CREATE)
    yield Names(group, "v1", "SubjectAccessReview", "subjectaccessreviews", False, "authorization", verbs=_CREATE)
    csr = Names(
        "certificates.k8s.io",
        "v1",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        False,
        "certificates",
        ("csr",),
    )
    yield csr._replace(subresources=(SubresourceNames("approval", _READ_WRITE), STATUS))
    group = "flowcontrol.apiserver.k8s.io"
    yield Names(group, "v1", "FlowSchema", "flowschemas", False, "flowcontrol", subresources=(STATUS,))
    yield Names(
        group,
        "v1",
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        False,
        "flowcontrol",
        subresources=(STATUS,),
    )

    def extension(
        group: str, kind: str, plural: str, *subresources: SubresourceNames, short: tuple[str, ...] = ()
    ) -> Names:
        return Names(
            group, "v1", kind, plural, False, group.split(".")[0], short, _API_EXTENSIONS, subresources=subresources
        )

    group = "admissionregistration.k8s.io"
    yield extension(group, "MutatingAdmissionPolicy", "mutatingadmissionpolicies")
    yield extension(group, "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings")
    yield extension(group, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations")
    yield extension(group, "ValidatingAdmissionPolicy", "validatingadmissionpolicies", STATUS)
    yield extension(group, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings")
    yield extension(group, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations")
    group = "apiextensions.k8s.io"
    yield extension(group, "CustomResourceDefinition", "customresourcedefinitions", STATUS, short=("crd", "crds"))
    yield extension("apiregistration.k8s.io", "APIService", "apiservices", STATUS)


NAMES: tuple[Names, ...] = (*_core(), *_workloads(), *_network_and_nodes(), *_access_and_extension())
