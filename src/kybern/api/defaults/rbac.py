"""rbac.authorization.k8s.io/v1."""

from typing import Any

_GROUP = "rbac.authorization.k8s.io"

V1: dict[str, dict[str, Any]] = {"RoleRef": {"apiGroup": _GROUP}}


def subject(obj: dict[str, Any]) -> None:
    """ServiceAccounts are of the core group, users and groups of RBAC's."""
    if obj["kind"] in ("User", "Group") and not obj.get("apiGroup"):
        obj["apiGroup"] = _GROUP


V1_CODE = {"Subject": subject}
