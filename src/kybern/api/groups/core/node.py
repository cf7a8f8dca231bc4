"""Node: kubelets register it with its status, which later only status writes change."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, checked_first, keep
from kybern.api.groups.columns import AGE, NAME, NONE, UNKNOWN, age, column, condition
from kybern.api.resource import Change, Column, Object
from kybern.api.validation.core.node import node_warnings, validate_node, validate_node_update

COLUMNS = (
    NAME,
    Column("Status", description="The status of the node"),
    Column("Roles", description="The roles of the node"),
    AGE,
    column("Version", "core.v1.NodeSystemInfo.kubeletVersion"),
    column("Internal-IP", "core.v1.NodeStatus.addresses", priority=1),
    column("External-IP", "core.v1.NodeStatus.addresses", priority=1),
    column("OS-Image", "core.v1.NodeSystemInfo.osImage", priority=1),
    column("Kernel-Version", "core.v1.NodeSystemInfo.kernelVersion", priority=1),
    column("Container-Runtime", "core.v1.NodeSystemInfo.containerRuntimeVersion", priority=1),
)
_ROLE_PREFIX, _ROLE = "node-role.kubernetes.io/", "kubernetes.io/role"


def cells(obj: Object, now: float) -> Sequence[Any]:
    status = obj.get("status") or {}
    info = status.get("nodeInfo") or {}
    return (
        obj["metadata"]["name"],
        _words(obj, status),
        ",".join(_roles(obj["metadata"].get("labels") or {})) or NONE,
        age(obj, now),
        info.get("kubeletVersion", ""),
        _address(status, "InternalIP"),
        _address(status, "ExternalIP"),
        info.get("osImage") or UNKNOWN,
        _kernel(info),
        info.get("containerRuntimeVersion") or UNKNOWN,
    )


def _words(obj: Object, status: Object) -> str:
    ready = condition(status.get("conditions"), "Ready")
    word = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    return f"{word},SchedulingDisabled" if (obj.get("spec") or {}).get("unschedulable") else word


def _kernel(info: Object) -> str:
    version = info.get("kernelVersion") or UNKNOWN
    return f"{version} ({info['architecture']})" if info.get("architecture") else version


def _roles(labels: dict[str, str]) -> list[str]:
    named = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    return sorted(role for role in named | {labels.get(_ROLE, "")} if role)


def _address(status: Object, type: str) -> str:
    return next((one["address"] for one in status.get("addresses") or () if one.get("type") == type), NONE)


def _unschedulable(obj: Object) -> str:
    return "true" if (obj.get("spec") or {}).get("unschedulable") else "false"


def prepare_create(obj: Object, change: Change) -> None:
    """A Node's configuration source is no more (DynamicKubeletConfig was removed)."""
    (obj.get("spec") or {}).pop("configSource", None)
    (obj.get("status") or {}).pop("config", None)


def prepare_update(new: Object, old: Object, change: Change) -> None:
    if "configSource" not in (old.get("spec") or {}):
        (new.get("spec") or {}).pop("configSource", None)


def prepare_status(new: Object, old: Object, change: Change) -> None:
    keep("spec", new, old)
    if "config" not in (old.get("status") or {}):
        (new.get("status") or {}).pop("config", None)


BEHAVIOUR = {
    "Node": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={"spec.unschedulable": _unschedulable},
        keeps_status=True,
        prepare_create=prepare_create,
        prepare_update=prepare_update,
        prepare_status=prepare_status,
        validate=lambda obj: list(validate_node(obj)),
        warnings=lambda new, old: list(node_warnings(new)),
        validate_update=checked_first(validate_node, validate_node_update),
        validate_on_update=False,
        validate_status=lambda new, old: list(validate_node_update(new, old)),
    )
}
