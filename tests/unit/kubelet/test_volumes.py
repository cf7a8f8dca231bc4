"""Volumes made of files, and the ways to leave them that must be shut."""

import os
from pathlib import Path
from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import ConfigMap, HostPathVolumeSource, Pod, Secret, Volume
from kybern.kubelet.config.downward import Node
from kybern.kubelet.volumes import atomic_writer
from kybern.kubelet.volumes.host_path import check_host_path
from kybern.kubelet.volumes.payload import File, Objects, VolumeError, tokens_of, volume_payload

OBJECTS = Objects(
    config_maps={"cm": convert({"data": {"a": "1", "b": "2"}, "binaryData": {"c": "AP8="}}, ConfigMap)},
    secrets={"s": convert({"data": {"password": "aHVudGVyMg=="}}, Secret)},
    tokens={("", 3607): "token"},
)
TOKEN = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}


def payload(**volume: Any) -> dict[str, tuple[bytes, int]]:
    pod = convert({"metadata": {"name": "p", "labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}}, Pod)
    files = volume_payload(pod, convert({"name": "v", **volume}, Volume), OBJECTS, Node("n1"))
    assert files is not None
    return {path: (file.content, file.mode) for path, file in files.items()}


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"configMap": {"name": "cm"}}, {"a": (b"1", 0o644), "b": (b"2", 0o644), "c": (b"\x00\xff", 0o644)}),
        (
            {"configMap": {"name": "cm", "defaultMode": 0o600, "items": [{"key": "a", "path": "x/y", "mode": 0o400}]}},
            {"x/y": (b"1", 0o400)},
        ),
        ({"configMap": {"name": "none", "optional": True}}, {}),
        ({"secret": {"secretName": "s", "defaultMode": 0o400}}, {"password": (b"hunter2", 0o400)}),
        (
            {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {"labels": (b'app="web"', 0o644)},
        ),
        (
            {"projected": {"sources": [TOKEN, {"configMap": {"name": "cm", "items": [{"key": "a", "path": "ca"}]}}]}},
            {"token": (b"token", 0o644), "ca": (b"1", 0o644)},
        ),
    ],
)
def test_payload(volume: dict[str, Any], expected: dict[str, tuple[bytes, int]]) -> None:
    assert payload(**volume) == expected


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        ({"configMap": {"name": "cm", "items": [{"key": "z", "path": "z"}]}}, "non-existent config key: z"),
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        ({"projected": {"sources": [{"serviceAccountToken": {"path": "t", "audience": "x"}}]}}, "no token yet"),
    ],
)
def test_what_cannot_be_set_up(volume: dict[str, Any], message: str) -> None:
    with pytest.raises(VolumeError, match=message):
        payload(**volume)


def test_tokens_that_a_volume_asks_for() -> None:
    assert tokens_of(convert({"name": "v", "projected": {"sources": [TOKEN]}}, Volume)) == [("", 3607)]
    assert tokens_of(convert({"name": "v", "emptyDir": {}}, Volume)) == []


def shown(directory: Path) -> dict[str, str]:
    visible = [path for path in directory.iterdir() if not path.name.startswith("..")]
    files = {}
    for path in visible:
        for each in [path] if path.is_file() else path.rglob("*"):
            files[str(each.relative_to(directory))] = each.read_text()
    return files


def test_an_update_swaps_everything_at_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert atomic_writer.write(tmp_path, {"a": File(b"1", 0o644), "d/e": File(b"2", 0o400)})
    before = os.readlink(tmp_path / "..data")
    assert shown(tmp_path) == {"a": "1", "d/e": "2"}
    assert (tmp_path / "d" / "e").stat().st_mode & 0o777 == 0o400
    assert atomic_writer.write(tmp_path, {"a": File(b"3", 0o644), "f": File(b"4", 0o644)})
    assert shown(tmp_path) == {"a": "3", "f": "4"}
    assert not (tmp_path / before).exists()


def test_what_has_not_changed_is_left_alone(tmp_path: Path) -> None:
    files = {"a": File(b"1", 0o644)}
    atomic_writer.write(tmp_path, files)
    before = os.readlink(tmp_path / "..data")
    assert not atomic_writer.write(tmp_path, files)
    assert os.readlink(tmp_path / "..data") == before


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "..x", ""])
def test_no_file_leaves_the_volume(tmp_path: Path, path: str) -> None:
    with pytest.raises(VolumeError):
        atomic_writer.write(tmp_path / "v", {path: File(b"", 0o644)})


@pytest.mark.parametrize(
    ("kind", "name", "fits"),
    [
        ("", "nothing", True),
        ("Directory", "dir", True),
        ("Directory", "file", False),
        ("Directory", "nothing", False),
        ("DirectoryOrCreate", "new/deep", True),
        ("File", "file", True),
        ("File", "dir", False),
        ("FileOrCreate", "new-file", True),
        ("FileOrCreate", "no/parent", False),
        ("Socket", "file", False),
        ("Nonsense", "file", False),
    ],
)
def test_host_paths_are_what_they_are_said_to_be(tmp_path: Path, kind: str, name: str, fits: bool) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").touch()
    source = HostPathVolumeSource(path=str(tmp_path / name), type=kind)
    if fits:
        assert check_host_path(source) == source.path
    else:
        with pytest.raises(VolumeError):
            check_host_path(source)
