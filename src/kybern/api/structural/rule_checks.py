from collections.abc import Iterator

from kybern.api.resource import FieldError
from kybern.api.structural.schema import Schema


def check_rules(schema: Schema, path: str, strict: object, version: str) -> Iterator[FieldError]:
    yield from ()
