"""What a kubelet is told: upstream's KubeletConfiguration, as far as it means something here, and its places."""

from dataclasses import dataclass, field
from pathlib import Path

from kybern.kubelet.eviction.thresholds import Thresholds


@dataclass(frozen=True)
class KubeletConfig:
    """Names and defaults are upstream's; durations are in seconds, sizes in bytes."""

    node_name: str
    node_ips: tuple[str, ...] = ("127.0.0.1",)
    """The node's addresses, the primary one first."""
    port: int = 10250
    """Where the kubelet's server is reached."""
    node_labels: tuple[tuple[str, str], ...] = ()
    register_node: bool = True
    pod_cidr: str = ""
    """The range of this node's Pods, where its network is laid out already; told when the node registers."""
    runtime_socket: str = "/run/containerd/containerd.sock"
    root_directory: Path = Path("/var/lib/kubelet")
    pod_logs_directory: Path = Path("/var/log/pods")
    container_logs_directory: Path | None = Path("/var/log/containers")
    """Links by Pod and container for log shippers; None: none."""
    static_pod_path: Path | None = None
    file_check_frequency: float = 20.0
    cgroup_root: str = "/"
    """Everything of the kubelet's is below `<cgroup_root>/kubepods`, in every hierarchy."""
    cgroups_per_qos: bool = True
    cpu_cfs_quota: bool = True
    cluster_domain: str = "cluster.local"
    cluster_dns: tuple[str, ...] = ()
    resolv_conf: str = "/etc/resolv.conf"
    relist_seconds: float = 1.0
    """How often the runtime is listed although no event came (as upstream's generic PLEG)."""
    resync_seconds: float = 10.0
    """How often each Pod is looked at although nothing has changed."""
    volume_refresh_seconds: float = 60.0
    """How often all volumes are looked at: for tokens, and for changes that no watch has told (`syncFrequency`)."""
    serialize_image_pulls: bool = False
    max_parallel_image_pulls: int = 5
    image_gc_high: int = 85
    image_gc_low: int = 80
    """Percent of the disk: images are collected above the one, down to the other. 100: never."""
    image_minimum_gc_age: float = 120.0
    eviction_hard: Thresholds = field(default_factory=Thresholds)
    eviction_period_seconds: float = 10.0
    container_log_max_size: int = 10 * 1024 * 1024
    container_log_max_files: int = 5
    container_log_monitor_interval: float = 10.0

    @property
    def pods_directory(self) -> Path:
        return self.root_directory / "pods"

    def pod_directory(self, uid: str) -> Path:
        """Volumes, hosts files and termination logs of one Pod."""
        return self.pods_directory / uid

    def logs_of(self, namespace: str, name: str, uid: str) -> Path:
        """Where the logs of one Pod's containers are."""
        return self.pod_logs_directory / f"{namespace}_{name}_{uid}"
