"""KubeSchedulerConfiguration in, knobs out."""

from typing import Any

import pytest

from kybern.scheduler.config import Profile, Weights
from kybern.scheduler.config_file import API_VERSION, ConfigError, parse

HEAD = {"apiVersion": API_VERSION, "kind": "KubeSchedulerConfiguration"}


def check(document: dict[str, Any], expected: tuple[Profile, ...]) -> None:
    assert parse(HEAD | document).profiles == expected


def test_profiles() -> None:
    check({}, (Profile(),))
    score = {"disabled": [{"name": "*"}], "enabled": [{"name": "ImageLocality", "weight": 4}]}
    only_images = Weights(0, 0, 0, 0, 0, 0, 4)
    check({"profiles": [{"schedulerName": "x", "plugins": {"score": score}}]}, (Profile("x", only_images),))


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "Pod"},
        {"profiles": [{}, {}]},
        {"profiles": [{"plugins": {"score": {"enabled": [{"name": "Mine"}]}}}]},
    ],
)
def test_mistakes(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        parse(HEAD | document)
