"""Upstream's words for what the schema refuses."""

import pytest

from kybern.api.schema import codec, syntax
from kybern.base.errors import BadRequest


def check(api_version: str, kind: str, body: bytes, expected: str) -> None:
    with pytest.raises(BadRequest) as refused:
        codec(api_version, kind).admit(body, "Strict")
    version = api_version.rpartition("/")[2]
    assert refused.value.message == f'{kind} in version "{version}" cannot be handled as a {kind}: {expected}'


_UNMARSHAL = "json: cannot unmarshal"
_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ('"replicas":"3"', f"{_UNMARSHAL} string into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ('"replicas":1.5', f"{_UNMARSHAL} number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ('"replicas":2147483648',
         f"{_UNMARSHAL} number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ('"replicas":true', f"{_UNMARSHAL} bool into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ('"paused":1', f"{_UNMARSHAL} number into Go struct field DeploymentSpec.spec.paused of type bool"),
        ('"template":[]',
         f"{_UNMARSHAL} array into Go struct field DeploymentSpec.spec.template of type v1.PodTemplateSpec"),
        ('"template":{"spec":{"containers":{}}}',
         f"{_UNMARSHAL} object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container"),
        ('"template":{"spec":{"dnsPolicy":1}}',
         f"{_UNMARSHAL} number into Go struct field PodSpec.spec.template.spec.dnsPolicy of type v1.DNSPolicy"),
        ('"template":{"metadata":{"labels":{"a":1}}}',
         f"{_UNMARSHAL} number into Go struct field ObjectMeta.spec.template.metadata.labels of type string"),
        ('"strategy":{"rollingUpdate":{"maxSurge":false}}', f"{_UNMARSHAL} bool into Go struct field"
         " RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32"),
        ('"template":{"spec":{"overhead":{"cpu":"1 core"}}}', _QUANTITY),
        ('"template":{"metadata":{"creationTimestamp":"2026-13-01T00:00:00Z"}}',
         'parsing time "2026-13-01T00:00:00Z": month out of range'),
        ('"template":{"metadata":{"creationTimestamp":"today"}}',
         'parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"'),
        ('"foo":1,"template":{"spec":{"containers":[{},{"bar":1}]}}',
         'strict decoding error: unknown field "spec.foo", unknown field "spec.template.spec.containers[1].bar"'),
        ('"replicas":1,"replicas":2', 'strict decoding error: duplicate field "spec.replicas"'),
    ],
)  # fmt: skip
def test_deployment(spec: str, expected: str) -> None:
    check("apps/v1", "Deployment", f'{{"spec":{{{spec}}}}}'.encode(), expected)


@pytest.mark.parametrize("number", ["9223372036854775808", "18446744073709551616", "1e40"])
def test_no_number_beyond_int64(number: str) -> None:
    with pytest.raises(BadRequest, match="of type int64"):
        codec("v1", "Pod").admit(f'{{"metadata":{{"generation":{number}}}}}'.encode(), "Ignore")


def test_lease_times_have_six_digits() -> None:
    check(
        "coordination.k8s.io/v1",
        "Lease",
        b'{"spec":{"renewTime":"2026-01-01T00:00:00Z"}}',
        'parsing time "2026-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    )


@pytest.mark.parametrize(("text", "at"), [("###", 0), ("YQ=x", 2), ("YQ", 0), ("YWJjZ", 4), ("YQ=", 3), ("YQ==x", 4)])
def test_base64(text: str, at: int) -> None:
    check("v1", "Secret", f'{{"data":{{"a":"{text}"}}}}'.encode(), f"illegal base64 data at input byte {at}")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "unexpected end of JSON input"),
        (b"{", "unexpected end of JSON input"),
        (b"nope", "invalid character 'o' in literal null (expecting 'u')"),
        (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b"{'a'}", "invalid character '\\'' looking for beginning of object key string"),
        (b'"\n"', "invalid character '\\n' in string literal"),
        (b'"\\x"', "invalid character 'x' in string escape code"),
        (b'"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape"),
        (b"-a", "invalid character 'a' in numeric literal"),
        (b"1.a", "invalid character 'a' after decimal point in numeric literal"),
        (b"1ea", "invalid character 'a' in exponent of numeric literal"),
        (b"{} {}", "invalid character '{' after top-level value"),
        (b"apiVersion: v1", "invalid character 'a' looking for beginning of value"),
        (b'{"a":[1,"b",-0.5e+3,null,true]}', ""),
    ],
)
def test_syntax(body: bytes, expected: str) -> None:
    assert syntax.fault(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"nope",
         "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error:"
         " invalid character 'o' in literal null (expecting 'u') (6e6f7065)"),
        (b'{"kind":"Service"}',
         'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown conversion'),
        (b'{"apiVersion":"v2"}',
         'Pod in version "v2" cannot be handled as a Pod: no kind "Pod" is registered for version "v2"'
         ' in scheme "pkg/api/legacyscheme/scheme.go:30"'),
    ],
)  # fmt: skip
def test_unrecognized(body: bytes, expected: str) -> None:
    with pytest.raises(BadRequest) as refused:
        codec("v1", "Pod").admit(body, "Strict")
    assert refused.value.message == expected
