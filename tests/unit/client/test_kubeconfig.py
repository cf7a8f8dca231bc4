"""Kubeconfig files and the service account of a Pod."""

import base64
from pathlib import Path
from typing import Any

import pytest

from kybern.client.kubeconfig import KubeconfigError, in_cluster_access, load_kubeconfig

CONFIG = """
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: c, user: certificate, namespace: shop}}
- {name: two, context: {cluster: c, user: token}}
- {name: plugin, context: {cluster: c, user: plugin}}
- {name: lost, context: {cluster: nowhere}}
clusters:
- {name: c, cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: %s, tls-server-name: kube}}
users:
- {name: certificate, user: {client-certificate: tls/me.crt, client-key-data: %s}}
- {name: token, user: {tokenFile: token}}
- {name: plugin, user: {exec: {command: aws}}}
"""


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "me.crt").write_text("CERT")
    (tmp_path / "token").write_text("abc\n")
    file = tmp_path / "config"
    file.write_text(CONFIG % (encoded("CA"), encoded("KEY")))
    return str(file)


def check(path: str, context: str, expected: dict[str, Any]) -> None:
    access = load_kubeconfig(path, context=context)
    found = {name: getattr(access.credentials, name) for name in expected if hasattr(access.credentials, name)}
    found |= {name: getattr(access, name) for name in expected if hasattr(access, name)}
    assert found == expected


def test_the_current_context(path: str) -> None:
    check(
        path,
        "",
        {
            "server": "https://10.0.0.1:6443",
            "namespace": "shop",
            "certificate": b"CERT",
            "key": b"KEY",
            "authority": b"CA",
            "server_name": "kube",
        },
    )


def test_a_token_file_is_read_when_asked(path: str) -> None:
    credentials = load_kubeconfig(path, context="two").credentials
    assert credentials.authorization() == "Bearer abc"
    Path(path).with_name("token").write_text("new")
    assert credentials.authorization() == "Bearer abc"
    credentials._read_at = float("-inf")
    assert credentials.authorization() == "Bearer new"
    Path(path).with_name("token").unlink()
    credentials._read_at = float("-inf")
    assert credentials.authorization() == "Bearer new"


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ("three", "context 'three' does not exist"),
        ("lost", "cluster 'nowhere' does not exist"),
        ("plugin", "user 'plugin': exec plugins are not supported"),
    ],
)
def test_refused(path: str, context: str, message: str) -> None:
    with pytest.raises(KubeconfigError, match=message):
        load_kubeconfig(path, context=context)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="No such file"):
        load_kubeconfig(str(tmp_path / "none"))


def test_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("ca.crt", "CA"), ("token", "t"), ("namespace", "shop")):
        (tmp_path / name).write_text(text)
    with pytest.raises(KubeconfigError, match="not in a cluster"):
        in_cluster_access(tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    access = in_cluster_access(tmp_path)
    assert (access.server, access.namespace, access.credentials.authorization()) == (
        "https://10.96.0.1:443",
        "shop",
        "Bearer t",
    )
