"""Requests by verb, resource and code. Counting one costs a dict look-up and a few additions."""

from bisect import bisect_left
from collections.abc import Iterator

from kybern.apiserver.call import Call
from kybern.metrics.family import COUNTER, HISTOGRAM, Family

BUCKETS = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60
)  # fmt: skip
"""Upper bounds in seconds of apiserver_request_duration_seconds."""

_What = tuple[str, str, str, str, str, str, str]
_NAMES = ("verb", "group", "version", "resource", "subresource", "scope", "dry_run")


class _Series:
    """One combination of labels."""

    __slots__ = ("buckets", "count", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)


class Requests:
    """All that have been answered."""

    def __init__(self) -> None:
        self._series: dict[tuple[_What, int], _Series] = {}

    def observe(self, call: Call, code: int, seconds: float) -> None:
        info = call.info
        what: _What
        if call.served is not None and info.is_resource:
            whole = info.name or info.verb == "create"
            scope = "resource" if whole else "namespace" if info.namespace else "cluster"
            dry_run = "All" if "dryRun" in call.request.query else ""
            what = (_verb(call), info.group, info.version, info.resource, info.subresource, scope, dry_run)
        else:
            what = (call.request.method, "", "", "", "", "", "")
        series = self._series.get((what, code))
        if series is None:
            series = self._series[what, code] = _Series()
        series.count += 1
        if info.verb != "watch":
            series.seconds += seconds
            series.buckets[bisect_left(BUCKETS, seconds)] += 1

    def families(self) -> Iterator[Family]:
        total = Family(
            "apiserver_request_total",
            COUNTER,
            "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, "
            "component, and HTTP response code.",
        )
        merged: dict[_What, _Series] = {}
        for (what, code), series in self._series.items():
            total.add(series.count, code=str(code), **_labels(what))
            whole = merged.setdefault(what, _Series())
            whole.seconds += series.seconds
            whole.buckets = [a + b for a, b in zip(whole.buckets, series.buckets, strict=True)]
        yield total
        duration = Family(
            "apiserver_request_duration_seconds",
            HISTOGRAM,
            "Response latency distribution in seconds for each verb, dry run value, group, version, resource, "
            "subresource, scope and component.",
        )
        for what, series in merged.items():
            duration.add_histogram(BUCKETS, series.buckets, series.seconds, _labels(what))
        yield duration


def _verb(call: Call) -> str:
    """Upstream counts by HTTP's methods, but for what it calls by names of its own (metrics.CleanVerb)."""
    info, method = call.info, call.request.method
    if info.subresource in _CONNECTING:
        return "CONNECT"
    if info.verb in ("list", "watch"):
        return info.verb.upper()
    if method == "PATCH" and call.request.headers.get("content-type") == _APPLY:
        return "APPLY"
    return "GET" if method == "HEAD" else method


_CONNECTING = frozenset(("attach", "exec", "log", "portforward", "proxy"))
_APPLY = "application/apply-patch+yaml"


def _labels(what: _What) -> dict[str, str]:
    return {**dict(zip(_NAMES, what, strict=True)), "component": "apiserver"}
