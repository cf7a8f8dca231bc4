"""Paths in volumes: relative, and no way out of them."""

from collections.abc import Iterator

from kybern.api.resource import FieldError
from kybern.api.validation.field import invalid


def no_backsteps(text: str, path: str) -> Iterator[FieldError]:
    if ".." in text.split("/"):
        yield invalid(path, text, "must not contain '..'")


def descending(text: str, path: str) -> Iterator[FieldError]:
    if text.startswith("/"):
        yield invalid(path, text, "must be a relative path")
    yield from no_backsteps(text, path)


def not_reserved(text: str, path: str) -> Iterator[FieldError]:
    """`..data` and the like belong to the kubelet."""
    yield from descending(text, path)
    if text.startswith("..") and not text.startswith("../"):
        yield invalid(path, text, "must not start with '..'")
