"""Which images go when the disk fills up."""

import pytest

from kybern.kubelet.image_collection import Disk, Seen, bytes_to_free, choose_images
from kybern.kubelet.runtime.views import Image


def image(name: str, size: int = 10, *, pinned: bool = False, digest: bool = True) -> Image:
    return Image(name, (f"{name}:1",), (f"{name}@sha256:1",) if digest else (), size, None, "", pinned)


@pytest.mark.parametrize(
    ("available", "high", "low", "expected"),
    [(20, 85, 80, 0), (15, 85, 80, 5), (0, 85, 80, 20), (0, 100, 80, 0)],
)
def test_how_much(available: int, high: int, low: int, expected: int) -> None:
    assert bytes_to_free(Disk(100, available), high, low) == expected


def check(expected: list[str], images: list[Image], used: set[str], amount: int) -> None:
    seen = {each.id: Seen(0.0, float(place)) for place, each in enumerate(images)}
    assert [each.id for each in choose_images(images, used, seen, amount, oldest=1.0)] == expected


def test_the_longest_unused_goes_first_and_no_more_than_needed() -> None:
    check(["a", "b"], [image("a"), image("b"), image("c")], set(), 15)


def test_what_is_used_pinned_or_from_no_registry_stays() -> None:
    images = [image("used"), image("pinned", pinned=True), image("imported", digest=False), image("free")]
    check(["free"], images, {"used"}, 1000)


def test_a_new_image_has_its_time() -> None:
    seen = {"new": Seen(5.0, 0.0)}
    assert choose_images([image("new")], set(), seen, 10, oldest=1.0) == []
