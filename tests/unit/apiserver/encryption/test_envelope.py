"""What a plugin's key guards: keys out of seeds, and the message that the store keeps. Bytes worked out by hand."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kybern.apiserver.encryption import envelope
from kybern.apiserver.encryption.ciphers import Undecipherable, Unsealable
from kybern.apiserver.encryption.data_keys import PlainKey, SeedKey
from kybern.apiserver.encryption.envelope import KEY, SEED, Source

PLACE = b"/registry/secrets/default/a"
SEED_BYTES = bytes(range(32))
SOURCE = Source(SEED, "kek", b"sealed seed", {"a.example.com": b"1"})


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2, len(data)]) + data


def test_the_stored_message() -> None:
    entry = _field(1, b"a.example.com") + _field(2, b"1")
    message = _field(1, b"data") + _field(2, b"kek") + _field(3, b"sealed seed") + _field(4, entry) + b"\x28\x01"
    assert envelope.encode(SOURCE, b"data") == message
    assert envelope.decode(message) == (SOURCE, b"data")


def test_a_seed_derives_a_key_for_each_value() -> None:
    """RFC 5869: the first block of the expansion is HMAC(seed, info, 1)."""
    info, nonce = b"i" * 32, b"n" * 12
    derived = hmac.new(SEED_BYTES, info + b"\x01", hashlib.sha256).digest()
    sealed = info + nonce + AESGCM(derived).encrypt(nonce, b"{}", PLACE)
    key = SeedKey(SEED_BYTES)
    assert key.open(sealed, PLACE) == b"{}"
    assert key.open(key.seal(b"{}", PLACE), PLACE) == b"{}"
    assert len({key.seal(b"{}", PLACE)[:32] for _ in range(10)}) == 10
    for spoilt, place in (
        (sealed[:-1], PLACE),
        (sealed[:20], PLACE),
        (sealed, b"elsewhere"),
        (b"j" + sealed[1:], PLACE),
    ):
        with pytest.raises(Undecipherable):
            key.open(spoilt, place)


def test_a_key_from_before_there_were_seeds_only_opens() -> None:
    nonce = b"n" * 12
    sealed = nonce + AESGCM(SEED_BYTES).encrypt(nonce, b"{}", PLACE)
    assert PlainKey(SEED_BYTES).open(sealed, PLACE) == b"{}"
    with pytest.raises(Unsealable):
        PlainKey(SEED_BYTES).seal(b"{}", PLACE)


@pytest.mark.parametrize("make", [lambda: SeedKey(b"short"), lambda: PlainKey(b"short")])
def test_a_key_of_no_use(make: object) -> None:
    assert callable(make)
    with pytest.raises(Undecipherable):
        make()


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (SOURCE, ""),
        (Source(KEY, "kek", b"x", {}), ""),
        (Source(2, "kek", b"x", {}), "unknown encryptedDEKSourceType: 2"),
        (Source(SEED, "", b"x", {}), "failed to validate key id: keyID is empty"),
        (Source(SEED, "k" * 1025, b"x", {}), "keyID is 1025 bytes, which exceeds the max size of 1024"),
        (Source(SEED, "kek", b"", {}), "encrypted DEK source is empty"),
        (
            Source(SEED, "kek", b"x" * 1025, {}),
            "encrypted DEK source is 1025 bytes, which exceeds the max size of 1024",
        ),
        (Source(SEED, "kek", b"x", {"a": b""}), "should be a domain with at least two segments separated by dots"),
        (Source(SEED, "kek", b"x", {"A.b": b""}), 'annotations: Invalid value: "A.b": '),
        (Source(SEED, "kek", b"x", {"": b""}), "annotations: Required value"),
        (Source(SEED, "kek", b"x", {"a.b": b"x" * 32766}), "total size of annotations is 32769, which exceeds"),
    ],
)
def test_what_is_not_stored(source: Source, fault: str) -> None:
    assert fault in source.fault
    assert bool(fault) is bool(source.fault)


@pytest.mark.parametrize(
    "stored", [b"", b"\xff", envelope.encode(SOURCE, b""), envelope.encode(Source(SEED, "", b"x", {}), b"d")]
)
def test_what_is_no_message(stored: bytes) -> None:
    with pytest.raises(Undecipherable):
        envelope.decode(stored)
