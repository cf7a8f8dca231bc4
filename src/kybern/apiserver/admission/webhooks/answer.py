"""A webhook's answer, read as Go reads it: a value of a wrong type is no answer, so `"allowed": "no"` allows nothing.

The words are those of upstream's decoder.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from kybern.api.resource import Object
from kybern.api.schema import faults, syntax
from kybern.api.schema.inspection import Mismatch, go_value, inspect
from kybern.apiserver.decode import not_an_object

GROUP = "admission.k8s.io"
KIND = "AdmissionReview"
VERSIONS = ("v1", "v1beta1")
_STATUS = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"
_SCHEME = "k8s.io/apiserver/pkg/util/webhook/client.go:71"
_CLASSES: Mapping[str, tuple[type, str]] = {
    "uid": (str, "types.UID"),
    "allowed": (bool, "bool"),
    "status": (dict, "v1.Status"),
    "patch": (str, "[]uint8"),
    "patchType": (str, "{}.PatchType"),
    "auditAnnotations": (dict, "map[string]string"),
    "warnings": (list, "[]string"),
}
"""Of the fields of a response: the class of its JSON, and its type in Go."""


class Unreadable(Exception):
    """What came is no AdmissionReview."""


def read(body: bytes, version: str) -> Object:
    """The review; what its response says is of the right types, its patch decoded to bytes. Raises Unreadable."""
    review = _document(body)
    if review is None:
        return {}
    if not isinstance(review, dict):
        raise Unreadable(not_an_object(review))
    _check_kind(review, version)
    response = review.get("response")
    if response is None:
        return review
    if not isinstance(response, dict):
        raise _mismatch(response, f"{KIND}.response", f"{version}.AdmissionResponse")
    return {**review, "response": _response(response, version)}


def _document(body: bytes) -> Any:
    if not body:
        raise Unreadable("0-length response with status code: 200 and content type: application/json")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        fault = syntax.fault(body) or str(error)
        raise Unreadable(f"couldn't get version/kind; json parse error: {fault}") from None


def _check_kind(review: Object, version: str) -> None:
    """What names neither is taken for what was asked for."""
    told, kind = review.get("apiVersion") or f"{GROUP}/{version}", review.get("kind") or KIND
    if kind != KIND or told not in [f"{GROUP}/{each}" for each in VERSIONS]:
        raise Unreadable(f'no kind "{kind}" is registered for version "{told}" in scheme "{_SCHEME}"')
    if told != f"{GROUP}/{version}":
        came = f"{told.removeprefix(f'{GROUP}/')}.{KIND}"
        raise Unreadable(f"converting ({came}) to ({version}.{KIND}): unknown conversion")


def _response(response: Object, version: str) -> Object:
    made: Object = {}
    for key, value in response.items():
        if value is None or key not in _CLASSES:
            continue
        wanted, go_type = _CLASSES[key]
        place = f"AdmissionResponse.response.{key}"
        if not isinstance(value, wanted):
            raise _mismatch(value, place, go_type.format(version))
        made[key] = value
        for each in _texts(key, value):
            if each is not None and not isinstance(each, str):
                raise _mismatch(each, place, "string")
    if made.get("status"):
        try:
            made["status"] = inspect(_STATUS, made["status"], "response.status")[0]
        except Mismatch as mismatch:
            raise Unreadable(str(mismatch)) from None
    if made.get("patch"):
        try:
            made["patch"] = b64decode(made["patch"].replace("\r", "").replace("\n", ""), validate=True)
        except (Base64Error, ValueError):
            raise Unreadable(faults.base64(made["patch"])) from None
    return made


def _texts(key: str, value: Any) -> Iterable[Any]:
    """Whatever must be texts in a field."""
    if key == "auditAnnotations":
        return list(value.values())
    return value if key == "warnings" else ()


def _mismatch(value: Any, place: str, go_type: str) -> Unreadable:
    return Unreadable(f"json: cannot unmarshal {go_value(value)} into Go struct field {place} of type {go_type}")
