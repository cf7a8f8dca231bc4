"""`/configz`: what the controllers were told, under upstream's names (KubeControllerManagerConfiguration). Pure."""

from typing import Any

from kybern.base.go_duration import go_duration
from kybern.controllers.config import Config


def configz(config: Config) -> dict[str, Any]:
    """The fields that mean something here."""
    masks = config.node_cidr_masks
    ranges = [*config.service_cluster_ip_range.split(","), ""]
    told: dict[str, Any] = {
        "kind": "KubeControllerManagerConfiguration",
        "apiVersion": "kubecontrollermanager.config.k8s.io/v1alpha1",
        "Generic": {
            "LeaderElection": {
                "leaderElect": config.leader_elect,
                "leaseDuration": "15s",
                "renewDeadline": "10s",
                "retryPeriod": "2s",
                "resourceLock": "leases",
                "resourceName": "kube-controller-manager",
                "resourceNamespace": "kube-system",
            },
            "Controllers": list(config.controllers),
        },
        "KubeCloudShared": {"ClusterCIDR": config.cluster_cidr, "AllocateNodeCIDRs": config.allocate_node_cidrs},
        "CSRSigningController": {
            "ClusterSigningCertFile": config.cluster_signing_cert_file,
            "ClusterSigningKeyFile": config.cluster_signing_key_file,
            "ClusterSigningDuration": go_duration(config.cluster_signing_duration_seconds),
        },
        "LegacySATokenCleaner": {"CleanUpPeriod": go_duration(config.legacy_token_clean_up_seconds)},
        "NodeIPAMController": {
            "ServiceCIDR": ranges[0],
            "SecondaryServiceCIDR": ranges[1],
            "NodeCIDRMaskSize": masks.any,
            "NodeCIDRMaskSizeIPv4": masks.ipv4,
            "NodeCIDRMaskSizeIPv6": masks.ipv6,
        },
        "NodeLifecycleController": {
            "NodeStartupGracePeriod": go_duration(config.node_startup_grace_period_seconds),
            "NodeMonitorGracePeriod": go_duration(config.node_monitor_grace_period_seconds),
        },
        "PodGCController": {"TerminatedPodGCThreshold": config.terminated_pod_gc_threshold},
        "SAController": {
            "ServiceAccountKeyFile": config.service_account_private_key_file,
            "RootCAFile": config.root_ca_file,
        },
    }
    return {"kubecontrollermanager.config.k8s.io": told}
