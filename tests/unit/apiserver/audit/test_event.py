"""One audit event as a line of JSON."""

from typing import Any

import orjson
import pytest

from kybern.apiserver.audit.event import line, moment
from kybern.apiserver.audit.policy import REQUEST_RECEIVED, RESPONSE_COMPLETE, Verdict
from kybern.apiserver.call import Call
from kybern.apiserver.request_info import request_info
from kybern.apiserver.user import User, authenticated
from kybern.transport.exchange import Request, Response

ODD = 'quote " backslash \\ line\nend ü \u2028 \x00'
CREATED = {"metadata": {"name": "n", "managedFields": [{"manager": "m"}]}, "kind": "Pod"}


def call(path: str = "/api/v1/namespaces/default/pods", **headers: str) -> Call:
    request = Request("POST", path, {}, headers, b"", "[::1]:4711", path, "dryRun=All")
    made = Call(request, request_info(request), 0.0)
    made.user, made.authenticated = authenticated("jane", ("dev",), "u-1", {"k": ("v",)}), True
    made.audit_id, made.audit_received = "id", moment(1.000002)
    return made


def event(of: Call, verdict: Verdict, answer: Response | None = None) -> Any:
    stage = REQUEST_RECEIVED if answer is None else RESPONSE_COMPLETE
    told = line(of, verdict, stage, moment(3.5), answer)
    assert told.index(b"\n") == len(told) - 1  # One line.
    return orjson.loads(told)


def test_all_of_it_in_upstreams_order() -> None:
    made = call(**{"user-agent": "kubectl/1", "x-forwarded-for": "10.0.0.1, 10.0.0.2", "x-real-ip": "10.0.0.3"})
    made.impersonator, made.user = made.user, User("root", ("admins",))
    made.audit_named = {"name": "n", "uid": "u", "resourceVersion": "7"}
    made.audit_body = b'{"kind":"Pod"}'
    made.audit_annotations["authorization.k8s.io/decision"] = "allow"
    found = event(made, Verdict("RequestResponse"), Response(201, orjson.dumps(CREATED)))
    assert list(found.items()) == list(
        {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "RequestResponse",
            "auditID": "id",
            "stage": "ResponseComplete",
            "requestURI": "/api/v1/namespaces/default/pods?dryRun=All",
            "verb": "create",
            "user": {
                "username": "jane",
                "uid": "u-1",
                "groups": ["dev", "system:authenticated"],
                "extra": {"k": ["v"]},
            },
            "sourceIPs": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "::1"],
            "userAgent": "kubectl/1",
            "impersonatedUser": {"username": "root", "groups": ["admins"]},
            "objectRef": {
                "resource": "pods",
                "namespace": "default",
                "name": "n",
                "uid": "u",
                "apiVersion": "v1",
                "resourceVersion": "7",
            },
            "responseStatus": {"metadata": {}, "code": 201},
            "requestObject": {"kind": "Pod"},
            "responseObject": CREATED,
            "requestReceivedTimestamp": "1970-01-01T00:00:01.000002Z",
            "stageTimestamp": "1970-01-01T00:00:03.500000Z",
            "annotations": {"authorization.k8s.io/decision": "allow"},
        }.items()
    )


def test_both_events_of_a_request_begin_alike() -> None:
    made = call(**{"user-agent": "a"})
    received = event(made, Verdict("Metadata"))
    complete = event(made, Verdict("Metadata"), Response(200, b"{}"))
    assert received["stage"] == "RequestReceived"
    assert "responseStatus" not in received
    later = ("stage", "stageTimestamp", "responseStatus")
    assert received == {key: value for key, value in complete.items() if key not in later} | {
        key: received[key] for key in later if key in received
    }


@pytest.mark.parametrize("text", [ODD, "", '"}'])
def test_whatever_a_client_sends_stays_in_its_place(text: str) -> None:
    made = call(f"/api/v1/namespaces/{text}/pods", **{"user-agent": text, "x-real-ip": text})
    made.audit_id, made.user = text, User(text, (text,))
    made.audit_annotations[text] = text
    found = event(made, Verdict("Metadata"), Response(200, b"{}"))
    assert (found["userAgent"], found["auditID"], found["user"]["username"]) == (text, text, text)
    assert found["requestURI"] == f"/api/v1/namespaces/{text}/pods?dryRun=All"
    assert found["annotations"] == {text: text}
    assert found["stage"] == "ResponseComplete"


@pytest.mark.parametrize(
    "body", [orjson.dumps(CREATED), (b'{"metadata":', b'{"name":"n","managedFields":[{"manager":"m"}]},"kind":"Pod"}')]
)
def test_managed_fields_are_left_out_where_the_policy_says_so(body: bytes | tuple[bytes, bytes]) -> None:
    made = call()
    made.audit_body = orjson.dumps(CREATED)
    told = event(made, Verdict("RequestResponse"), Response(201, body))
    assert told["requestObject"] == told["responseObject"] == CREATED
    less = event(made, Verdict("RequestResponse", omit_managed_fields=True), Response(201, body))
    assert less["requestObject"] == less["responseObject"] == {"metadata": {"name": "n"}, "kind": "Pod"}


@pytest.mark.parametrize(
    ("body", "expected"), [(b'{\n  "kind": "Pod"\n}\n', {"kind": "Pod"}), (b"no object", None), (b"", None)]
)
def test_bodies_that_were_not_made_here_are_read_first(body: bytes, expected: Any) -> None:
    found = event(call(), Verdict("RequestResponse"), Response(200, body))
    assert found.get("responseObject") == expected


def test_a_refusal_is_told_with_its_status() -> None:
    body = b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","reason":"Forbidden","code":0}'
    found = event(call(), Verdict("Metadata"), Response(403, body))
    assert found["responseStatus"] == {"metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403}
