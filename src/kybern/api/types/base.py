"""What the generated structs are built on. They import nothing else of the package."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")


class ApiStruct(Struct, kw_only=True, omit_defaults=True):
    """A part of an API object. Empty optional fields are not encoded, required ones always are: msgspec omits a value
    that equals a plain default or an empty list or dict made by that type itself, but nothing another factory made.
    """


def renaming(irregular: Mapping[str, str]) -> Callable[[str], str]:
    """Python field name -> wire name: camel case, but for `irregular`."""

    def wire_name(name: str) -> str:
        known = irregular.get(name)
        if known is not None:
            return known
        first, *rest = name.rstrip("_").split("_")
        return first + "".join(part.capitalize() for part in rest)

    return wire_name


def filled(kind: Callable[[], T]) -> Callable[[], T]:
    """A factory for required lists and maps, which are encoded even when empty."""
    return lambda: kind()
