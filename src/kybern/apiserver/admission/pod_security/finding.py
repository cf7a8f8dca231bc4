"""What a check finds, in words; and the containers it looks at."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from kybern.api.resource import Object


class Finding(NamedTuple):
    """Why a Pod does not conform: in short, and about this Pod."""

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})"


Check = Callable[[Object, Object], Finding | None]
"""(metadata, spec) -> None where the Pod conforms."""


def containers(spec: Object) -> Iterator[Object]:
    """All containers, in the order in which they are named in messages."""
    for key in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(key) or ()


def security(holder: Object) -> Object:
    """The securityContext of a Pod's spec or a container."""
    found: Object = holder.get("securityContext") or {}
    return found


def names(bad: Iterable[Object]) -> list[str]:
    return [container.get("name") or "" for container in bad]


def quoted(values: Iterable[str]) -> str:
    return ", ".join(f'"{value}"' for value in values)


def plural(word: str, items: Sequence[str] | set[str]) -> str:
    return word if len(items) == 1 else f"{word}s"


def use(items: Sequence[str]) -> str:
    return "uses" if len(items) == 1 else "use"


def named(bad: Sequence[str]) -> str:
    """`container "c"`, `containers "a", "b"`."""
    return f"{plural('container', bad)} {quoted(bad)}"


def setters(pod: bool, bad: Sequence[str]) -> str:
    """`pod and container "c"`."""
    return " and ".join([*(["pod"] if pod else []), *([named(bad)] if bad else [])])


def is_windows(spec: Object) -> bool:
    return (spec.get("os") or {}).get("name") == "windows"


def has_own_users(spec: Object) -> bool:
    """A Pod in a user namespace: its root is nobody outside."""
    return spec.get("hostUsers") is False
