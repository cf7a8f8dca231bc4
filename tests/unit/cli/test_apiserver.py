"""The flags of `kybern apiserver`, and what they come to."""

import argparse
from dataclasses import fields
from pathlib import Path

import pytest

from kybern.apiserver.config import ApiServerConfig
from kybern.cli.apiserver import configure, execute
from kybern.cli.apiserver.settings import settings

ENVTEST = [
    "--advertise-address=127.0.0.1", "--allow-privileged=true", "--authorization-mode=RBAC", "--bind-address=127.0.0.1",
    "--disable-admission-plugins=ServiceAccount", "--etcd-servers=http://127.0.0.1:2379", "--secure-port=6444",
    "--service-cluster-ip-range=10.0.0.0/24",
]  # fmt: skip
"""What test environments of operators start an API server with."""


def parsed(*line: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    configure(parser)
    return parser.parse_args(line)


def test_defaults_are_those_of_the_configuration(tmp_path: Path) -> None:
    made = settings(parsed("--data-dir", str(tmp_path)))
    found = {
        field.name
        for field in fields(ApiServerConfig)
        if getattr(made, field.name) != getattr(ApiServerConfig(), field.name)
    }
    assert found == {
        "advertise_address", "client_ca_file", "flags", "kubelet_certificate_authority", "kubelet_client_certificate",
        "kubelet_client_key", "proxy_client_cert_file", "proxy_client_key_file", "request_header",
        "service_account_key_files", "service_account_signing_key_file", "tls_cert_file", "tls_private_key_file",
    }  # fmt: skip
    assert made.tls_cert_file == tmp_path / "pki" / "apiserver.crt"


def test_an_etcd_and_a_directory_for_keys_are_enough(tmp_path: Path) -> None:
    made = settings(parsed(*ENVTEST, "--cert-dir", str(tmp_path), "--client-ca-file", "ours.crt"))
    assert (made.tls_cert_file, made.client_ca_file) == (tmp_path / "apiserver.crt", Path("ours.crt"))
    assert (made.authorization_mode, made.disable_admission_plugins) == (("RBAC",), ("ServiceAccount",))
    assert made.shared_store


@pytest.mark.parametrize(
    ("line", "anonymous"),
    [
        (["--authorization-mode=RBAC"], True),
        (["--authorization-mode=RBAC,AlwaysAllow"], False),
        (["--authorization-mode=AlwaysAllow", "--anonymous-auth=true"], False),
        (["--authorization-mode=Node,RBAC", "--anonymous-auth=false"], False),
    ],
)
def test_nobody_is_anonymous_where_everybody_may_do_everything(line: list[str], anonymous: bool) -> None:
    assert settings(parsed("--tls-cert-file=a", "--tls-private-key-file=b", *line)).anonymous_auth is anonymous


def test_the_first_issuer_issues_and_all_are_taken() -> None:
    given = ("--tls-cert-file=a", "--tls-private-key-file=b")
    made = settings(parsed(*given, "--service-account-issuer=https://new", "--service-account-issuer=https://old"))
    assert (made.service_account_issuer, made.audiences) == ("https://new", ("https://new", "https://old"))
    assert settings(parsed(*given)).service_account_issuers == ApiServerConfig().service_account_issuers


def test_durations_and_seconds() -> None:
    made = settings(
        parsed(
            "--tls-cert-file=a", "--tls-private-key-file=b", "--service-account-max-token-expiration=2h",
            "--default-not-ready-toleration-seconds=30", "--shutdown-delay-duration=1500ms", "--event-ttl=1h30m",
        )
    )  # fmt: skip
    assert (made.service_account_max_token_seconds, made.event_ttl_seconds) == (7200, 5400)
    assert (made.default_not_ready_toleration_seconds, made.default_unreachable_toleration_seconds) == (30, 300)
    assert made.shutdown_delay_seconds == 1.5


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ([], "give --data-dir"),
        (["--store=memory"], "--cert-dir"),
        (["--data-dir=x", "--allow-privileged=false"], "pod-security"),
    ],
)
def test_what_cannot_be_is_told(line: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(parsed(*line)) == 2
    assert told in capsys.readouterr().err
