"""The endpoints that are more than a verb on an object, by resource and subresource."""

from collections.abc import Mapping

from kybern.apiserver.endpoints.binding import bind_pod
from kybern.apiserver.endpoints.eviction import evict_pod
from kybern.apiserver.endpoints.route import Endpoint
from kybern.apiserver.endpoints.scale import get_scale, patch_scale, update_scale

_SCALE: Mapping[str, Endpoint] = {"get": get_scale, "update": update_scale, "patch": patch_scale}

SPECIAL: Mapping[tuple[str, str], Mapping[str, Endpoint]] = {
    ("bindings", ""): {"create": bind_pod},
    ("pods", "binding"): {"create": bind_pod},
    ("pods", "eviction"): {"create": evict_pod},
    ("deployments.apps", "scale"): _SCALE,
    ("replicasets.apps", "scale"): _SCALE,
    ("statefulsets.apps", "scale"): _SCALE,
    ("replicationcontrollers", "scale"): _SCALE,
}
"""(group_resource, subresource) -> verb -> endpoint."""
