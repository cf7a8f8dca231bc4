"""The keys of one resource, each with the prefix that tells its values: the first one writes, all of them read."""

from collections.abc import Sequence
from dataclasses import dataclass

from kybern.apiserver.encryption.ciphers import KINDS, Cipher, Undecipherable
from kybern.apiserver.encryption.configuration import Provider, Rule

PLAIN_PREFIX = b""
ENCRYPTED_PREFIX = b"k8s:enc:"
"""No stored object begins so: all begin with a brace."""


@dataclass(frozen=True, slots=True)
class Slot:
    prefix: bytes
    cipher: Cipher | None
    """None: values are stored as they are."""


class Keyring:
    """Made of a resource's providers in their order."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._slots = [slot for provider in providers for slot in _slots(provider)]

    def seal(self, value: bytes, place: bytes) -> bytes:
        first = self._slots[0]
        return value if first.cipher is None else first.prefix + first.cipher.seal(value, place)

    def open(self, stored: bytes, place: bytes) -> tuple[bytes, bool]:
        """The value, and whether another key than the first one had sealed it. Raises Undecipherable.

        Two keys may have one prefix (a key changed under its name): each is tried.
        """
        fault = "no matching prefix found"
        for index, slot in enumerate(self._slots):
            if slot.cipher is None:
                if not stored.startswith(ENCRYPTED_PREFIX):
                    return stored, index > 0
            elif stored.startswith(slot.prefix):
                try:
                    return slot.cipher.open(stored[len(slot.prefix) :], place), index > 0
                except Undecipherable as failed:
                    fault = str(failed)
        raise Undecipherable(fault)


def _slots(provider: Provider) -> list[Slot]:
    if provider.kind == "identity":
        return [Slot(PLAIN_PREFIX, None)]
    cipher = KINDS[provider.kind]
    version = "v1"
    return [
        Slot(f"k8s:enc:{provider.kind}:{version}:{key.name}:".encode(), cipher(key.secret)) for key in provider.keys
    ]


PLAIN = Keyring((Provider("identity"),))
"""Of resources that no rule covers."""


class Keyrings:
    """By resource, made when one is asked for."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._made: dict[str, Keyring] = {}

    def of(self, group_resource: str) -> Keyring:
        keyring = self._made.get(group_resource)
        if keyring is None:
            covering = next((rule for rule in self._rules if rule.covers(group_resource)), None)
            keyring = self._made[group_resource] = PLAIN if covering is None else Keyring(covering.providers)
        return keyring
