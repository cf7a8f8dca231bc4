"""/healthz, /livez, /readyz: named checks, each of which can be asked for or left out.

Form of the answers: https://kubernetes.io/docs/reference/using-api/health-checks/
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping

from kybern.metrics.family import Family
from kybern.metrics.series import Counter, Gauge
from kybern.transport.exchange import Request, Response

TEXT = "text/plain; charset=utf-8"
_SAFE = (("X-Content-Type-Options", "nosniff"),)

Check = Callable[[], str | Awaitable[str]]
""""" when all is well, else what is wrong; some have to ask others to know."""


def well() -> str:
    """The check of what is well as long as it is there to be asked."""
    return ""


class Health:
    """The checks of each path that has some: healthz, livez, readyz."""

    def __init__(self, checks: Mapping[str, Mapping[str, Check]]) -> None:
        self._checks = checks
        what = "[STABLE] This metric records the result{} healthcheck."
        self._result = Gauge("kubernetes_healthcheck", what.format(" of a single"), "name", "type")
        self._results = Counter("kubernetes_healthchecks_total", what.format("s of all"), "name", "status", "type")

    def families(self) -> Iterator[Family]:
        """What /metrics/slis tells: how each check went when all of a path were asked (KEP-3466)."""
        for family in (self._result.family(), self._results.family()):
            if family.samples:
                yield family

    def observe(self, path: str, name: str, fault: str) -> None:
        """A check has been made."""
        self._result.set(0 if fault else 1, name, path)
        self._results.count(name, "error" if fault else "success", path)

    @property
    def paths(self) -> Iterator[str]:
        """Every path that is answered."""
        for path, checks in self._checks.items():
            yield f"/{path}"
            yield from (f"/{path}/{name}" for name in checks)

    def answer(self, request: Request) -> Response | Awaitable[Response] | None:
        """None: no such path or check."""
        path, slash, name = request.path.removeprefix("/").partition("/")
        checks = self._checks.get(path)
        if checks is None or (slash and name not in checks):
            return None
        excluded = set(request.query.get("exclude", ()))
        wanted = {name: checks[name]} if name else {each: checks[each] for each in checks if each not in excluded}
        faults: dict[str, str] = {}
        asked: dict[str, Awaitable[str]] = {}
        for each, check in wanted.items():
            found = check()
            if isinstance(found, str):
                faults[each] = found
            else:
                asked[each] = found
        told = _Told(self, path, name, checks, excluded, request)
        return _later(told, faults, asked) if asked else told.answer(faults)


async def _later(told: "_Told", faults: dict[str, str], asked: Mapping[str, Awaitable[str]]) -> Response:
    for each, answer in asked.items():
        faults[each] = await answer
    return told.answer(faults)


class _Told:
    """What was asked for, until it is known what is wrong."""

    def __init__(
        self, health: Health, path: str, name: str, checks: Mapping[str, Check], excluded: set[str], request: Request
    ) -> None:
        self._health = health
        self._path = path
        self._name = name
        self._checks = checks
        self._excluded = excluded
        self._request = request

    def answer(self, faults: Mapping[str, str]) -> Response:
        return _single(faults[self._name]) if self._name else self._all(faults)

    def _all(self, faults: Mapping[str, str]) -> Response:
        lines: list[str] = []
        for name, fault in faults.items():
            self._health.observe(self._path, name, fault)
        for name in self._checks:
            if name in self._excluded:
                lines.append(f"[+]{name} excluded: ok")
            else:
                lines.append(f"[-]{name} failed: reason withheld" if faults[name] else f"[+]{name} ok")
        unknown = sorted(self._excluded - self._checks.keys())
        if unknown:
            listed = ",".join(f'"{name}"' for name in unknown)
            lines.append(f"warn: some health checks cannot be excluded: no matches for {listed}")
        if any(faults.values()):
            return Response(500, ("\n".join([*lines, f"{self._path} check failed"]) + "\n").encode(), TEXT)
        if "verbose" in self._request.query:  # Whatever its value is.
            return Response(200, ("\n".join([*lines, f"{self._path} check passed"]) + "\n").encode(), TEXT, _SAFE)
        return Response(200, b"ok", TEXT, _SAFE)


def _single(fault: str) -> Response:
    if fault:
        return Response(500, f"internal server error: {fault}\n".encode(), TEXT)
    return Response(200, b"ok", TEXT)
