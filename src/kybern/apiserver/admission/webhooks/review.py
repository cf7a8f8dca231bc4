"""AdmissionReview: the question that a webhook is asked, and its answer, checked. Pure but for the identifier.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kybern.api.patch.rfc6902 import mistyped
from kybern.api.resource import Object, Resource
from kybern.api.schema import syntax
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.request import admission_request
from kybern.apiserver.admission.webhooks.answer import GROUP, KIND, VERSIONS, read

JSON_PATCH = "JSONPatch"


class Unacceptable(Exception):
    """An answer that is none."""


class UnusablePatch(Exception):
    """The answer's patch is none."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a webhook said."""

    allowed: bool
    result: Object | None
    warnings: list[str]
    annotations: Mapping[str, str]
    patch: list[Any] | None


def version_of(spec: Object) -> str:
    """The first version of the review that both sides know. Raises Unacceptable."""
    for version in spec.get("admissionReviewVersions") or ():
        if version in VERSIONS:
            return str(version)
    raise Unacceptable("webhook does not accept known AdmissionReview versions (v1, v1beta1)")


def question(
    uid: str, version: str, attributes: Attributes, wanted: Resource, obj: Object | None, old: Object | None
) -> bytes:
    """The body to send; `obj` and `old` are in the version that is wanted."""
    request = {"uid": uid, **admission_request(attributes, wanted, obj, old), "object": obj, "oldObject": old}
    return orjson.dumps({"kind": KIND, "apiVersion": f"{GROUP}/{version}", "request": request})


def verdict(body: bytes, uid: str, version: str, *, mutating: bool) -> Verdict:
    """Raises Unreadable, Unacceptable."""
    review = read(body, version)
    response = review.get("response")
    if response is None:
        raise Unacceptable("webhook response was absent")
    if version == "v1":
        _check_identity(review, response, uid)
        _check_patch(response, mutating=mutating)
    return Verdict(
        response.get("allowed", False),
        response.get("status"),
        [each or "" for each in response.get("warnings", ())],
        {key: value or "" for key, value in response.get("auditAnnotations", {}).items()},
        _patch(response) if mutating else None,
    )


def _check_identity(review: Object, response: Object, uid: str) -> None:
    if response.get("uid") != uid:
        raise Unacceptable(f'expected response.uid="{uid}", got "{response.get("uid") or ""}"')
    found = f"{review.get('apiVersion') or '/'}, Kind={review.get('kind') or ''}"
    if found != f"{GROUP}/v1, Kind={KIND}":
        raise Unacceptable(f"expected webhook response of {GROUP}/v1, Kind={KIND}, got {found}")


def _check_patch(response: Object, *, mutating: bool) -> None:
    patch, kind = response.get("patch"), response.get("patchType")
    if not mutating:
        for key, value in (("patch", patch or None), ("patchType", kind)):
            if value is not None:
                raise Unacceptable(f"validating webhook may not return response.{key}")
    elif patch and kind is None:
        raise Unacceptable("webhook returned response.patch but not response.patchType")
    elif not patch and kind is not None:
        raise Unacceptable("webhook returned response.patchType but not response.patch")
    elif kind == "":
        raise Unacceptable('webhook returned invalid response.patchType of ""')


def _patch(response: Object) -> list[Any] | None:
    """Raises UnusablePatch."""
    written = response.get("patch")
    if not written:
        return None
    patch: Any = None
    try:
        patch = orjson.loads(written)
        fault = mistyped(patch, "jsonpatch.Patch", "jsonpatch.Operation")
    except orjson.JSONDecodeError as error:
        fault = syntax.fault(written) or str(error)
    if fault:
        raise UnusablePatch(f"received undecodable patch in webhook response: {fault}")
    if (kind := response.get("patchType", JSON_PATCH)) != JSON_PATCH:
        raise UnusablePatch(f'unsupported patch type "{kind}"')
    return patch or []
