from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.structural.correlation import Correlation
from kybern.api.structural.schema import Schema


class Rules:
    def __init__(self, schema: Schema) -> None:
        self.is_empty = True

    def validate(self, new: Object, old: Object | None, correlation: Correlation | None) -> Iterator[FieldError]:
        yield from ()
