"""APIServices as the server uses them: which group and version is served elsewhere, and whether it can be reached."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kybern.api.resource import Object
from kybern.apiserver.cache.change import Change
from kybern.apiserver.conditions import find_condition
from kybern.apiserver.served import Served

GROUP = "apiregistration.k8s.io"
AVAILABLE = "Available"


@dataclass(frozen=True, slots=True)
class Remote:
    """One group and version that another server serves."""

    name: str
    group: str
    version: str
    namespace: str
    service: str
    port: int
    bundle: str
    """PEM of who vouches for it, in base64; "": the system's authorities."""
    unverified: bool
    available: bool
    group_priority: int
    version_priority: int

    @property
    def host(self) -> str:
        """The name that its certificate is for."""
        return f"{self.service}.{self.namespace}.svc"


class ApiServices:
    """Reads the stored APIServices anew after each change; they are few and are asked for often."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._remote: dict[tuple[str, str], Remote] | None = None
        served.cache.listen(self._forget)

    def find(self, group: str, version: str) -> Remote | None:
        return self._rows().get((group, version))

    def remote(self) -> Sequence[Remote]:
        """All that are served elsewhere, groups of the highest priority first, then versions."""
        rows = self._rows().values()
        return sorted(rows, key=lambda row: (-row.group_priority, row.group, -row.version_priority, row.version))

    def objects(self) -> Iterator[Object]:
        for version in list(self.served.cache.objects.values()):
            yield self.served.parse(version)

    def _rows(self) -> dict[tuple[str, str], Remote]:
        if self._remote is None:
            rows = (_remote(obj) for obj in self.objects() if obj["spec"].get("service"))
            self._remote = {(row.group, row.version): row for row in rows}
        return self._remote

    def _forget(self, change: Change) -> None:
        self._remote = None


def _remote(obj: Object) -> Remote:
    spec = obj["spec"]
    service = spec["service"]
    return Remote(
        obj["metadata"]["name"],
        spec.get("group") or "",
        spec["version"],
        service["namespace"],
        service["name"],
        service.get("port") or 443,
        spec.get("caBundle") or "",
        bool(spec.get("insecureSkipTLSVerify")),
        find_condition(obj, AVAILABLE).get("status") == "True",
        spec.get("groupPriorityMinimum") or 0,
        spec.get("versionPriority") or 0,
    )
