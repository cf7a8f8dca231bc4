"""What servers that decide may answer."""

from typing import Any

import pytest

from kybern.apiserver.authentication.remote import RemoteError, review_status

ACCESS = "io.k8s.api.authorization.v1.SubjectAccessReviewStatus"


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (None, {}),
        ({}, {}),
        ({"status": None}, {}),
        ({"status": {"allowed": True, "more": 1}}, {"allowed": True}),
    ],
)
def test_reviews_tell_their_status(answered: Any, expected: dict[str, Any]) -> None:
    assert review_status(answered, ACCESS) == expected


@pytest.mark.parametrize(
    ("answered", "why"),
    [
        ([], "the answer is no review"),
        ({"status": "yes"}, "the answer is no review"),
        (
            {"status": {"allowed": "false"}},
            "json: cannot unmarshal string into Go struct field SubjectAccessReviewStatus.status.allowed of type bool",
        ),
        (
            {"status": {"allowed": True, "denied": 1}},
            "json: cannot unmarshal number into Go struct field SubjectAccessReviewStatus.status.denied of type bool",
        ),
    ],
)
def test_values_of_wrong_types_let_nobody_in(answered: Any, why: str) -> None:
    with pytest.raises(RemoteError) as error:
        review_status(answered, ACCESS)
    assert str(error.value) == why
