"""The downward API: fields of the Pod and resources of its containers, as text.

Source: https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kybern.api import quantity
from kybern.api.types.core_v1 import Container, ObjectFieldSelector, Pod, ResourceFieldSelector
from kybern.base.errors import KybernError


class UnknownField(KybernError):
    """A field or resource that the downward API does not offer."""


@dataclass(frozen=True, slots=True)
class Node:
    """What a container may know of its node."""

    name: str
    addresses: tuple[str, ...] = ()
    """InternalIPs, the first family's first."""
    allocatable: Mapping[str, str] = field(default_factory=dict)
    """Quantities; what a container without a limit may use."""


_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")

_DEFAULT_DIVISOR = "1"

_POD_LEVEL = ("cpu", "memory")
"""Of what the downward API tells of, the resources that a Pod can limit for all its containers together."""


def field_text(pod: Pod, selector: ObjectFieldSelector, node: Node) -> str:
    """The value of a fieldRef. Raises UnknownField."""
    path = selector.field_path
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript:
        values = pod.metadata.labels if subscript[1] == "labels" else pod.metadata.annotations
        return values.get(subscript[2], "")
    simple = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid,
        "spec.nodeName": pod.spec.node_name or node.name,
        "spec.serviceAccountName": pod.spec.service_account_name,
        "status.podIP": pod.status.pod_ip,
        "status.podIPs": ",".join(each.ip for each in pod.status.pod_ips),
        "status.hostIP": node.addresses[0] if node.addresses else "",
        "status.hostIPs": ",".join(node.addresses),
    }
    if path in simple:
        return simple[path]
    if path == "metadata.labels":
        return map_text(pod.metadata.labels)
    if path == "metadata.annotations":
        return map_text(pod.metadata.annotations)
    raise UnknownField(f"unsupported fieldPath: {path}")


def map_text(values: Mapping[str, str]) -> str:
    """Lines of `key="value"`, sorted, values quoted and escaped."""
    return "\n".join(f"{key}={json.dumps(values[key], ensure_ascii=False)}" for key in sorted(values))


def resource_text(pod: Pod, container: Container, selector: ResourceFieldSelector, node: Node) -> str:
    """The value of a resourceFieldRef in units of its divisor, rounded up. Raises UnknownField."""
    chosen = _container(pod, container, selector.container_name)
    verb, _, resource = selector.resource.partition(".")
    if verb not in ("limits", "requests") or not resource:
        raise UnknownField(f"unsupported container resource : {selector.resource}")
    resources = chosen.resources
    limits = resources.limits if resources else {}
    requests = resources.requests if resources else {}
    if verb == "limits":
        own = limits.get(resource, "0")
        amount = own if quantity.parse(own) else _most(pod, resource, node)
    else:
        amount = requests.get(resource) or limits.get(resource, "0")
    divisor = quantity.parse(selector.divisor or _DEFAULT_DIVISOR) or quantity.NANO
    return str(-(-quantity.parse(amount) // divisor))


def _most(pod: Pod, resource: str, node: Node) -> str:
    """What a container without a limit may use: what its Pod is limited to, or what the node has to give."""
    whole = node.allocatable.get(resource, "0")
    if resource not in _POD_LEVEL or resource not in node.allocatable or pod.spec.resources is None:
        return whole
    limit = pod.spec.resources.limits.get(resource, "0")
    return limit if quantity.parse(limit) else whole


def _container(pod: Pod, own: Container, name: str) -> Container:
    if not name or name == own.name:
        return own
    for each in (*pod.spec.containers, *pod.spec.init_containers):
        if each.name == name:
            return each
    raise UnknownField(f"container {name} not found")
