"""Role, ClusterRole and their bindings."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, checked_first
from kybern.api.groups.columns import AGE, NAME, age
from kybern.api.resource import Column, Object
from kybern.api.validation.names import path_segment_name
from kybern.api.validation.rbac import (
    validate_binding_update,
    validate_cluster_role,
    validate_cluster_role_binding,
    validate_role,
    validate_role_binding,
)

BINDING_COLUMNS = (
    NAME,
    Column(
        "Role",
        description=(
            "RoleRef can reference a Role in the current namespace or a ClusterRole in the global "
            "namespace. If the RoleRef cannot be resolved, the Authorizer must return an error."
        ),
    ),
    AGE,
    Column("Users", priority=1, description="Users in the roleBinding"),
    Column("Groups", priority=1, description="Groups in the roleBinding"),
    Column("ServiceAccounts", priority=1, description="ServiceAccounts in the roleBinding"),
)
CLUSTER_BINDING_COLUMNS = (
    NAME,
    Column(
        "Role",
        description=(
            "RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef "
            "cannot be resolved, the Authorizer must return an error."
        ),
    ),
    AGE,
    Column("Users", priority=1, description="Users in the clusterRoleBinding"),
    Column("Groups", priority=1, description="Groups in the clusterRoleBinding"),
    Column("ServiceAccounts", priority=1, description="ServiceAccounts in the clusterRoleBinding"),
)
_SUBJECTS = ("User", "Group", "ServiceAccount")


def binding_cells(obj: Object, now: float) -> Sequence[Any]:
    role, subjects = obj.get("roleRef") or {}, obj.get("subjects") or ()
    return (
        obj["metadata"]["name"],
        f"{role.get('kind') or ''}/{role.get('name') or ''}",
        age(obj, now),
        *(", ".join(_subject(one) for one in subjects if one.get("kind") == kind) for kind in _SUBJECTS),
    )


def _subject(subject: Object) -> str:
    """Service accounts with their namespace."""
    name: str = subject["name"]
    return f"{subject.get('namespace') or ''}/{name}" if subject["kind"] == "ServiceAccount" else name


def _role(validate: Any) -> Behaviour:
    return Behaviour(validate=lambda obj: list(validate(obj)), validate_name=path_segment_name, create_on_update=True)


def _binding(columns: Sequence[Column], validate: Any) -> Behaviour:
    return Behaviour(
        columns=columns,
        cells=binding_cells,
        validate=lambda obj: list(validate(obj)),
        validate_update=checked_first(validate, validate_binding_update),
        validate_on_update=False,
        validate_name=path_segment_name,
        create_on_update=True,
    )


BEHAVIOUR = {
    "Role": _role(validate_role),
    "ClusterRole": _role(validate_cluster_role),
    "RoleBinding": _binding(BINDING_COLUMNS, validate_role_binding),
    "ClusterRoleBinding": _binding(CLUSTER_BINDING_COLUMNS, validate_cluster_role_binding),
}
