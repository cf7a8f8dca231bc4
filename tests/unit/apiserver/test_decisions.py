"""The window of decisions."""

from typing import Any

import orjson
import pytest

from kybern.apiserver.call import Call
from kybern.apiserver.decisions import Decisions
from kybern.apiserver.request_info import request_info
from kybern.base.errors import BadRequest
from kybern.transport.exchange import Request

PATH = "/apis/kybern.dev/v1/decisions"


def ask(decisions: Decisions, method: str, path: str = PATH, body: Any = None, **query: str) -> Any:
    request = Request(
        method,
        path,
        {key: [value] for key, value in query.items()},
        {},
        b"" if body is None else orjson.dumps(body),
        "",
    )
    answer = decisions.answer(Call(request, request_info(request), 0))
    return orjson.loads(answer.body if isinstance(answer.body, bytes) else b"".join(answer.body))


def decided(subject: str, message: str = "m", **more: Any) -> dict[str, Any]:
    given = {"component": "c", "subject": subject, "verdict": "Waited", "reason": "R", "message": message, "time": 1.5}
    return {**given, **more}


def test_discovery_tells_of_them_once_there_are_any() -> None:
    decisions = Decisions(lambda: 9.0)
    assert not decisions.resources
    ask(decisions, "POST", body={"items": [decided("Node/n")]})
    assert [row.plural for row in decisions.resources] == ["decisions"]


def test_by_subject_and_namespace() -> None:
    decisions = Decisions(lambda: 9.0)
    ask(decisions, "POST", body={"items": [decided("Pod/a/p"), decided("Pod/b/q"), decided("Node/n")]})
    assert [item["subject"] for item in ask(decisions, "GET", subject="Pod/a/p")["items"]] == ["Pod/a/p"]
    listed = ask(decisions, "GET", "/apis/kybern.dev/v1/namespaces/b/decisions")
    assert [item["subject"] for item in listed["items"]] == ["Pod/b/q"]
    assert len(ask(decisions, "GET")["items"]) == 3


def test_repeats_are_counted_and_keep_their_newest_time() -> None:
    decisions = Decisions(lambda: 9.0)
    for time in (1.0, 2.0):
        ask(decisions, "POST", body={"items": [decided("Pod/a/p", time=time)]})
    (item,) = ask(decisions, "GET")["items"]
    assert (item["count"], item["time"]) == (2, 2.0)


def test_the_window_is_bounded() -> None:
    decisions = Decisions(lambda: 9.0, limit=3)
    ask(decisions, "POST", body={"items": [decided("Pod/a/p", str(number)) for number in range(10)]})
    assert [item["message"] for item in ask(decisions, "GET", subject="Pod/a/p")["items"]] == ["7", "8", "9"]


def test_what_is_no_decision_is_refused_whole() -> None:
    decisions = Decisions(lambda: 9.0)
    for body in ({}, [], {"items": [1]}, {"items": [decided("Pod/a/p"), {"component": "c"}]}):
        with pytest.raises(BadRequest):
            ask(decisions, "POST", body=body)
    assert ask(decisions, "GET")["items"] == []
