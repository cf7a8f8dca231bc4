"""What an access review's answer tells of selectors that cannot be read."""

import pytest

from kybern.apiserver.endpoints.review_selectors import evaluation_error

FIELD, LABEL = "spec.resourceAttributes.fieldSelector", "spec.resourceAttributes.labelSelector"
READ = {"key": "metadata.name", "operator": "In", "values": ["n"]}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, ""),
        ({"fieldSelector": {"requirements": [READ]}, "labelSelector": {"rawSelector": "a in (b,c)"}}, ""),
        ({"fieldSelector": {"requirements": [{**READ, "operator": "Exists"}]}}, f"{FIELD} ignored due to parse error"),
        (
            {"fieldSelector": {"requirements": [READ, {**READ, "values": ["n", "m"]}]}},
            f"{FIELD} partially ignored due to parse error",
        ),
        (
            {"fieldSelector": {"rawSelector": "no operator"}, "labelSelector": {"rawSelector": "a in"}},
            f"{FIELD} ignored due to parse error; {LABEL} ignored due to parse error",
        ),
        (
            {
                "labelSelector": {
                    "requirements": [{"key": "a", "operator": "Exists"}, {"key": "a", "operator": "Likes"}]
                }
            },
            f"{LABEL} partially ignored due to parse error",
        ),
    ],
)
def test_what_is_left_out_is_told(attributes, expected):
    assert evaluation_error({"resourceAttributes": attributes}) == expected
