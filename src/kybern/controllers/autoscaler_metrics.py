"""Asks the metrics APIs (metrics.k8s.io, custom.metrics.k8s.io, external.metrics.k8s.io) for what autoscalers need.

Values are in thousandths. Messages are upstream's (pkg/controller/podautoscaler/metrics), for they end in conditions.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from kybern.api import quantity
from kybern.api.selectors import format_struct
from kybern.api.types import to_dict
from kybern.api.types.autoscaling_v2 import CrossVersionObjectReference
from kybern.api.types.meta_v1 import LabelSelector
from kybern.base.clock import parse_time
from kybern.base.errors import KybernError, NotFound
from kybern.client.client import Client
from kybern.controllers.scale_targets import resource_of_kind

DEFAULT_WINDOW_SECONDS = 60.0


class NoMetrics(KybernError):
    """What was asked for cannot be had."""


@dataclass(frozen=True, slots=True)
class PodMetric:
    """Usage in thousandths, over `window` seconds before `timestamp` (seconds since the epoch)."""

    value: int
    timestamp: float = 0.0
    window: float = DEFAULT_WINDOW_SECONDS


async def of_resource(
    client: Client, resource: str, namespace: str, selector: str, container: str = ""
) -> dict[str, PodMetric]:
    """By Pod's name: the usage of all its containers, or of one. Raises NoMetrics."""
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
    found = await _items(client, "resource", path, {"labelSelector": selector}, "get pods.metrics.k8s.io")
    usages: dict[str, PodMetric] = {}
    for each in found:
        parts = [part.get("usage", {}).get(resource) for part in each["containers"] if container in ("", part["name"])]
        if parts and all(part is not None for part in parts):
            total = sum(quantity.milli_value(str(part)) for part in parts)
            window = _seconds(each.get("window", ""))
            usages[each["metadata"]["name"]] = PodMetric(total, parse_time(each["timestamp"]), window)
    return usages


async def of_pods(
    client: Client, metric: str, namespace: str, selector: str, own: LabelSelector | None
) -> dict[str, PodMetric]:
    """By Pod's name: a custom metric. Raises NoMetrics."""
    path = f"/apis/custom.metrics.k8s.io/v1beta2/namespaces/{namespace}/pods/*/{metric}"
    query = {"labelSelector": selector, "metricLabelSelector": _text(own)}
    found = await _items(client, "custom", path, query, "get pods.custom.metrics.k8s.io")
    return {
        each["describedObject"]["name"]: PodMetric(
            quantity.milli_value(str(each["value"])),
            parse_time(each["timestamp"]),
            float(each.get("windowSeconds") or DEFAULT_WINDOW_SECONDS),
        )
        for each in found
    }


async def of_object(
    client: Client, metric: str, namespace: str, about: CrossVersionObjectReference, own: LabelSelector | None
) -> int:
    """A custom metric of one object, in thousandths. Raises NoMetrics."""
    resource = await resource_of_kind(client, about.api_version or "v1", about.kind)
    if resource is None:
        raise NoMetrics(f'unable to fetch metrics from custom metrics API: no matches for kind "{about.kind}"')
    named = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
    scope = "" if about.kind == "Namespace" else f"/namespaces/{namespace}"
    path = f"/apis/custom.metrics.k8s.io/v1beta2{scope}/{named}/{about.name}/{metric}"
    found = await _items(client, "custom", path, {"metricLabelSelector": _text(own)}, "get custom.metrics.k8s.io")
    return quantity.milli_value(str(found[0]["value"]))


async def of_external(client: Client, metric: str, namespace: str, own: LabelSelector | None) -> list[int]:
    """The values of an external metric, in thousandths. Raises NoMetrics."""
    path = f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}"
    found = await _items(
        client, "external", path, {"labelSelector": _text(own)}, f"get {metric}.external.metrics.k8s.io"
    )
    return [quantity.milli_value(str(each["value"])) for each in found]


async def _items(client: Client, name: str, path: str, query: dict[str, str], asked: str) -> list[Any]:
    """The list's items, one at least. Raises NoMetrics."""
    asking = urlencode({key: value for key, value in query.items() if value})
    try:
        found = await client.get_json(f"{path}?{asking}" if asking else path)
    except NotFound:
        why = f"the server could not find the requested resource ({asked})"
        raise NoMetrics(f"unable to fetch metrics from {name} metrics API: {why}") from None
    except KybernError as error:
        raise NoMetrics(f"unable to fetch metrics from {name} metrics API: {error}") from error
    items = found.get("items") or []
    if not items:
        raise NoMetrics(f"no metrics returned from {name} metrics API")
    return list(items)


def _text(selector: LabelSelector | None) -> str:
    return format_struct(to_dict(selector)) if selector is not None else ""


def _seconds(duration: str) -> float:
    """`30s`, `1m0s`, `1.5s` as the metrics APIs write windows."""
    total, number = 0.0, ""
    for character in duration:
        if character.isdigit() or character == ".":
            number += character
        else:
            total += float(number or 0) * {"h": 3600.0, "m": 60.0, "s": 1.0}.get(character, 0.0)
            number = ""
    return total or DEFAULT_WINDOW_SECONDS
