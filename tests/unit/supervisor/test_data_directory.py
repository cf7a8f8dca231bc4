"""Where a cluster may be kept, and what `down --purge` may delete."""

import os
from pathlib import Path

import pytest

from kybern.supervisor import data_directory
from kybern.supervisor.data_directory import BadDataDirectory, is_foreign, refuse

FOREIGN: dict[str, tuple[list[str], bool]] = {
    "nothing": ([], False),
    "a fresh disk": (["lost+found/x"], False),
    "a cluster": (["log/supervisor.log", "pki/ca.crt", "store.sqlite"], False),
    "an API server that ran alone": (["pki/ca.crt", "store.sqlite"], False),
    "a cluster that ended before its first word": (["log/x"], False),
    "somebody's home": ([".profile"], True),
    "the system's logs": (["log/messages", "lib/x"], True),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_foreign(tmp_path: Path, name: str) -> None:
    files, foreign = FOREIGN[name]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert is_foreign(tmp_path) == foreign
    if foreign:
        with pytest.raises(BadDataDirectory, match=f"{tmp_path} is not empty, and no cluster's; name another one"):
            refuse(tmp_path)
    else:
        refuse(tmp_path)
    assert {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()} == set(files)


def test_a_directory_is_made(tmp_path: Path) -> None:
    refuse(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("below", ["file", "file/below"])
def test_a_file_is_no_directory(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadDataDirectory, match=r"file(/below)? is no directory; name another one with --data-dir"):
        refuse(tmp_path / below)


def test_what_cannot_be_written_to() -> None:
    with pytest.raises(BadDataDirectory, match=r"/proc/kybern cannot be written to: .*; name another one"):
        refuse(Path("/proc/kybern"))


def test_a_full_disk_takes_no_new_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.statvfs(tmp_path)
    monkeypatch.setattr(data_directory, "LEAST_FREE_BYTES", status.f_frsize * status.f_blocks + 1)
    with pytest.raises(BadDataDirectory, match=r"MiB free, and a cluster needs \d+; make room, or name another one"):
        refuse(tmp_path)
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki" / "ca.crt").touch()
    refuse(tmp_path)
    monkeypatch.setattr(data_directory, "LEAST_FREE_TO_GO_ON_BYTES", status.f_frsize * status.f_blocks + 1)
    with pytest.raises(BadDataDirectory, match=r"MiB free, and a cluster needs \d+; make room$"):
        refuse(tmp_path)
