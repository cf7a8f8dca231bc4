"""PodResizeValidator: a bound Pod does not grow beyond its node, nor on a node that cannot resize (KEP-1287)."""

from kybern.api import quantity
from kybern.api.quota.pod_resources import pod_amounts
from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.base.errors import Forbidden

_OS_LABEL = "kubernetes.io/os"


class PodResizeValidator(Plugin):
    about = ("pods",)

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if attributes.subresource != "resize" or attributes.group_resource != "pods" or obj is None or old is None:
            return
        name = obj["spec"].get("nodeName")
        if not name or obj["spec"] == old["spec"]:
            return
        node = self._lookup.get("nodes", name)
        if node is None:
            raise attributes.forbidden(obj, f'node "{name}" not found')
        system = (node["metadata"].get("labels") or {}).get(_OS_LABEL, "linux")
        if system != "linux":
            why = f'pod resize is only supported on linux nodes, node "{name}" is "{system}"'
            raise _refusal(attributes.forbidden(obj, why), "UnsupportedPlatform")
        lacking = _lacking(obj["spec"], (node.get("status") or {}).get("allocatable") or {})
        if lacking:
            why = f"node didn't have enough allocatable resources: {lacking}"
            raise _refusal(attributes.forbidden(obj, why), "NodeCapacity")


def _refusal(refused: Forbidden, cause: str) -> Forbidden:
    return Forbidden(refused.message, details={**refused.details, "causes": [{"reason": cause}]})


def _lacking(spec: Object, allocatable: Object) -> str:
    """cpu is told in thousandths, memory in bytes."""
    requests = pod_amounts(spec, "requests")
    parts = []
    for name, number in (("cpu", quantity.milli_value), ("memory", quantity.value)):
        asked, there = number(requests.get(name, "0")), number(allocatable.get(name, "0"))
        if asked > there:
            parts.append(f"{name}, requested: {asked}, allocatable: {there}")
    return "; ".join(parts)
