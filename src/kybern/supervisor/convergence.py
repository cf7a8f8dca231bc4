"""How far the applied objects are: `3/3 api-server ready`, asked of the API until all are there."""

from collections.abc import Mapping
from typing import Any

from kybern.base.errors import KybernError
from kybern.client.client import Client
from kybern.supervisor.manifests import Applied

PATHS = {
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
    "StatefulSet": "/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}",
    "DaemonSet": "/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}",
    "ReplicaSet": "/apis/apps/v1/namespaces/{namespace}/replicasets/{name}",
    "Job": "/apis/batch/v1/namespaces/{namespace}/jobs/{name}",
    "Pod": "/api/v1/namespaces/{namespace}/pods/{name}",
}
"""Kinds that take time to converge."""


def progress(kind: str, name: str, obj: Mapping[str, Any]) -> tuple[bool, str]:
    """Pure: whether an object is there, and the line that says how far it is."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    current = status.get("observedGeneration", 0) >= obj.get("metadata", {}).get("generation", 0)
    if kind == "Job":
        wanted = spec.get("completions") or 1
        failed = any(c.get("type") == "Failed" and c.get("status") == "True" for c in status.get("conditions") or [])
        done = status.get("succeeded", 0)
        return done >= wanted or failed, f"{done}/{wanted} {name} {'failed' if failed else 'completed'}"
    if kind == "Pod":
        ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or [])
        return ready or status.get("phase") == "Succeeded", f"{name} {status.get('phase', 'Pending')}"
    if kind == "DaemonSet":
        wanted, ready_count = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        updated = status.get("updatedNumberScheduled", 0)
    else:
        wanted, ready_count = spec.get("replicas", 1), status.get("readyReplicas", 0)
        updated = status.get("updatedReplicas", wanted if kind == "ReplicaSet" else 0)
    there = current and ready_count >= wanted and updated >= wanted and status.get("replicas", wanted) == wanted
    return there, f"{ready_count}/{wanted} {name} ready"


async def look(client: Client, applied: Applied) -> tuple[bool, str]:
    """Ask for one object; one that is not there (any more), or of a kind that needs no time, counts as there."""
    path = PATHS.get(applied.kind)
    if path is None:
        return True, ""
    try:
        obj = await client.get_json(path.format(namespace=applied.namespace, name=applied.name))
    except KybernError as error:
        return False, f"{applied.name}: {error}"
    return progress(applied.kind, applied.name, obj)
