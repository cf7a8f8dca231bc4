"""Upstream's metrics of the API server, counted in plain dicts and printed when someone asks.

A request costs one dict look-up and a few additions; the text format is made by `render`.
Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping

from kybern.apiserver.call import Call

BUCKETS = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60
)  # fmt: skip
"""Upper bounds in seconds of apiserver_request_duration_seconds."""

Key = tuple[str, str, str, str, str, str, int]
Gauges = Callable[[], Mapping[str, float]]


class _Series:
    """One combination of labels."""

    __slots__ = ("buckets", "count", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)


class Metrics:
    """`storage_objects` tells how many objects each resource has, `in_flight` how many requests are under way."""

    def __init__(self, storage_objects: Gauges, in_flight: Gauges, watches: Gauges) -> None:
        self._storage_objects = storage_objects
        self._in_flight = in_flight
        self._watches = watches
        self._series: dict[Key, _Series] = {}

    def observe(self, call: Call, code: int, seconds: float) -> None:
        info = call.info
        served = call.served
        resource = info.resource if served is not None else ""
        scope = "resource" if info.name else "namespace" if info.namespace else "cluster" if resource else ""
        verb = info.verb.upper() if info.is_resource and served is not None else call.request.method
        key = (
            verb,
            info.group if resource else "",
            info.version if resource else "",
            resource,
            info.subresource if resource else "",
            scope,
            code,
        )
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series()
        series.count += 1
        if info.verb != "watch":
            series.seconds += seconds
            series.buckets[bisect_left(BUCKETS, seconds)] += 1

    def render(self) -> bytes:
        """Prometheus' text format."""
        return "\n".join([*self._requests(), *self._durations(), *self._gauges(), ""]).encode()

    def _requests(self) -> Iterator[str]:
        yield "# HELP apiserver_request_total Counter of apiserver requests broken out for each verb, resource and code."
        yield "# TYPE apiserver_request_total counter"
        for key, series in self._series.items():
            yield f'apiserver_request_total{{code="{key[-1]}",{_labels(key)}}} {series.count}'

    def _durations(self) -> Iterator[str]:
        name = "apiserver_request_duration_seconds"
        yield f"# HELP {name} Response latency distribution in seconds for each verb and resource."
        yield f"# TYPE {name} histogram"
        merged: dict[str, _Series] = {}
        for key, series in self._series.items():
            whole = merged.setdefault(_labels(key), _Series())
            whole.seconds += series.seconds
            whole.buckets = [a + b for a, b in zip(whole.buckets, series.buckets, strict=True)]
        for labels, series in merged.items():
            total = 0
            for bound, count in zip((*BUCKETS, "+Inf"), series.buckets, strict=True):
                total += count
                yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
            yield f"{name}_sum{{{labels}}} {series.seconds:.6f}"
            yield f"{name}_count{{{labels}}} {total}"

    def _gauges(self) -> Iterator[str]:
        for name, label, text, read in (
            ("apiserver_storage_objects", "resource", "Number of stored objects.", self._storage_objects),
            ("apiserver_current_inflight_requests", "request_kind", "Requests under way.", self._in_flight),
            ("apiserver_longrunning_requests", "resource", "Watches that are open.", self._watches),
        ):
            yield f"# HELP {name} {text}"
            yield f"# TYPE {name} gauge"
            for value, number in read().items():
                yield f'{name}{{{label}="{value}"}} {number}'


def _labels(key: Key) -> str:
    verb, group, version, resource, subresource, scope, _ = key
    return (
        f'group="{group}",resource="{resource}",scope="{scope}",subresource="{subresource}",verb="{verb}",'
        f'version="{version}"'
    )
