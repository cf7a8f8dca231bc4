"""The admission plugins by upstream's names, in upstream's order, and which of them run.

Source: pkg/kubeapiserver/options/plugins.go. Those of upstream's that only beta or alpha resources need have no row:
ClusterTrustBundleAttest, PodGroupProtection, PodGroupWorkloadExists, JobValidation, NodeDeclaredFeatureValidator.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kybern.apiserver.admission.certificates import (
    CertificateApproval,
    CertificateSigning,
    CertificateSubjectRestriction,
)
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.configuration import Configuration
from kybern.apiserver.admission.defaults import (
    DefaultIngressClass,
    DefaultStorageClass,
    TaintNodesByCondition,
)
from kybern.apiserver.admission.device_access import DeviceAccess
from kybern.apiserver.admission.escalation import Escalation
from kybern.apiserver.admission.event_rate_limit import EventRateLimit
from kybern.apiserver.admission.limit_ranger import LimitRanger
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.metrics import AdmissionMetrics
from kybern.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kybern.apiserver.admission.node_restriction import NodeRestriction
from kybern.apiserver.admission.optional import (
    AlwaysAdmit,
    AlwaysDeny,
    AlwaysPullImages,
    DenyServiceExternalIPs,
    ExtendedResourceToleration,
    LimitPodHardAntiAffinityTopology,
    NamespaceAutoProvision,
    NamespaceExists,
)
from kybern.apiserver.admission.owner_references import OwnerReferencesPermissionEnforcement
from kybern.apiserver.admission.pod_defaults import TOLERATION_SECONDS, DefaultTolerationSeconds, Priority, RuntimeClass
from kybern.apiserver.admission.pod_resize import PodResizeValidator
from kybern.apiserver.admission.pod_security.plugin import PodSecurity
from kybern.apiserver.admission.pod_topology_labels import PodTopologyLabels
from kybern.apiserver.admission.policies.plugins import MutatingAdmissionPolicy, ValidatingAdmissionPolicy
from kybern.apiserver.admission.quota.plugin import ResourceQuota
from kybern.apiserver.admission.service_account import ServiceAccount
from kybern.apiserver.admission.storage_objects import PersistentVolumeClaimResize, StorageObjectInUseProtection
from kybern.apiserver.admission.versions import Versions
from kybern.apiserver.admission.webhooks.calling import Caller
from kybern.apiserver.admission.webhooks.hooks import Hooks
from kybern.apiserver.admission.webhooks.plugins import MutatingAdmissionWebhook, ValidatingAdmissionWebhook
from kybern.apiserver.webhooks.client import WebhookClient

if TYPE_CHECKING:
    from kybern.apiserver.authorization.authorizer import Authorizer
    from kybern.apiserver.authorization.rbac import Rbac
    from kybern.apiserver.objects.life import Life
    from kybern.apiserver.served import ServedResources


@dataclass(frozen=True, slots=True)
class Parts:
    """What plugins are made of."""

    lookup: Lookup
    life: "Life"
    served: "ServedResources"
    authorizer: "Authorizer"
    rbac: "Rbac"
    authorization_mode: Sequence[str]
    configuration: Configuration
    client: WebhookClient
    metrics: AdmissionMetrics
    toleration_seconds: tuple[int, int] = (TOLERATION_SECONDS, TOLERATION_SECONDS)
    """Of nodes that are not ready, and of those that cannot be reached."""

    @property
    def versions(self) -> Versions:
        return Versions(self.served)

    @property
    def caller(self) -> Caller:
        return Caller(self.client, self.life.ids)

    def hooks(self, plural: str) -> Hooks:
        """The webhooks of one kind of configuration."""
        return Hooks(self.lookup, plural, self.versions.others)


PLUGINS: Mapping[str, Callable[[Parts], Plugin]] = {
    "AlwaysAdmit": lambda parts: AlwaysAdmit(),
    "NamespaceAutoProvision": lambda parts: NamespaceAutoProvision(
        parts.lookup, parts.life, parts.served["", "v1", "namespaces"]
    ),
    "NamespaceLifecycle": lambda parts: NamespaceLifecycle(parts.lookup),
    "NamespaceExists": lambda parts: NamespaceExists(parts.lookup, parts.served["", "v1", "namespaces"]),
    "LimitPodHardAntiAffinityTopology": lambda parts: LimitPodHardAntiAffinityTopology(),
    "LimitRanger": lambda parts: LimitRanger(parts.lookup),
    "ServiceAccount": lambda parts: ServiceAccount(parts.lookup, parts.life.ids),
    "NodeRestriction": lambda parts: NodeRestriction(parts.lookup, parts.authorizer),
    "TaintNodesByCondition": lambda parts: TaintNodesByCondition(),
    "AlwaysPullImages": lambda parts: AlwaysPullImages(),
    "PodSecurity": lambda parts: PodSecurity(parts.lookup, parts.configuration.pod_security, parts.metrics),
    "Priority": lambda parts: Priority(parts.lookup),
    "DefaultTolerationSeconds": lambda parts: DefaultTolerationSeconds(*parts.toleration_seconds),
    "EventRateLimit": lambda parts: EventRateLimit(parts.life.clock, parts.configuration.event_limits),
    "ExtendedResourceToleration": lambda parts: ExtendedResourceToleration(),
    "DefaultStorageClass": lambda parts: DefaultStorageClass(parts.lookup),
    "StorageObjectInUseProtection": lambda parts: StorageObjectInUseProtection(),
    "OwnerReferencesPermissionEnforcement": lambda parts: OwnerReferencesPermissionEnforcement(
        parts.authorizer, lambda: parts.served.resources
    ),
    "PersistentVolumeClaimResize": lambda parts: PersistentVolumeClaimResize(parts.lookup),
    "RuntimeClass": lambda parts: RuntimeClass(parts.lookup),
    "CertificateApproval": lambda parts: CertificateApproval(parts.authorizer),
    "CertificateSigning": lambda parts: CertificateSigning(parts.authorizer),
    "CertificateSubjectRestriction": lambda parts: CertificateSubjectRestriction(),
    "DefaultIngressClass": lambda parts: DefaultIngressClass(parts.lookup),
    "DenyServiceExternalIPs": lambda parts: DenyServiceExternalIPs(),
    "PodTopologyLabels": lambda parts: PodTopologyLabels(parts.lookup),
    "PodResizeValidator": lambda parts: PodResizeValidator(parts.lookup),
    "MutatingAdmissionPolicy": lambda parts: MutatingAdmissionPolicy(parts.lookup, parts.versions, parts.authorizer),
    "MutatingAdmissionWebhook": lambda parts: MutatingAdmissionWebhook(
        parts.hooks("mutatingwebhookconfigurations"),
        parts.lookup,
        parts.versions,
        parts.caller,
        parts.authorizer,
        parts.metrics,
    ),
    "ValidatingAdmissionPolicy": lambda parts: ValidatingAdmissionPolicy(
        parts.lookup, parts.versions, parts.authorizer, parts.metrics
    ),
    "ValidatingAdmissionWebhook": lambda parts: ValidatingAdmissionWebhook(
        parts.hooks("validatingwebhookconfigurations"),
        parts.lookup,
        parts.versions,
        parts.caller,
        parts.authorizer,
        parts.metrics,
    ),
    "ResourceQuota": lambda parts: ResourceQuota(parts.lookup, parts.life, parts.served, parts.configuration.limited),
    "AlwaysDeny": lambda parts: AlwaysDeny(),
}
"""In the order in which they run."""

OFF = frozenset(
    (
        "AlwaysAdmit",
        "AlwaysDeny",
        "AlwaysPullImages",
        "DenyServiceExternalIPs",
        "EventRateLimit",
        "ExtendedResourceToleration",
        "LimitPodHardAntiAffinityTopology",
        "NamespaceAutoProvision",
        "NamespaceExists",
        "NodeRestriction",
        "OwnerReferencesPermissionEnforcement",
    )
)
"""Run only when they are asked for; `kybern up` asks for NodeRestriction."""

WITHOUT_ROW = frozenset(
    (
        "ClusterTrustBundleAttest",
        "JobValidation",
        "NodeDeclaredFeatureValidator",
        "PodGroupProtection",
        "PodGroupWorkloadExists",
    )
)
"""Names that flags may hold: what they look after is not served."""


def chosen(enabled: Sequence[str], disabled: Sequence[str]) -> list[str]:
    """The names of the plugins that run. Raises ValueError, as upstream words it."""
    for flag, names in (("enable", enabled), ("disable", disabled)):
        for name in names:
            if name not in PLUGINS and name not in WITHOUT_ROW:
                raise ValueError(f'{flag}-admission-plugins plugin "{name}" is unknown')
    both = sorted(set(enabled) & set(disabled))
    if both:
        raise ValueError(f"[{' '.join(both)}] in enable-admission-plugins and disable-admission-plugins overlapped")
    return [name for name in PLUGINS if name not in disabled and (name not in OFF or name in enabled)]


def plugins(parts: Parts, enabled: Sequence[str], disabled: Sequence[str]) -> Sequence[Plugin]:
    """Raises ValueError for a name that no plugin has."""
    made = [PLUGINS[name](parts) for name in chosen(enabled, disabled)]
    if "RBAC" in parts.authorization_mode and "AlwaysAllow" not in parts.authorization_mode:
        made.insert(0, Escalation(parts.rbac, parts.authorizer))
    made.insert(0, DeviceAccess(parts.lookup, parts.authorizer))
    return made
