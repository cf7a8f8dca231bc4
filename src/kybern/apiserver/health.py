"""/healthz, /livez, /readyz: named checks, each of which can be asked for or left out.

Form of the answers: https://kubernetes.io/docs/reference/using-api/health-checks/
"""

from collections.abc import Callable, Mapping

from kybern.apiserver.request_info import truthy
from kybern.transport.exchange import Request, Response

TEXT = "text/plain; charset=utf-8"

Check = Callable[[], str]
""""" when all is well, else what is wrong."""


class Health:
    """The checks of each of the three paths."""

    def __init__(self, checks: Mapping[str, Mapping[str, Check]]) -> None:
        self._checks = checks

    def answer(self, request: Request) -> Response | None:
        """None: no such path or check."""
        path, _, name = request.path.strip("/").partition("/")
        checks = self._checks.get(path)
        if checks is None:
            return None
        if name:
            return _single(name, checks[name]) if name in checks else None
        return self._all(path, checks, request)

    def _all(self, path: str, checks: Mapping[str, Check], request: Request) -> Response:
        excluded = set(request.query.get("exclude", ()))
        lines: list[str] = []
        failed: list[str] = []
        for name, check in checks.items():
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok")
                continue
            fault = check()
            lines.append(f"[-]{name} failed: reason withheld" if fault else f"[+]{name} ok")
            if fault:
                failed.append(name)
        unknown = sorted(excluded - checks.keys())
        if unknown:
            listed = ", ".join(f'"{name}"' for name in unknown)
            lines.append(f"warn: some health checks cannot be excluded: no matches for {listed}")
        if failed:
            return Response(500, ("\n".join([*lines, f"{path} check failed"]) + "\n").encode(), TEXT)
        if "verbose" in request.query and truthy(request.parameter("verbose")):
            return Response(200, ("\n".join([*lines, f"{path} check passed"]) + "\n").encode(), TEXT)
        return Response(200, b"ok", TEXT)


def _single(name: str, check: Check) -> Response:
    fault = check()
    if fault:
        return Response(500, f"internal server error: {fault}\n".encode(), TEXT)
    return Response(200, b"ok", TEXT)
