"""Environment variables of files."""

from pathlib import Path

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Container
from kybern.kubelet.config.downward import Node
from kybern.kubelet.config.env_file import BadEnvFile, parse_env_file, read_env_file
from kybern.kubelet.config.environment import ConfigError, Sources, container_environment, env_files

from .worlds import pod


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("A='1'", {"A": "1"}),
        ("# first\n\nA='1'\n  \nB='two words'\n# last", {"A": "1", "B": "two words"}),
        ("A='one\ntwo'\nB=''\n", {"A": "one\ntwo", "B": ""}),
        ("A='$HOME \"x\"'\nA='2'\n", {"A": "2"}),
    ],
)
def test_what_is_read(text: str, expected: dict[str, str]) -> None:
    assert parse_env_file(text) == expected


@pytest.mark.parametrize("text", ["A=1", 'A="1"', "A='1", "A = '1'", "A='1' B='2'", "export A='1'"])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(BadEnvFile):
        parse_env_file(f"OK='1'\n{text}\n")


def test_no_file_leaves_its_volume(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    (tmp_path / "secret").write_text("A='1'")
    (tmp_path / "v" / "link").symlink_to(tmp_path / "secret")
    assert read_env_file(tmp_path / "v", "none") is None
    with pytest.raises(BadEnvFile):
        read_env_file(tmp_path / "v", "link")


def reading(key: str, *, optional: bool = False) -> Container:
    reference = {"volumeName": "v", "path": "env", "key": key, "optional": optional}
    return convert({"name": "c", "env": [{"name": "X", "valueFrom": {"fileKeyRef": reference}}]}, Container)


def test_a_key_of_a_file() -> None:
    sources = Sources(files={("v", "env"): {"A": "1"}})
    made = container_environment(pod(), reading("A"), sources, Node("n"))
    assert made.variables == {"X": "1"}
    assert env_files(reading("A")) == {("v", "env")}
    assert container_environment(pod(), reading("B", optional=True), sources, Node("n")).variables == {}
    with pytest.raises(ConfigError, match="key B not found in file env in volume v"):
        container_environment(pod(), reading("B"), sources, Node("n"))
    with pytest.raises(ConfigError, match="file env in volume v not found"):
        container_environment(pod(), reading("A"), Sources(), Node("n"))
