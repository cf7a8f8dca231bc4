"""What endpoints have at hand."""

from dataclasses import dataclass
from typing import Any

from kybern.apiserver.admission.attributes import Attributes, Operation
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.cache.cache import Cache
from kybern.apiserver.call import Call
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.tracking import manager_of
from kybern.apiserver.served import Served, ServedResources
from kybern.base.clock import Clock
from kybern.storage.backend import Backend


@dataclass(slots=True)
class Surroundings:
    """Made once by the server."""

    clock: Clock
    backend: Backend
    cache: Cache
    served: ServedResources
    life: Life
    shared_store: bool = False
    """Whether other processes write to the store too: then the newest revision must be asked for."""
    watch_seconds: float = 1800.0
    """How long a watch lasts at least that names no timeout; at most twice as long."""
    authorizer: Authorizer | None = None
    """Asked where a request turns out to be another than its verb says; None: nothing is forbidden."""

    def now(self) -> float:
        return self.clock.now()


def attributes_of(call: Call, served: Served, operation: Operation, subresource: str = "") -> Attributes:
    """The admission attributes of a call."""
    info = call.info
    namespace = info.namespace if served.resource.namespaced else ""
    return Attributes(
        operation,
        served.resource,
        namespace,
        info.name,
        call.user,
        subresource,
        call.dry_run,
        call.request.parameter("fieldManager") or manager_of(call.request.headers.get("user-agent", "")),
        options=lambda: _options(call),
        warnings=call.warnings,
        annotations=call.audit_annotations,
        verb=info.verb,
        tells_bodies=call.audit_verdict is not None and call.audit_verdict.with_request,
    )


def _options(call: Call) -> dict[str, Any]:
    """What the query asks of a write, as an object."""
    options: dict[str, Any] = {}
    request = call.request
    if request.query.get("dryRun"):
        options["dryRun"] = list(request.query["dryRun"])
    for name in ("fieldManager", "fieldValidation"):
        if request.parameter(name):
            options[name] = request.parameter(name)
    return options
