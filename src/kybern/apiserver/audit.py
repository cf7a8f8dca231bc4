"""The audit stage: by default nothing is written; with `--audit-log-path` one JSON line tells of each answer.

Lines are `audit.k8s.io/v1` Events of level Metadata, as https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
describes them. Writing is buffered: it never holds a request up.
"""

from pathlib import Path
from typing import Protocol, TextIO

import orjson

from kybern.apiserver.call import Call
from kybern.base.clock import Clock, format_micro_time
from kybern.base.ids import Ids


class Sink(Protocol):
    """Takes events; never raises, never waits."""

    def write(self, event: dict[str, object]) -> None: ...

    def close(self) -> None: ...


class LogFile:
    """One line for each event."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", buffering=1 << 16)

    def write(self, event: dict[str, object]) -> None:
        self._file.write(orjson.dumps(event).decode() + "\n")

    def close(self) -> None:
        self._file.close()


class Audit:
    """Hooks of the stages."""

    def __init__(self, clock: Clock, ids: Ids, sink: Sink | None = None) -> None:
        self._clock = clock
        self._ids = ids
        self._sink = sink

    def received(self, call: Call) -> None:
        """The user is known, nothing else has happened."""

    def answered(self, call: Call, status: int) -> None:
        if self._sink is not None:
            self._sink.write(self._event(call, status))

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()

    def _event(self, call: Call, status: int) -> dict[str, object]:
        now = self._clock.now()
        begun = now - (self._clock.monotonic() - call.started)
        info = call.info
        event: dict[str, object] = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "auditID": self._ids.uid(),
            "stage": "ResponseComplete",
            "requestURI": call.request.raw_path + (f"?{call.request.raw_query}" if call.request.raw_query else ""),
            "verb": info.verb,
            "user": (call.impersonator or call.user).info(),
            "sourceIPs": [call.request.peer.rpartition(":")[0]],
            "userAgent": call.request.headers.get("user-agent", ""),
            "responseStatus": {"metadata": {}, "code": status},
            "requestReceivedTimestamp": format_micro_time(begun),
            "stageTimestamp": format_micro_time(now),
        }
        if call.impersonator is not None:
            event["impersonatedUser"] = call.user.info()
        if info.is_resource:
            reference = {
                "resource": info.resource,
                "namespace": info.namespace,
                "name": info.name,
                "apiGroup": info.group,
                "apiVersion": info.version,
                "subresource": info.subresource,
            }
            event["objectRef"] = {key: value for key, value in reference.items() if value}
        return event
