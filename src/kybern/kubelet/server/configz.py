"""`/configz`: what the kubelet was told, under upstream's names (kubelet.config.k8s.io/v1beta1). Pure."""

from typing import Any

from kybern.base.go_duration import go_duration
from kybern.kubelet.kubelet_config import KubeletConfig


def configz(config: KubeletConfig) -> dict[str, Any]:
    """The fields that mean something here."""
    told: dict[str, Any] = {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "enableServer": True,
        "staticPodPath": str(config.static_pod_path) if config.static_pod_path is not None else None,
        "podLogsDir": str(config.pod_logs_directory),
        "syncFrequency": go_duration(config.volume_refresh_seconds),
        "fileCheckFrequency": go_duration(config.file_check_frequency),
        "address": config.node_ips[0],
        "port": config.port,
        "registerNode": config.register_node,
        "clusterDomain": config.cluster_domain,
        "clusterDNS": list(config.cluster_dns) or None,
        "podCIDR": config.pod_cidr or None,
        "resolvConf": config.resolv_conf,
        "containerRuntimeEndpoint": f"unix://{config.runtime_socket}",
        "cgroupRoot": config.cgroup_root,
        "cgroupsPerQOS": config.cgroups_per_qos,
        "cpuCFSQuota": config.cpu_cfs_quota,
        "serializeImagePulls": config.serialize_image_pulls,
        "maxParallelImagePulls": config.max_parallel_image_pulls,
        "imageMinimumGCAge": go_duration(config.image_minimum_gc_age),
        "imageGCHighThresholdPercent": config.image_gc_high,
        "imageGCLowThresholdPercent": config.image_gc_low,
        "containerLogMaxSize": str(config.container_log_max_size),
        "containerLogMaxFiles": config.container_log_max_files,
        "containerLogMonitorInterval": go_duration(config.container_log_monitor_interval),
    }
    return {"kubeletconfig": {name: value for name, value in told.items() if value is not None}}
