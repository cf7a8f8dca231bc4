"""A Pod's `PodSandboxConfig`: names, host name, DNS, namespaces, where the logs go. Pure, but for /etc/resolv.conf."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.labels import pod_annotations, pod_labels
from kybern.kubelet.ports import ConfigNotReady
from kybern.kubelet.security import sandbox_security

PROTOCOLS = {"TCP": 0, "UDP": 1, "SCTP": 2}
HOSTNAME_LIMIT = 63
FQDN_LIMIT = 64
"""What the kernel takes for a host name."""
NAMESERVERS_LIMIT, SEARCHES_LIMIT, SEARCH_CHARACTERS_LIMIT = 3, 32, 2048
"""What resolvers read of a resolv.conf; upstream leaves out the rest, too."""
CLUSTER_OPTIONS = ("ndots:5",)


def make_sandbox_config(config: KubeletConfig, pod: Pod, attempt: int, cgroup_parent: str) -> dict[str, Any]:
    meta = pod.metadata
    metadata = {"name": meta.name, "uid": meta.uid, "namespace": meta.namespace, "attempt": attempt}
    sysctls = pod.spec.security_context.sysctls if pod.spec.security_context else []
    made: dict[str, Any] = {
        "metadata": metadata,
        "log_directory": str(config.logs_of(meta.namespace, meta.name, meta.uid)),
        "labels": pod_labels(pod),
        "annotations": pod_annotations(pod),
        "dns_config": make_dns_config(config, pod, _read(config.resolv_conf)),
        "linux": {
            "cgroup_parent": cgroup_parent,
            "security_context": sandbox_security(pod),
            "sysctls": {each.name: each.value for each in sysctls},
        },
    }
    if not pod.spec.host_network:
        made["hostname"] = hostname_of(config, pod)
        ports = [port for container in pod.spec.containers for port in container.ports]
        made["port_mappings"] = [
            {
                "protocol": PROTOCOLS.get(port.protocol, 0),
                "container_port": port.container_port,
                "host_port": port.host_port,
                "host_ip": port.host_ip,
            }
            for port in ports
            if port.host_port
        ]
    return made


def hostname_of(config: KubeletConfig, pod: Pod) -> str:
    """The Pod's own host name; with `setHostnameAsFQDN` all of it (KEP-1797), with an override that (KEP-4762).

    Raises ConfigNotReady for a full name that is too long for the kernel.
    """
    spec = pod.spec
    if spec.hostname_override:
        return spec.hostname_override
    name = (spec.hostname or pod.metadata.name)[:HOSTNAME_LIMIT].rstrip("-.")
    if spec.set_hostname_as_fqdn and spec.subdomain:
        full = f"{name}.{spec.subdomain}.{pod.metadata.namespace}.svc.{config.cluster_domain}"
        if len(full) > FQDN_LIMIT:
            raise ConfigNotReady(
                f"failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long "
                f"({FQDN_LIMIT} characters is the max, {len(full)} characters requested)"
            )
        return full
    return name


def make_dns_config(config: KubeletConfig, pod: Pod, node_resolv_conf: str) -> Mapping[str, list[str]]:
    """CRI's `DNSConfig` by the Pod's dnsPolicy and dnsConfig."""
    spec = pod.spec
    policy = spec.dns_policy or "ClusterFirst"
    if policy == "ClusterFirst" and spec.host_network:
        policy = "Default"
    if policy == "None" or (policy != "Default" and not config.cluster_dns):
        policy = "None" if policy == "None" else "Default"
    servers, searches, options = parse_resolv_conf(node_resolv_conf)
    if policy == "None":
        servers, searches, options = [], [], []
    elif policy != "Default":
        domain = config.cluster_domain
        own = [f"{pod.metadata.namespace}.svc.{domain}", f"svc.{domain}", domain]
        servers, searches = list(config.cluster_dns), [*own, *(each for each in searches if each not in own)]
        options = list(CLUSTER_OPTIONS)
    if spec.dns_config is not None:
        servers = _unique([*servers, *spec.dns_config.nameservers])
        searches = _unique([*searches, *spec.dns_config.searches])
        named = dict(option.partition(":")[::2] for option in options)
        named |= {option.name: option.value for option in spec.dns_config.options}
        options = [f"{name}:{value}" if value else name for name, value in named.items()]
    return {"servers": servers[:NAMESERVERS_LIMIT], "searches": _fitting(searches), "options": options}


def _fitting(searches: list[str]) -> list[str]:
    """As many search domains as resolvers read."""
    kept = searches[:SEARCHES_LIMIT]
    while len(" ".join(kept)) > SEARCH_CHARACTERS_LIMIT:
        kept.pop()
    return kept


def _unique(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


def parse_resolv_conf(text: str) -> tuple[list[str], list[str], list[str]]:
    """Name servers, search domains, options."""
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["nameserver"]:
            servers += words[1:2]
        elif words[:1] == ["search"]:
            searches = [word.rstrip(".") or "." for word in words[1:]]
        elif words[:1] == ["options"]:
            options = words[1:]
    return servers, searches, options


def _read(path: str) -> str:
    try:
        return Path(path).read_text() if path else ""
    except OSError:
        return ""  # A node without the file has no name servers of its own.
