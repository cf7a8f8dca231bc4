"""Requests and limits of a whole Pod, where its spec gives a part of them (KEP-2837)."""

from typing import Any

from kybern.api import quantity

Resources = dict[str, str]


def default_pod_resources(spec: dict[str, Any]) -> None:
    """Limits of huge pages from those of the containers; requests from the containers', then from the limits."""
    resources = spec["resources"]
    limits: Resources = resources.get("limits", {})
    requests: Resources = resources.get("requests", {})
    if limits or requests:
        of_containers = aggregate(spec, "limits")
        huge = {key: text for key, text in of_containers.items() if _is_huge(key) and key not in requests}
        limits = huge | limits
    if limits:
        resources["limits"] = limits
        shared = {key: text for key, text in aggregate(spec, "requests").items() if key in ("cpu", "memory")}
        own = {key: text for key, text in limits.items() if key in ("cpu", "memory") or _is_huge(key)}
        resources["requests"] = own | shared | requests


def _is_huge(key: str) -> bool:
    return key.startswith("hugepages-")


def aggregate(spec: dict[str, Any], part: str) -> Resources:
    """What the containers need together: sidecars beside all that run after them, init containers one at a time."""
    together: Resources = {}
    for container in spec.get("containers") or ():
        _add(together, container["resources"].get(part, {}))
    sidecars: Resources = {}
    peak: Resources = {}
    for container in spec.get("initContainers", ()):
        needs = dict(container["resources"].get(part, {}))
        if container.get("restartPolicy") == "Always":
            _add(together, needs)
            _add(sidecars, needs)
            needs = dict(sidecars)
        else:
            _add(needs, sidecars)
        _raise(peak, needs)
    _raise(together, peak)
    return together


def _add(total: Resources, more: Resources) -> None:
    for key, text in more.items():
        total[key] = quantity.add(total[key], text) if key in total else text


def _raise(total: Resources, other: Resources) -> None:
    for key, text in other.items():
        if key not in total or quantity.compare(text, total[key]) > 0:
            total[key] = text
