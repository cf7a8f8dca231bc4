"""Roles and their bindings: their names may hold what a path segment may (`system:node`)."""

from kybern.api.groups.behaviour import Behaviour
from kybern.api.validation.names import path_segment_name

_KINDS = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")

BEHAVIOUR: dict[str, Behaviour] = {kind: Behaviour(validate_name=path_segment_name) for kind in _KINDS}
