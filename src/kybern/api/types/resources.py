"""Which resource a typed kind is: the paths that a client asks."""

from typing import Any, NamedTuple


class ResourceName(NamedTuple):
    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool


_NAMESPACED = {
    "v1": "ConfigMap Endpoints:endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate ReplicationController"
    " ResourceQuota Secret Service ServiceAccount",
    "apps/v1": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "authorization.k8s.io/v1": "LocalSubjectAccessReview",
    "autoscaling/v1": "HorizontalPodAutoscaler",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "batch/v1": "CronJob Job",
    "coordination.k8s.io/v1": "Lease",
    "discovery.k8s.io/v1": "EndpointSlice",
    "events.k8s.io/v1": "Event",
    "networking.k8s.io/v1": "Ingress:ingresses NetworkPolicy:networkpolicies",
    "policy/v1": "PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1": "Role RoleBinding",
    "resource.k8s.io/v1": "ResourceClaim ResourceClaimTemplate",
    "storage.k8s.io/v1": "CSIStorageCapacity:csistoragecapacities",
}
_CLUSTER = {
    "v1": "ComponentStatus:componentstatuses Namespace Node PersistentVolume",
    "admissionregistration.k8s.io/v1": "MutatingAdmissionPolicy:mutatingadmissionpolicies"
    " MutatingAdmissionPolicyBinding MutatingWebhookConfiguration ValidatingAdmissionPolicy:validatingadmissionpolicies"
    " ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "apiregistration.k8s.io/v1": "APIService",
    "authentication.k8s.io/v1": "SelfSubjectReview TokenReview",
    "authorization.k8s.io/v1": "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
    "certificates.k8s.io/v1": "CertificateSigningRequest",
    "flowcontrol.apiserver.k8s.io/v1": "FlowSchema PriorityLevelConfiguration",
    "networking.k8s.io/v1": "IPAddress:ipaddresses IngressClass:ingressclasses ServiceCIDR",
    "node.k8s.io/v1": "RuntimeClass:runtimeclasses",
    "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding",
    "resource.k8s.io/v1": "DeviceClass:deviceclasses ResourceSlice",
    "scheduling.k8s.io/v1": "PriorityClass:priorityclasses",
    "storage.k8s.io/v1": "CSIDriver CSINode StorageClass:storageclasses VolumeAttachment"
    " VolumeAttributesClass:volumeattributesclasses",
}
"""Kinds by apiVersion, with the plural where it is not the lower-case kind and an s."""


def resource_of(cls: type[Any]) -> ResourceName:
    """The resource that objects of this top-level kind are kept under. Raises KeyError for kinds that are none."""
    return RESOURCE_NAMES[cls.API_VERSION, cls.KIND]


def _names() -> dict[tuple[str, str], ResourceName]:
    names = {}
    for table, namespaced in ((_NAMESPACED, True), (_CLUSTER, False)):
        for api_version, kinds in table.items():
            group, _, version = api_version.rpartition("/")
            for entry in kinds.split():
                kind, _, plural = entry.partition(":")
                names[api_version, kind] = ResourceName(group, version, plural or kind.lower() + "s", kind, namespaced)
    return names


RESOURCE_NAMES = _names()
