"""Sealing and opening: formats, rotation, damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kybern.apiserver.encryption.ciphers import Undecipherable
from kybern.apiserver.encryption.configuration import Key, Provider, Rule
from kybern.apiserver.encryption.keyring import PLAIN, PLAIN_MARK, Keyring, Keyrings

PLACE = b"/registry/secrets/default/a"
OLD, NEW = Key("old", b"o" * 32), Key("new", b"n" * 32)
KINDS = ("aesgcm", "aescbc", "secretbox")


@pytest.mark.parametrize("kind", KINDS)
@given(value=st.binary(max_size=100))
def test_what_is_sealed_opens(kind: str, value: bytes) -> None:
    keyring = Keyring([Provider(kind, (NEW,))])
    sealed = keyring.seal(value, PLACE)
    assert sealed.startswith(f"k8s:enc:{kind}:v1:new:".encode())
    assert keyring.open(sealed, PLACE) == (value, keyring.mark)
    assert len(value) < 4 or value not in sealed[len(f"k8s:enc:{kind}:v1:new:") :]


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_sealed_with_a_former_key_is_stale(kind: str) -> None:
    sealed = Keyring([Provider(kind, (OLD,))]).seal(b"{}", PLACE)
    for keyring in (Keyring([Provider(kind, (NEW, OLD))]), Keyring([Provider("identity"), Provider(kind, (OLD,))])):
        value, mark = keyring.open(sealed, PLACE)
        assert value == b"{}"
        assert mark != keyring.mark


def test_plain_values_are_stale_once_there_are_keys() -> None:
    sealing = Keyring([Provider("aesgcm", (NEW,)), Provider("identity")])
    assert sealing.open(b"{}", PLACE) == (b"{}", PLAIN_MARK)
    assert sealing.mark != PLAIN_MARK
    assert Keyring([Provider("identity")]).mark == PLAIN_MARK


def test_a_key_changed_under_its_name_has_another_mark() -> None:
    old, new = Key("a", b"o" * 32), Key("a", b"n" * 32)
    sealed = Keyring([Provider("aesgcm", (old,))]).seal(b"{}", PLACE)
    keyring = Keyring([Provider("aesgcm", (new, old))])
    assert keyring.open(sealed, PLACE)[1] not in (keyring.mark, PLAIN_MARK)


def test_the_most_special_rule_counts_and_rules_for_one_resource_add_up() -> None:
    first, second, third = (Provider("aesgcm", (Key(name, b"k" * 32),)) for name in ("first", "second", "third"))
    rules = [Rule(("secrets",), (first,)), Rule(("secrets",), (second,)), Rule(("*.",), (third,))]
    keyrings = Keyrings(rules)
    sealed = Keyring([second]).seal(b"{}", PLACE)
    assert keyrings.of("secrets").open(sealed, PLACE)[0] == b"{}"
    assert keyrings.of("secrets").mark == Keyring([first]).mark
    assert keyrings.of("configmaps").mark == Keyring([third]).mark
    assert keyrings.of("deployments.apps") is PLAIN


@pytest.mark.parametrize("kind", KINDS)
def test_another_key_under_the_same_name_opens_nothing(kind: str) -> None:
    sealed = Keyring([Provider(kind, (OLD,))]).seal(b'{"kind":"Secret"}', PLACE)
    with pytest.raises(Undecipherable):
        opened = Keyring([Provider(kind, (Key("old", b"x" * 32),))]).open(sealed, PLACE)
        # CBC cannot tell a wrong key when the padding happens to fit: the value is garbage then.
        assert opened[0] != b'{"kind":"Secret"}'
        raise Undecipherable


def test_a_key_that_is_gone() -> None:
    sealed = Keyring([Provider("aesgcm", (OLD,))]).seal(b"{}", PLACE)
    for keyring in (Keyring([Provider("aesgcm", (NEW,))]), Keyring([Provider("identity")])):
        with pytest.raises(Undecipherable, match="no matching prefix found"):
            keyring.open(sealed, PLACE)


def test_a_value_cannot_be_moved_to_another_place() -> None:
    keyring = Keyring([Provider("aesgcm", (NEW,))])
    with pytest.raises(Undecipherable):
        keyring.open(keyring.seal(b"{}", PLACE), b"/registry/secrets/default/b")


@pytest.mark.parametrize("kind", ["aesgcm", "secretbox"])
def test_damage_is_found(kind: str) -> None:
    keyring = Keyring([Provider(kind, (NEW,))])
    sealed = bytearray(keyring.seal(b"{}", PLACE))
    for index in range(sealed.index(b"new:") + 4, len(sealed)):
        damaged = bytes(sealed[:index]) + bytes([sealed[index] ^ 1]) + bytes(sealed[index + 1 :])
        with pytest.raises(Undecipherable):
            keyring.open(damaged, PLACE)
    for length in range(len(sealed)):
        with pytest.raises(Undecipherable):
            keyring.open(bytes(sealed[:length]), PLACE)
