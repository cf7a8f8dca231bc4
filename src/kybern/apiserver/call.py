"""One request on its way through the stages: the request and what they have found out about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import ANONYMOUS_USER, User
from kybern.transport.exchange import Headers, Request

if TYPE_CHECKING:
    from kybern.apiserver.audit.policy import Verdict
    from kybern.apiserver.flow.level import Ticket
    from kybern.apiserver.served import Served


_NAMES = ("namespace", "name", "uid", "resourceVersion")


@dataclass(slots=True)
class Call:
    """Made by the first stage, filled by the later ones, read by the endpoint."""

    request: Request
    info: RequestInfo
    started: float
    """Monotonic seconds."""
    user: User = ANONYMOUS_USER
    authenticated: bool = False
    """Whether `user` is known; anonymous requests are too, where those are let in."""
    impersonator: User | None = None
    warnings: list[str] = field(default_factory=list)
    """Texts of the answer's Warning headers."""
    served: "Served | None" = None
    """What the path names, once routed."""
    ticket: "Ticket | None" = None
    """Its seats in a priority level, while it has them."""
    flow_headers: Headers = ()
    """Headers of the answer that tell its FlowSchema and priority level."""
    audit_id: str = ""
    """Of the request, and told in the answer's header `Audit-Id`."""
    audit_verdict: "Verdict | None" = None
    """What the audit tells of this request; None: nothing."""
    audit_received: bytes = b""
    """When it came, as its audit events tell it."""
    audit_opening: tuple[bytes, bytes] | None = None
    """What its audit events have in common, once one is made."""
    audit_annotations: dict[str, str] = field(default_factory=dict)
    audit_body: bytes | None = None
    """What the request asks for as the audit tells it (JSON); None where nobody has read it, or it is not to be told."""
    audit_named: dict[str, str] = field(default_factory=dict)
    """What the object that was sent says of itself: namespace, name, uid, resourceVersion."""

    def tell_object(self, obj: Mapping[str, Any]) -> None:
        """Keep for the audit, if it tells of this request, what was sent: decoded, defaulted, not yet admitted."""
        if self.audit_verdict is None:
            return
        metadata = obj.get("metadata") or {}
        self.audit_named = {key: metadata[key] for key in _NAMES if metadata.get(key)}
        if self.audit_verdict.with_request:
            self.audit_body = orjson.dumps(obj)

    @property
    def dry_run(self) -> bool:
        return bool(self.request.query.get("dryRun"))
