"""Who may use an image that is on the node."""

from pathlib import Path

from kybern.kubelet.pulled_images import PulledImages
from kybern.kubelet.runtime.views import Auth

ANN, BOB = Auth(username="ann", password="1"), Auth(username="bob", password="2")


def test_what_was_put_there_is_for_all(tmp_path: Path) -> None:
    assert PulledImages(tmp_path / "p").may_use("i", [])


def test_what_needed_a_credential_is_for_those_who_have_it(tmp_path: Path) -> None:
    images = PulledImages(tmp_path / "p")
    images.pulled("i", ANN)
    for each in (images, PulledImages(tmp_path / "p")):
        assert each.may_use("i", [BOB, ANN])
        assert not each.may_use("i", [BOB])
        assert not each.may_use("i", [])
    images.pulled("i", BOB)
    assert images.may_use("i", [BOB])
    assert "ann" not in (tmp_path / "p").read_text()


def test_what_the_registry_gives_to_all_is_for_all(tmp_path: Path) -> None:
    images = PulledImages(tmp_path / "p")
    images.pulled("i", ANN)
    images.pulled("i", None)
    assert images.may_use("i", [])


def test_a_broken_file_locks_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("{")
    assert PulledImages(tmp_path / "p").may_use("i", [])
