"""Static Pods: the manifests of a directory, as upstream names and marks them. A manifest changed is another Pod."""

import hashlib
import logging
from pathlib import Path

import msgspec
import yaml

from kybern.api.types import convert, encode
from kybern.api.types.core_v1 import Pod, Toleration
from kybern.base.clock import format_time
from kybern.kubelet.labels import CONFIG_HASH, CONFIG_SEEN, CONFIG_SOURCE

log = logging.getLogger(__name__)

SUFFIXES = (".yaml", ".yml", ".json")
MANIFEST_LIMIT_BYTES = 3 * 1024 * 1024


def read_static_pods(directory: Path, node_name: str, now: float) -> list[Pod]:
    """The Pods of all manifests; a file that is no Pod is reported and left out."""
    pods = []
    for path in sorted(directory.iterdir()) if directory.is_dir() else []:
        if path.name.startswith(".") or path.suffix not in SUFFIXES or not path.is_file():
            continue
        try:
            pods.append(read_static_pod(path, node_name, now))
        except (OSError, ValueError, yaml.YAMLError, msgspec.ValidationError) as error:
            log.warning("no static pod in %s: %s", path, error)
    return pods


def read_static_pod(path: Path, node_name: str, now: float) -> Pod:
    """The Pod of one manifest with its defaults. Raises ValueError, yaml.YAMLError, msgspec.ValidationError."""
    if path.stat().st_size > MANIFEST_LIMIT_BYTES:
        raise ValueError("larger than any manifest")
    plain = yaml.safe_load(path.read_text())
    if not isinstance(plain, dict) or plain.get("kind") != "Pod" or plain.get("apiVersion") != "v1":
        raise ValueError("not a v1 Pod")
    pod = convert(plain, Pod)
    if not pod.metadata.name or not pod.spec.containers:
        raise ValueError("a name and containers are required")
    digest = hashlib.md5(encode(pod), usedforsecurity=False)
    digest.update(f"host:{node_name}file:{path}".encode())
    meta = pod.metadata
    meta.uid = meta.uid or digest.hexdigest()
    meta.name = f"{meta.name}-{node_name}"
    meta.namespace = meta.namespace or "default"
    meta.annotations |= {
        CONFIG_HASH: digest.hexdigest(),
        CONFIG_SEEN: format_time(now),
        CONFIG_SOURCE: "file",
    }
    _default(pod, node_name)
    return pod


def _default(pod: Pod, node_name: str) -> None:
    """What the API server would have filled in."""
    spec = pod.spec
    spec.node_name = node_name
    spec.restart_policy = spec.restart_policy or "Always"
    spec.dns_policy = spec.dns_policy or "ClusterFirst"
    spec.scheduler_name = spec.scheduler_name or "default-scheduler"
    if spec.termination_grace_period_seconds is None:
        spec.termination_grace_period_seconds = 30
    spec.enable_service_links = True if spec.enable_service_links is None else spec.enable_service_links
    # Nothing may drive a static Pod from its node.
    spec.tolerations = [*spec.tolerations, Toleration(operator="Exists", effect="NoExecute")]
    for container in (*spec.containers, *spec.init_containers):
        container.termination_message_path = container.termination_message_path or "/dev/termination-log"
        container.termination_message_policy = container.termination_message_policy or "File"
        if not container.image_pull_policy:
            latest = container.image.endswith(":latest") or ":" not in container.image.rpartition("/")[2]
            container.image_pull_policy = "Always" if latest and "@" not in container.image else "IfNotPresent"
        for port in container.ports:
            port.protocol = port.protocol or "TCP"
