"""The keys of one resource, each with the prefix that tells its values: the first one writes, all of them read."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from kybern.apiserver.encryption.ciphers import KINDS, Cipher, Undecipherable
from kybern.apiserver.encryption.configuration import Provider, Rule
from kybern.apiserver.encryption.kms_configuration import KmsEndpoint

PLAIN_PREFIX = b""
ENCRYPTED_PREFIX = b"k8s:enc:"
"""No stored object begins so: JSON begins with a brace, protobuf with `k8s` and a zero byte."""
PLAIN_MARK = ""
"""The mark of values that are stored as they are."""


@dataclass(frozen=True, slots=True)
class Slot:
    prefix: bytes
    cipher: Cipher | None
    """None: values are stored as they are."""

    def mark(self, key: str) -> str:
        """Names the slot and its key."""
        return f"{self.prefix.decode()}{key}"


class Keyring:
    """Made of a resource's providers in their order; `kms` has those that are plugins, by name."""

    def __init__(self, providers: Sequence[Provider], kms: Mapping[str, Cipher] = {}) -> None:
        self._slots = [slot for provider in providers for slot in _slots(provider, kms)]

    @property
    def mark(self) -> str:
        """Of what `seal` seals with now."""
        first = self._slots[0]
        return PLAIN_MARK if first.cipher is None else first.mark(first.cipher.mark)

    def seal(self, value: bytes, place: bytes) -> bytes:
        """Raises Unsealable."""
        first = self._slots[0]
        return value if first.cipher is None else first.prefix + first.cipher.seal(value, place)

    def open(self, stored: bytes, place: bytes) -> tuple[bytes, str]:
        """The value, and the mark of what had sealed it. Raises Undecipherable.

        Two keys may have one prefix (a key changed under its name): each is tried.
        """
        fault = "no matching prefix found"
        for slot in self._slots:
            if slot.cipher is None:
                if not stored.startswith(ENCRYPTED_PREFIX):
                    return stored, PLAIN_MARK
            elif stored.startswith(slot.prefix):
                try:
                    value, key = slot.cipher.open(stored[len(slot.prefix) :], place)
                except Undecipherable as failed:
                    fault = str(failed)
                else:
                    return value, slot.mark(key)
        raise Undecipherable(fault)

    def missing(self, stored: bytes) -> Awaitable[None] | None:
        """What has to be waited for before `open`; None: nothing. Raises Undecipherable."""
        for slot in self._slots:
            if slot.cipher is not None and stored.startswith(slot.prefix):
                return slot.cipher.missing(stored[len(slot.prefix) :])
        return None


def _slots(provider: Provider, kms: Mapping[str, Cipher]) -> list[Slot]:
    if provider.kind == "identity":
        return [Slot(PLAIN_PREFIX, None)]
    if provider.kms is not None:
        name = provider.kms.name
        return [Slot(f"k8s:enc:kms:v2:{name}:".encode(), kms[name])]
    cipher = KINDS[provider.kind]
    return [Slot(f"k8s:enc:{provider.kind}:v1:{key.name}:".encode(), cipher(key.secret)) for key in provider.keys]


PLAIN = Keyring((Provider("identity"),))
"""Of resources that no rule covers."""


class Keyrings:
    """By resource, made when one is asked for. `connect` makes the ciphers of plugins, once each."""

    def __init__(self, rules: Sequence[Rule], connect: Callable[[KmsEndpoint], Cipher] | None = None) -> None:
        self._rules = rules
        self._made: dict[str, Keyring] = {}
        endpoints = [provider.kms for rule in rules for provider in rule.providers if provider.kms is not None]
        assert connect is not None or not endpoints, "somebody has to connect plugins"
        self._kms = {endpoint.name: connect(endpoint) for endpoint in endpoints} if connect is not None else {}

    def of(self, group_resource: str) -> Keyring:
        """By the rules for the resource itself, else for its group, else for all."""
        keyring = self._made.get(group_resource)
        if keyring is None:
            group = group_resource.partition(".")[2]
            keyring = PLAIN
            for name in (group_resource, f"*.{group}", "*.*"):
                providers = [each for rule in self._rules if name in rule.resources for each in rule.providers]
                if providers:
                    keyring = Keyring(providers, self._kms)
                    break
            self._made[group_resource] = keyring
        return keyring
