"""Which credentials fit which image."""

import base64
import json

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Secret
from kybern.kubelet.pull_secrets import image_place, matching, place_of, read_secret


def secret(auths: dict[str, dict[str, str]], type: str = "kubernetes.io/dockerconfigjson") -> Secret:
    plain = {"auths": auths} if type.endswith("json") else auths
    key = ".dockerconfigjson" if type.endswith("json") else ".dockercfg"
    data = {key: base64.b64encode(json.dumps(plain).encode()).decode()}
    return convert({"metadata": {"name": "s"}, "type": type, "data": data}, Secret)


def check(servers: list[str], image: str, expected: list[str]) -> None:
    keyring = [
        pair for server in servers for pair in read_secret(secret({server: {"username": server, "password": "p"}}))
    ]
    assert [auth.username for auth in matching(keyring, image)] == expected


@pytest.mark.parametrize(
    ("servers", "image", "fits"),
    [
        (["registry.example.com"], "registry.example.com/team/app:1", True),
        (["registry.example.com"], "registry.example.com:5000/app", False),
        (["registry.example.com:5000"], "registry.example.com:5000/app", True),
        (["https://registry.example.com/v2/"], "registry.example.com/app", True),
        (["*.example.com"], "registry.example.com/app", True),
        (["*.example.com"], "a.b.example.com/app", False),
        (["registry.example.com/team"], "registry.example.com/team/app", True),
        (["registry.example.com/team"], "registry.example.com/other/app", False),
        (["https://index.docker.io/v1/"], "busybox", True),
        (["https://index.docker.io/v1/"], "docker.io/library/busybox:1", True),
        (["https://index.docker.io/v1/"], "registry.example.com/busybox", False),
    ],
)
def test_what_fits(servers: list[str], image: str, fits: bool) -> None:
    check(servers, image, servers if fits else [])


def test_the_longer_path_comes_first() -> None:
    check(["r.io", "r.io/team"], "r.io/team/app", ["r.io/team", "r.io"])


def test_both_kinds_of_secrets_and_both_forms() -> None:
    auth = base64.b64encode(b"ann:se:same").decode()
    for type in ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"):
        ((place, found),) = read_secret(secret({"r.io": {"auth": auth}}, type))
        assert (place.host, found.username, found.password) == ("r.io", "ann", "se:same")


def test_what_cannot_be_read_gives_nothing() -> None:
    broken = convert({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "bm8="}}, Secret)
    assert read_secret(broken) == []
    assert read_secret(convert({"type": "Opaque", "data": {"a": "bm8="}}, Secret)) == []


def test_places() -> None:
    assert place_of("http://localhost:5000/v1/team/") == ("localhost:5000", "team")
    assert image_place("localhost/app:1") == ("localhost", "app:1")
    assert image_place("team/app") == ("index.docker.io", "team/app")
