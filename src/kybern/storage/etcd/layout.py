"""Where in etcd a key lies."""

from typing import Protocol


class Layout(Protocol):
    """Keys that begin alike must do so in etcd too, in the same order."""

    @property
    def prefix(self) -> bytes:
        """How all keys in etcd begin."""
        ...

    def outer(self, key: str) -> bytes:
        """A key, or how keys begin, in etcd. Raises ValueError for what has no place there."""
        ...

    def inner(self, key: bytes) -> str:
        """The other direction."""
        ...


class Moved:
    """Keys that start with `strip` lie under `prefix` instead of it."""

    def __init__(self, prefix: str = "", strip: str = "") -> None:
        self.prefix = prefix.encode()
        self._strip = strip

    def outer(self, key: str) -> bytes:
        if not key.startswith(self._strip):
            raise ValueError(f"{key!r} lies outside {self._strip!r}")
        return self.prefix + key[len(self._strip) :].encode()

    def inner(self, key: bytes) -> str:
        return self._strip + key[len(self.prefix) :].decode()
