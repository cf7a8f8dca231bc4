"""What a webhook is asked, and what of its answer is accepted."""

from base64 import b64encode
from typing import Any

import orjson
import pytest

from kybern.api.registry import find
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.request import admission_request
from kybern.apiserver.admission.webhooks.answer import Unreadable
from kybern.apiserver.admission.webhooks.calling import refusal
from kybern.apiserver.admission.webhooks.review import Unacceptable, UnusablePatch, verdict, version_of
from kybern.apiserver.decode import TYPE_META
from kybern.apiserver.status import code_of

MISTYPED = "json: cannot unmarshal {} into Go struct field {} of type {}"
UNDECODABLE = "received undecodable patch in webhook response: "

PATCH = b64encode(b'[{"op":"add","path":"/a","value":1}]').decode()


def answer(version: str = "v1", kind: str = "AdmissionReview", **response: Any) -> bytes:
    review = {"kind": kind, "apiVersion": f"admission.k8s.io/{version}", "response": {"uid": "1", **response}}
    return orjson.dumps(review)


def test_what_is_accepted() -> None:
    found = verdict(answer(allowed=True, patch=PATCH, patchType="JSONPatch", warnings=["w"]), "1", "v1", mutating=True)
    assert (found.allowed, found.warnings, found.patch) == (True, ["w"], [{"op": "add", "path": "/a", "value": 1}])
    older = verdict(orjson.dumps({"response": {"allowed": True, "patch": PATCH}}), "1", "v1beta1", mutating=True)
    assert older.patch == [{"op": "add", "path": "/a", "value": 1}]


@pytest.mark.parametrize(
    ("body", "mutating", "words"),
    [
        (b"{}", False, "webhook response was absent"),
        (answer(uid="2"), False, 'expected response.uid="1", got "2"'),
        (
            b'{"response":{"uid":"1"}}',
            False,
            "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=",
        ),
        (answer(patch=PATCH), False, "validating webhook may not return response.patch"),
        (answer(patchType="JSONPatch"), False, "validating webhook may not return response.patchType"),
        (answer(patch=PATCH), True, "webhook returned response.patch but not response.patchType"),
        (answer(patch=PATCH, patchType=""), True, 'webhook returned invalid response.patchType of ""'),
    ],
)
def test_what_is_not(body: bytes, mutating: bool, words: str) -> None:
    with pytest.raises(Unacceptable) as error:
        verdict(body, "1", "v1", mutating=mutating)
    assert str(error.value) == words


JSON = "couldn't get version/kind; json parse error: "


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "0-length response with status code: 200 and content type: application/json"),
        (b"{}{}", JSON + "invalid character '{' after top-level value"),
        (b"[]", JSON + f"json: cannot unmarshal array into Go value of type {TYPE_META}"),
        (
            answer(kind="Other"),
            'no kind "Other" is registered for version "admission.k8s.io/v1" in scheme '
            '"k8s.io/apiserver/pkg/util/webhook/client.go:71"',
        ),
        (
            answer(version="v1beta1"),
            "converting (v1beta1.AdmissionReview) to (v1.AdmissionReview): unknown conversion",
        ),
        (answer(allowed="yes"), MISTYPED.format("string", "AdmissionResponse.response.allowed", "bool")),
        (answer(allowed=1), MISTYPED.format("number", "AdmissionResponse.response.allowed", "bool")),
        (answer(status="no"), MISTYPED.format("string", "AdmissionResponse.response.status", "v1.Status")),
        (answer(status={"code": "403"}), MISTYPED.format("string", "Status.response.status.code", "int32")),
        (answer(warnings="w"), MISTYPED.format("string", "AdmissionResponse.response.warnings", "[]string")),
        (answer(warnings=[1]), MISTYPED.format("number", "AdmissionResponse.response.warnings", "string")),
        (
            answer(auditAnnotations={"a": {}}),
            MISTYPED.format("object", "AdmissionResponse.response.auditAnnotations", "string"),
        ),
        (answer(patchType=5), MISTYPED.format("number", "AdmissionResponse.response.patchType", "v1.PatchType")),
        (answer(patch="!"), "illegal base64 data at input byte 0"),
    ],
)
def test_what_cannot_be_read(body: bytes, words: str) -> None:
    with pytest.raises(Unreadable) as error:
        verdict(body, "1", "v1", mutating=True)
    assert str(error.value) == words


@pytest.mark.parametrize(
    ("patch", "kind", "words"),
    [
        (b"[]", "Full", 'unsupported patch type "Full"'),
        (b"{}", "Full", UNDECODABLE + "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
        (b"[5]", "JSONPatch", UNDECODABLE + "json: cannot unmarshal number into Go value of type jsonpatch.Operation"),
        (b"junk", "JSONPatch", UNDECODABLE + "invalid character 'j' looking for beginning of value"),
    ],
)
def test_patches_that_cannot_be_used(patch: bytes, kind: str, words: str) -> None:
    with pytest.raises(UnusablePatch) as error:
        verdict(answer(patch=b64encode(patch).decode(), patchType=kind), "1", "v1", mutating=True)
    assert str(error.value) == words


def test_a_patch_of_nothing_changes_nothing() -> None:
    body = answer(allowed=True, patch=b64encode(b"null").decode(), patchType="JSONPatch")
    assert verdict(body, "1", "v1", mutating=True).patch == []


def test_versions_of_reviews() -> None:
    assert version_of({"admissionReviewVersions": ["v7", "v1beta1", "v1"]}) == "v1beta1"
    with pytest.raises(Unacceptable):
        version_of({"admissionReviewVersions": ["v7"]})


@pytest.mark.parametrize(
    ("result", "code", "message"),
    [
        (None, 400, 'admission webhook "h" denied the request without explanation'),
        ({"message": "no"}, 400, 'admission webhook "h" denied the request: no'),
        ({"reason": "Because", "code": 200}, 400, 'admission webhook "h" denied the request: Because'),
        ({"message": "no", "code": 503, "status": "Success"}, 503, 'admission webhook "h" denied the request: no'),
        ({"message": "no", "code": 99999}, 400, 'admission webhook "h" denied the request: no'),
    ],
)
def test_refusals(result: dict[str, Any] | None, code: int, message: str) -> None:
    error = refusal("h", result)
    assert (code_of(error), error.message, error.status["status"]) == (code, message, "Failure")


def test_options_are_those_of_what_a_request_comes_to() -> None:
    resource = find("", "v1", "configmaps")
    assert resource is not None
    attributes = Attributes("CREATE", resource, "default", "m", options=lambda: {"fieldManager": "me"})
    shown = admission_request(attributes, resource, {}, None)
    assert shown["options"] == {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "me"}
    attributes.operation = "UPDATE"
    assert admission_request(attributes, resource, {}, {})["options"]["kind"] == "UpdateOptions"
