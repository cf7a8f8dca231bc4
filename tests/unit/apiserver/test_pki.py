"""Keys and certificates: made once, kept, made anew when they no longer fit."""

import json
import stat
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from cryptography import x509

from kybern.apiserver import pki as pki_module
from kybern.apiserver.pki import ensure_pki

HOSTS = ["localhost", "127.0.0.1"]


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_second_start_finds_what_the_first_made(tmp_path: Path) -> None:
    ensure_pki(tmp_path, HOSTS, "https://127.0.0.1:6443")
    before = contents(tmp_path)
    ensure_pki(tmp_path, HOSTS, "https://127.0.0.1:6443")
    assert contents(tmp_path) == before


def test_other_names_make_another_serving_certificate_under_the_same_authority(tmp_path: Path) -> None:
    ensure_pki(tmp_path, HOSTS, "https://127.0.0.1:6443")
    before = contents(tmp_path)
    ensure_pki(tmp_path, [*HOSTS, "example.com"], "https://127.0.0.1:6443")
    changed = {name for name, data in contents(tmp_path).items() if data != before[name]}
    assert changed == {"apiserver.crt"}
    certificate = x509.load_pem_x509_certificate((tmp_path / "apiserver.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "example.com"]


def test_secrets_are_their_owners(tmp_path: Path) -> None:
    ensure_pki(tmp_path, HOSTS, "https://127.0.0.1:6443")
    secret = [path for path in tmp_path.iterdir() if path.suffix in (".key", ".kubeconfig")]
    assert {"ca.key", "sa.key", "admin.kubeconfig", "front-proxy-ca.key"} <= {path.name for path in secret}
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


@pytest.mark.parametrize("days", [-400, 400])
def test_certificates_of_another_time_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    class OtherTime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=days)

    with monkeypatch.context() as patch:
        patch.setattr(pki_module, "datetime", OtherTime)
        ensure_pki(tmp_path, HOSTS, "https://127.0.0.1:6443")
    pki = ensure_pki(tmp_path, HOSTS, "https://127.0.0.1:6443")
    for name in ("ca", "apiserver", "admin"):
        found = x509.load_pem_x509_certificate(pki.certificate(name).read_bytes())
        assert found.not_valid_before_utc < datetime.now(UTC) < found.not_valid_after_utc, name


def test_a_lost_certificate_comes_back(tmp_path: Path) -> None:
    pki = ensure_pki(tmp_path, HOSTS, "https://127.0.0.1:6443")
    pki.certificate("admin").unlink()
    ensure_pki(tmp_path, HOSTS, "https://127.0.0.1:6443")
    admin = x509.load_pem_x509_certificate(pki.certificate("admin").read_bytes())
    assert admin.subject.rfc4514_string() == "CN=kubernetes-admin,O=system:masters"
    admin.verify_directly_issued_by(x509.load_pem_x509_certificate(pki.authority.read_bytes()))
    config = json.loads((tmp_path / "admin.kubeconfig").read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
