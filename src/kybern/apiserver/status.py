"""HTTP codes and the `Status` form of errors: no other file knows them.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ and
k8s.io/apimachinery/pkg/api/errors for the words.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from kybern.api.patch.rfc6902 import PatchFailed
from kybern.api.resource import FieldError, Resource
from kybern.api.validation import causes, invalid_message
from kybern.api.validation.field import quote
from kybern.base import errors
from kybern.base.errors import StatusError
from kybern.storage.backend import StoreUnavailable
from kybern.transport.exchange import Response

CODES: Mapping[type[StatusError], int] = {
    errors.BadRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.NotAcceptable: 406,
    errors.AlreadyExists: 409,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.Expired: 410,
    errors.RequestEntityTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.Invalid: 422,
    errors.TooManyRequests: 429,
    errors.InternalError: 500,
    errors.ServerTimeout: 500,
    errors.ServiceUnavailable: 503,
    errors.Timeout: 504,
}

OK, CREATED, ACCEPTED = 200, 201, 202
TEXT = "text/plain; charset=utf-8"
NO_SNIFFING = ("X-Content-Type-Options", "nosniff")
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


class Unclassified(StatusError):
    """What failed behind this server and is no error of the API's: 500 without a reason."""

    reason = ""


class ContinueExpired(errors.Expired):
    """A continue token whose revision is gone; the Status carries one that goes on from now."""

    def __init__(self, token: str) -> None:
        super().__init__(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list "
            "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
            "the results. Continuing with the provided token results in an inconsistent list - objects that were "
            "created, modified, or deleted between the time the first chunk was returned and now may show up in the "
            "list."
        )
        self.token = token


class PageNotFound(errors.NotFound):
    """A path of custom resources that nothing serves: what stands behind their handler answers, and knows no Status."""

    def __init__(self) -> None:
        super().__init__("404 page not found")


class GivenStatus(errors.StatusError):
    """A Status that a webhook or a policy made, code and reason included."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given.get("message") or "", details=given.get("details"))
        self.status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            **{key: given[key] for key in ("status", "message", "reason", "details", "code") if given.get(key)},
        }

    @property
    def code(self) -> int:
        return int(self.status["code"])


def code_of(error: StatusError) -> int:
    """The HTTP code of an error."""
    if isinstance(error, GivenStatus):
        return error.code
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), 500)


def status_of(error: StatusError) -> dict[str, Any]:
    """The `metav1.Status` of an error."""
    if isinstance(error, GivenStatus):
        return error.status
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {"continue": error.token} if isinstance(error, ContinueExpired) else {},
        "status": "Failure",
        "message": error.message,
    }
    if error.reason:
        status["reason"] = error.reason
    if error.details or type(error) in _WITH_DETAILS:
        status["details"] = dict(error.details)
    return status | {"code": code_of(error)}


_WITH_DETAILS = (
    errors.NotFound, errors.Forbidden, errors.AccessDenied, errors.MethodNotAllowed, errors.NoRepresentation,
    errors.NoRoute, PatchFailed,
)  # fmt: skip
"""Upstream makes details for these even when there is nothing to tell."""


def failure(error: StatusError) -> Response:
    """The answer that tells of an error."""
    if isinstance(error, PageNotFound):
        return Response(404, f"{error.message}\n".encode(), TEXT)
    headers = [NO_SNIFFING] if isinstance(error, errors.AccessDenied) else []
    retry_after = error.details.get("retryAfterSeconds")
    if retry_after:
        headers.append(("Retry-After", str(retry_after)))
    return Response(code_of(error), orjson.dumps(status_of(error)), headers=headers)


def refuse(code: int, message: str) -> Response:
    """The answer to what the transport refuses before any stage sees it."""
    reason = next((kind.reason for kind, known in CODES.items() if known == code), "")
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    if reason:
        status["reason"] = reason
    return Response(code, orjson.dumps({**status, "code": code}))


def success(resource: Resource, name: str, uid: str) -> dict[str, Any]:
    """The `Status` that a completed deletion is answered with."""
    details = {**_about(resource, name), "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def not_found(resource: Resource, name: str) -> StatusError:
    """Nothing has the name; one that can be no part of a path is refused as such."""
    fault = invalid_name(name)
    if fault:
        return errors.BadRequest(f"Name parameter invalid: {quote(name)}: {fault}")
    return errors.NotFound(f'{resource.group_resource} "{name}" not found', details=_about(resource, name))


def invalid_name(name: str) -> str:
    """Why no object can have it, as it would be a part of a path; "" if one can."""
    if name in (".", ".."):
        return f"may not be '{name}'"
    return ";".join(f"may not contain '{mark}'" for mark in "/%" if mark in name)


def no_such_path() -> errors.NotFound:
    """A path that leads to nothing: upstream names no object here."""
    return errors.NotFound("the server could not find the requested resource")


def already_exists(resource: Resource, name: str, *, going: bool = False) -> errors.AlreadyExists:
    """`going`: what has the name is being deleted."""
    message = f'{resource.group_resource} "{name}" already exists'
    return errors.AlreadyExists(
        f"object is being deleted: {message}" if going else message, details=_about(resource, name)
    )


def conflict(resource: Resource, name: str, why: str = MODIFIED) -> errors.Conflict:
    message = f'Operation cannot be fulfilled on {resource.group_resource} "{name}": {why}'
    return errors.Conflict(message, details=_about(resource, name))


def forbidden(resource: Resource, name: str, why: str) -> errors.Forbidden:
    """An admission plugin's refusal."""
    subject = f'{resource.group_resource} "{name}"' if name else resource.group_resource
    return errors.Forbidden(f"{subject} is forbidden: {why}", details=_about(resource, name))


def method_not_allowed() -> errors.MethodNotAllowed:
    return errors.MethodNotAllowed("the server does not allow this method on the requested resource")


def unsupported_verb(resource: Resource, verb: str) -> errors.MethodNotAllowed:
    """Of what upstream's router leaves to others: custom resources."""
    message = f'{verb} is not supported on resources of kind "{resource.group_resource}"'
    return errors.MethodNotAllowed(message, details=_about(resource, ""))


def invalid(resource: Resource, name: str, faults: Sequence[FieldError], kind: str = "") -> errors.Invalid:
    """422 with one cause for each fault; of the group that the object is stored in, and the kind it says it is."""
    kind = kind or resource.kind
    group = resource.storage_version[0] if resource.storage_version else resource.group
    about = {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value}
    message = invalid_message(kind, group, name, faults)
    return errors.Invalid(message, details={**about, "causes": causes(faults)})


def too_large_revision(asked: int, current: int) -> errors.Timeout:
    """A resourceVersion that this server has not seen yet."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return errors.Timeout(message, details={"causes": [cause], "retryAfterSeconds": 1})


def internal_error(why: str) -> errors.InternalError:
    """A fault of this server, or one that upstream counts as such."""
    return errors.InternalError(f"Internal error occurred: {why}", details={"causes": [{"message": why}]})


def unavailable(why: StoreUnavailable) -> errors.ServiceUnavailable:
    """The store cannot write or read now; whoever is told can often help (a full disk)."""
    because = f": {why}" if str(why) else ""
    return errors.ServiceUnavailable(f"the store is unavailable{because}", details={"retryAfterSeconds": 1})


def _about(resource: Resource, name: str, kind: str = "") -> dict[str, Any]:
    details = {"name": name, "group": resource.group, "kind": kind or resource.plural}
    return {key: value for key, value in details.items() if value}
