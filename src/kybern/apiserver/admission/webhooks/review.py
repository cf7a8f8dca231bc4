"""AdmissionReview: the question that a webhook is asked, and its answer, checked. Pure but for the identifier.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kybern.api.resource import Object, Resource
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.request import admission_request

GROUP = "admission.k8s.io"
KIND = "AdmissionReview"
VERSIONS = ("v1", "v1beta1")
JSON_PATCH = "JSONPatch"


class Unacceptable(Exception):
    """An answer that is none."""


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
    """Raises Unacceptable."""
    try:
        review = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unacceptable(f"couldn't get version/kind; json parse error: {error}") from None
    response = review.get("response") if isinstance(review, dict) else None
    if not isinstance(response, dict):
        raise Unacceptable("webhook response was absent")
    if version == "v1":
        _check_identity(review, response, uid)
        _check_patch(response, mutating=mutating)
    return Verdict(
        bool(response.get("allowed")),
        response.get("status"),
        [str(each) for each in response.get("warnings") or ()],
        {str(key): str(value) for key, value in (response.get("auditAnnotations") or {}).items()},
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
    elif kind not in (None, JSON_PATCH):
        raise Unacceptable(f'unsupported patch type "{kind}"')


def _patch(response: Object) -> list[Any] | None:
    if not response.get("patch"):
        return None
    try:
        patch = orjson.loads(b64decode(response["patch"]))
    except (Base64Error, ValueError, TypeError) as error:
        raise Unacceptable(f"received undecodable patch in webhook response: {error}") from None
    if not isinstance(patch, list):
        raise Unacceptable("received undecodable patch in webhook response: not a list")
    return patch
