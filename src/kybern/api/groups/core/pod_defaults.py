"""Defaults of a Pod that depend on other fields. Source: pkg/apis/core/v1/defaults.go."""

import re
from collections.abc import Iterator

from kybern.api.resource import Object

_NAMED = re.compile(r"([A-Za-z0-9.:-]+/)?[a-z0-9._/-]*[a-z0-9](:[\w.-]+)?").fullmatch


def default_pod(pod: Object) -> None:
    spec = pod.get("spec")
    if isinstance(spec, dict):
        default_pod_spec(spec)
        for container in _containers(spec):
            _default_requests(container.get("resources"))
        _default_pod_requests(spec)


def default_template(template: Object | None) -> None:
    """A Pod template: like a Pod, but requests are left for the Pods to be."""
    spec = (template or {}).get("spec")
    if isinstance(spec, dict):
        default_pod_spec(spec)


def default_pod_spec(spec: Object) -> None:
    for volume in spec.get("volumes") or ():
        if not any(value is not None for key, value in volume.items() if key != "name"):
            volume["emptyDir"] = {}
    for container in _containers(spec):
        _default_container(container, host_network=bool(spec.get("hostNetwork")))
    if spec.get("serviceAccountName") and not spec.get("serviceAccount"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    elif spec.get("serviceAccount") and not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"]


def _containers(spec: Object) -> Iterator[Object]:
    for group in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(group) or ()


def _default_container(container: Object, *, host_network: bool) -> None:
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = pull_policy(container.get("image") or "")
    if host_network:
        for port in container.get("ports") or ():
            if not port.get("hostPort"):
                port["hostPort"] = port.get("containerPort", 0)
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        grpc = (container.get(probe) or {}).get("grpc")
        if isinstance(grpc, dict):
            grpc.setdefault("service", "")


def pull_policy(image: str) -> str:
    """Always for `latest` and for no tag at all, else IfNotPresent (also for what is no image's name)."""
    name = image.rpartition("/")[2]
    if "@" in name or not _NAMED(image):
        return "IfNotPresent"
    tag = name.partition(":")[2]
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def _default_requests(resources: Object | None) -> None:
    if resources and resources.get("limits"):
        requests = resources.setdefault("requests", {})
        for name, limit in resources["limits"].items():
            requests.setdefault(name, limit)


def _default_pod_requests(spec: Object) -> None:
    """Requests of the Pod as a whole follow from its limits where they are missing (KEP-2837)."""
    _default_requests(spec.get("resources"))
