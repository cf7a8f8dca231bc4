"""A Pod's /etc/hosts, which the kubelet writes and mounts; upstream's text. Pure, but for the node's own file."""

from collections.abc import Sequence
from pathlib import Path

from kybern.api.types.core_v1 import HostAlias, Pod
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.sandbox_config import hostname_of

PATH = "/etc/hosts"
HEADER = "# Kubernetes-managed hosts file.\n"
HOST_NETWORK_HEADER = "# Kubernetes-managed hosts file (host network).\n"
OWN = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)


def write_hosts_file(config: KubeletConfig, pod: Pod, ips: Sequence[str]) -> Path:
    """Write the file for a Pod with these addresses; where it is. Raises OSError."""
    directory = config.pod_directory(pod.metadata.uid)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "etc-hosts"
    if pod.spec.host_network:
        text = HOST_NETWORK_HEADER + Path(PATH).read_text() + _aliases(pod.spec.host_aliases)
    else:
        text = hosts_text(config, pod, ips)
    path.write_text(text)
    path.chmod(0o644)
    return path


def hosts_text(config: KubeletConfig, pod: Pod, ips: Sequence[str]) -> str:
    """For a Pod with a network of its own."""
    hostname, domain = hostname_of(config, pod).partition(".")[0], domain_of(config, pod)
    names = f"{hostname}.{domain}\t{hostname}" if domain else hostname
    if pod.spec.hostname_override:
        names = pod.spec.hostname_override
    return HEADER + OWN + "".join(f"{ip}\t{names}\n" for ip in ips) + _aliases(pod.spec.host_aliases)


def domain_of(config: KubeletConfig, pod: Pod) -> str:
    """The domain of a Pod with a subdomain; "" for another."""
    subdomain = pod.spec.subdomain
    return f"{subdomain}.{pod.metadata.namespace}.svc.{config.cluster_domain}" if subdomain else ""


def _aliases(aliases: Sequence[HostAlias]) -> str:
    if not aliases:
        return ""
    lines = "".join(f"{alias.ip}\t" + "\t".join(alias.hostnames) + "\n" for alias in aliases)
    return f"\n# Entries added by HostAliases.\n{lines}"
