"""What the proxy counts of its own work, under kube-proxy's names. Pure but for what the process itself tells."""

from collections.abc import Iterator

from kybern.base.clock import Clock
from kybern.metrics import process
from kybern.metrics.family import COUNTER, GAUGE, Family
from kybern.metrics.series import Counter, Gauge, Histogram, exponential

SECONDS = exponential(0.001, 2, 15)
FAMILY = "IPv4"
SERVICE, ENDPOINT = "service", "endpoint"


class ProxyMetrics:
    """One proxy's: told of each change that is seen, and of each time that the kernel is brought up to them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen = {SERVICE: 0, ENDPOINT: 0}
        self._done = dict(self._seen)
        self._taken = dict(self._seen)
        """What the round that is under way takes care of."""
        self._syncs = Histogram(
            "kubeproxy_sync_proxy_rules_duration_seconds",
            "[ALPHA] SyncProxyRules latency in seconds",
            SECONDS,
            "ip_family",
        )
        self._kinds = {
            full: Histogram(
                f"kubeproxy_sync_{kind}_proxy_rules_duration_seconds",
                f"[ALPHA] SyncProxyRules latency in seconds for {kind} resyncs",
                SECONDS,
                "ip_family",
            )
            for full, kind in ((True, "full"), (False, "partial"))
        }
        self._last = Gauge(
            "kubeproxy_sync_proxy_rules_last_timestamp_seconds",
            "[ALPHA] The last time proxy rules were successfully synced",
            "ip_family",
        )
        self._queued = Gauge(
            "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds",
            "[ALPHA] The last time a sync of proxy rules was queued",
            "ip_family",
        )
        self._failures = Counter(
            "kubeproxy_sync_proxy_rules_nftables_sync_failures_total",
            "[ALPHA] Cumulative proxy nftables sync failures",
            "ip_family",
        )
        self._probes = {
            path: Counter(f"kubeproxy_proxy_{path}_total", f"[ALPHA] Cumulative proxy {path} HTTP status", "code")
            for path in ("healthz", "livez")
        }

    def changed(self, what: str) -> None:
        """A Service or a slice of endpoints is another one now."""
        self._seen[what] += 1
        self._queued.set(self._clock.now(), FAMILY)

    def begun(self) -> float:
        """A round begins, for all that was seen; the moment, for `ended`."""
        self._taken = dict(self._seen)
        return self._clock.monotonic()

    def ended(self, began: float, *, full: bool) -> None:
        """It went well."""
        self._done = self._taken
        seconds = self._clock.monotonic() - began
        self._syncs.observe(seconds, FAMILY)
        self._kinds[full].observe(seconds, FAMILY)
        self._last.set(self._clock.now(), FAMILY)

    def failed(self) -> None:
        """The kernel refused it."""
        self._failures.count(FAMILY)

    def probed(self, path: str, code: int) -> None:
        """Somebody asked for /healthz or /livez."""
        self._probes[path].count(str(code))

    def families(self) -> Iterator[Family]:
        counted: list[Counter | Gauge | Histogram] = [self._syncs, *self._kinds.values(), self._last, self._queued]
        counted += [self._failures, *self._probes.values()]
        yield from (family for each in counted if (family := each.family()).samples)
        for what, seen in self._seen.items():
            kind, name = what.title(), f"kubeproxy_sync_proxy_rules_{what}_changes"
            pending = Family(f"{name}_pending", GAUGE, f"[ALPHA] Pending proxy rules {kind} changes")
            pending.add(seen - self._done[what])
            total = Family(f"{name}_total", COUNTER, f"[ALPHA] Cumulative proxy rules {kind} changes")
            total.add(seen)
            yield from (pending, total)
        yield from process.families()
