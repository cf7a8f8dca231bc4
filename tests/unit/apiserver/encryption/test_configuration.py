"""EncryptionConfiguration: what covers what, and what is said of faults."""

import base64

import pytest

from kybern.apiserver.encryption.configuration import ConfigurationError, parse_configuration
from kybern.apiserver.encryption.keyring import PLAIN, Keyrings
from kybern.apiserver.encryption.kms_configuration import KmsEndpoint

KEY = base64.b64encode(b"k" * 32).decode()


def _text(resources: str, providers: str) -> bytes:
    return (
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n"
        f"- resources: {resources}\n  providers: {providers}\n"
    ).encode()


def _keys(kind: str = "aesgcm", secret: str = KEY) -> str:
    return f"[{{{kind}: {{keys: [{{name: a, secret: {secret}}}]}}}}]"


@pytest.mark.parametrize(
    ("resources", "group_resource", "expected"),
    [
        ("[secrets]", "secrets", True),
        ("[secrets]", "configmaps", False),
        ("['*.']", "configmaps", True),
        ("['*.']", "deployments.apps", False),
        ("['*.apps']", "deployments.apps", True),
        ("['*.*']", "widgets.example.com", True),
        ("[pandas.bears.example]", "pandas.bears.example", True),
    ],
)
def test_what_a_rule_covers(resources: str, group_resource: str, expected: bool) -> None:
    keyrings = Keyrings(parse_configuration(_text(resources, _keys())))
    assert (keyrings.of(group_resource) is not PLAIN) is expected


@pytest.mark.parametrize(
    ("resources", "providers", "fault"),
    [
        ("[]", _keys(), "resources[0].resources: Required value: at least one resources[0].resources is required"),
        ("[secrets]", "[]", "providers: Required value"),
        ("[Secrets]", _keys(), "resource name should not contain capital letters"),
        ("['*']", _keys(), "use '*.' to encrypt all the resources from core API group"),
        ("[secrets, '*.']", _keys(), "using overlapping resources"),
        ("[secrets, secrets]", _keys(), "the same resource cannot be specified multiple times"),
        ("[events.events.k8s.io]", _keys(), "Use 'events' instead"),
        ("['pods.*']", _keys(), "encrypting the same resource across groups is not supported"),
        ("[secrets]", "[{}]", "provider does not contain any of the expected providers"),
        ("[secrets]", "[{identity: {}, aesgcm: {keys: []}}]", "more than one provider specified"),
        ("[secrets]", _keys(secret="a2V5"), "got 3, expected one of [16 24 32]"),
        ("[secrets]", _keys("secretbox", "a2V5"), "got 3, expected one of [32]"),
        ("[secrets]", _keys(secret="'%%'"), '"REDACTED": secrets must be base64 encoded'),
        ("[secrets]", "[{aescbc: {keys: []}}]", "aescbc.keys: Required value: at least one keys is required"),
        ("[secrets]", "[{kms: {apiVersion: v2, name: 'a:b', endpoint: 'unix:///x'}}]", "must not contain ':'"),
        ("[secrets]", "[{kms: {apiVersion: v2, name: a, endpoint: 'tcp://x'}}]", 'unsupported scheme "tcp"'),
        ("[secrets]", "[{kms: {apiVersion: v2, name: a}}]", "endpoint is a mandatory field for a kms"),
        ("[secrets]", "[{kms: {apiVersion: v2, endpoint: 'unix:///x'}}]", "name is a mandatory field for a provider"),
        ("[secrets]", "[{kms: {apiVersion: v2, name: a, endpoint: 'unix:///x', timeout: 0s}}]", "should be a positive"),
        ("[secrets]", "[{kms: {apiVersion: v2, name: a, endpoint: 'unix:///x', cachesize: 9}}]", "not supported in v2"),
        ("[secrets]", "[{kms: {name: a, endpoint: 'unix:///x'}}]", "KMSv1 is deprecated"),
        ("[secrets]", "[{kms: {apiVersion: v3, name: a, endpoint: 'unix:///x'}}]", "only v1 and v2 are supported"),
        (
            "[secrets]",
            "[{kms: &a {apiVersion: v2, name: a, endpoint: 'unix:///x'}}, {kms: *a}]",
            "duplicate KMS provider name a, names must be unique",
        ),
    ],
)
def test_faults(resources: str, providers: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_configuration(_text(resources, providers))
    assert fault in str(raised.value)


def test_where_a_plugin_is() -> None:
    (rule,) = parse_configuration(
        _text("[secrets]", "[{kms: {apiVersion: v2, name: a, endpoint: 'unix:///x', timeout: 1m0.5s}}]")
    )
    assert rule.providers[0].kms == KmsEndpoint("a", "unix:///x", 60.5)


@pytest.mark.parametrize(("first", "second"), [("*.", "secrets"), ("*.*", "secrets"), ("*.*", "*.apps")])
def test_a_rule_that_an_earlier_one_masks(first: str, second: str) -> None:
    text = _text(f"['{first}']", _keys()) + f"- resources: ['{second}']\n  providers: {_keys()}\n".encode()
    with pytest.raises(ConfigurationError, match="is masked by earlier rule"):
        parse_configuration(text)


@pytest.mark.parametrize("text", [b"", b"[", b"kind: Pod", b"apiVersion: apiserver.config.k8s.io/v1\nkind: X\n"])
def test_what_is_no_configuration(text: bytes) -> None:
    with pytest.raises(ConfigurationError):
        parse_configuration(text)


def test_a_key_does_not_show_itself() -> None:
    (rule,) = parse_configuration(_text("[secrets]", _keys()))
    assert "kkkk" not in repr(rule)
    assert KEY not in repr(rule)
