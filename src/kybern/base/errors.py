"""One exception tree.

The reasons are Kubernetes' `metav1.StatusReason`; which HTTP code each has is known to `apiserver/status.py` alone.
Clients tell errors apart by class, never by code or by message.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class KybernError(Exception):
    """Everything that Kybern raises on purpose."""


class StatusError(KybernError):
    """An answer of the API that is no success: what a `metav1.Status` says.

    `details` has the fields of `metav1.StatusDetails` (name, group, kind, uid, causes, retryAfterSeconds) in JSON form.
    """

    reason: ClassVar[str] = "InternalError"

    def __init__(self, message: str, *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = details or {}

    @property
    def causes(self) -> Sequence[Mapping[str, str]]:
        """The single faults: each a mapping with `reason`, `message` and `field`."""
        causes: Sequence[Mapping[str, str]] = self.details.get("causes", ())
        return causes


class BadRequest(StatusError):
    reason = "BadRequest"


class Unauthorized(StatusError):
    reason = "Unauthorized"


class Forbidden(StatusError):
    reason = "Forbidden"


class AccessDenied(Forbidden):
    """The authorizer's refusal, which comes before anybody looks at what was asked for."""


class NotFound(StatusError):
    reason = "NotFound"


class AlreadyExists(StatusError):
    reason = "AlreadyExists"


class Conflict(StatusError):
    reason = "Conflict"


class Invalid(StatusError):
    reason = "Invalid"


class Gone(StatusError):
    reason = "Gone"


class Expired(StatusError):
    """A resourceVersion or a continue token that history no longer holds."""

    reason = "Expired"


class TooManyRequests(StatusError):
    reason = "TooManyRequests"


class MethodNotAllowed(StatusError):
    reason = "MethodNotAllowed"


class NotAcceptable(StatusError):
    reason = "NotAcceptable"


class UnsupportedMediaType(StatusError):
    reason = "UnsupportedMediaType"


class NoRepresentation(NotAcceptable):
    """An answer in an encoding that no route makes; upstream's router says so in its own words."""


class NoRoute(UnsupportedMediaType):
    """A body that no route of a built-in kind takes; upstream's router says so in its own words."""


class RequestEntityTooLarge(StatusError):
    reason = "RequestEntityTooLarge"


class ServerTimeout(StatusError):
    reason = "ServerTimeout"


class Timeout(StatusError):
    reason = "Timeout"


class ServiceUnavailable(StatusError):
    reason = "ServiceUnavailable"


class InternalError(StatusError):
    reason = "InternalError"


class Unclassified(InternalError):
    """What upstream passes on as it came: 500, the message alone, no reason."""

    reason = ""


BY_REASON: Mapping[str, type[StatusError]] = {kind.reason: kind for kind in StatusError.__subclasses__()}


class Unreachable(KybernError):
    """The other side could not be reached or the connection broke: nothing is known of what it did."""
