"""Keys and certificates of an API server that was given none: an authority, a serving certificate, the admin's
certificate with a kubeconfig, and the keys that sign service-account tokens.

Made in milliseconds (elliptic curves); what is there is kept, so that every start finds the same authority. Files are
written whole or not at all, secrets readable by their owner only.
"""

import base64
import ipaddress
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
LEAF_DAYS = 365
RENEWAL_DAYS = 30
"""A certificate that ends sooner is made anew."""

_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Pki:
    """Where the files are."""

    directory: Path

    @property
    def authority(self) -> Path:
        return self.directory / "ca.crt"

    def certificate(self, name: str) -> Path:
        return self.directory / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.directory / f"{name}.key"


def ensure_pki(directory: Path, hosts: Sequence[str], url: str) -> Pki:
    """Make what is missing. `hosts`: names and addresses of the server; `url`: where the admin's kubeconfig points."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    pki = Pki(directory)
    authority = ensure_authority(pki)
    ensure_leaf(pki, authority, "apiserver", "kube-apiserver", (), hosts)
    ensure_leaf(pki, authority, "apiserver-kubelet-client", "kube-apiserver-kubelet-client", ("system:masters",))
    ensure_leaf(pki, authority, "admin", "kubernetes-admin", ("system:masters",))
    front = ensure_authority(pki, "front-proxy-ca", "kybern-front-proxy-ca")
    ensure_leaf(pki, front, "front-proxy-client", "front-proxy-client", ())
    signer = _key(pki.key("sa"))
    public = signer.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write_once(directory / "sa.pub", public)
    write_kubeconfig(directory / "admin.kubeconfig", pki, "admin", "kubernetes-admin", url)
    return pki


def write_kubeconfig(path: Path, pki: Pki, name: str, user: str, url: str) -> None:
    """A kubeconfig that holds its certificates itself, with one context `kybern`."""

    def data(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    identity = {"client-certificate-data": data(pki.certificate(name)), "client-key-data": data(pki.key(name))}
    cluster = {"server": url, "certificate-authority-data": data(pki.authority)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kybern", "cluster": cluster}],
        "users": [{"name": user, "user": identity}],
        "contexts": [{"name": "kybern", "context": {"cluster": "kybern", "user": user}}],
        "current-context": "kybern",
    }
    _write_once(path, json.dumps(config, indent=2).encode() + b"\n", 0o600)


@dataclass(frozen=True, slots=True)
class Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure_authority(pki: Pki, file: str = "ca", called: str = "kybern-ca") -> Authority:
    """The authority of a file; a new one where there is none that can be read, or it is not valid or ends soon."""
    key, path = _key(pki.key(file)), pki.certificate(file)
    known = _read(path)
    if known is None or not _is_current(known) or known.public_key() != key.public_key():
        name = _name(called, ())
        builder = _builder(name, name, key.public_key(), AUTHORITY_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        known = builder.add_extension(_usage(authority=True), critical=True).sign(key, hashes.SHA256())
        _write(path, known.public_bytes(_PEM), 0o644)
    return Authority(known, key)


def ensure_leaf(
    pki: Pki,
    authority: Authority,
    file: str,
    name: str,
    groups: Sequence[str],
    hosts: Sequence[str] = (),
    *,
    client: bool = False,
) -> None:
    """A certificate with its key: a server's where it has hosts, else a client's; with `client` both."""
    path, key = pki.certificate(file), _key(pki.key(file))
    known = _read(path)
    if known is not None and _is_current(known) and _fits(known, authority, key, _name(name, groups), hosts):
        return
    builder = _builder(_name(name, groups), authority.certificate.subject, key.public_key(), LEAF_DAYS)
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH] if hosts else []
    if client or not hosts:
        purposes.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    builder = builder.add_extension(_usage(authority=False), critical=True)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    if hosts:
        names = [_general_name(host) for host in dict.fromkeys(hosts)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    _write(path, builder.sign(authority.key, hashes.SHA256()).public_bytes(_PEM), 0o644)


def _fits(
    known: x509.Certificate,
    authority: Authority,
    key: ec.EllipticCurvePrivateKey,
    subject: x509.Name,
    hosts: Sequence[str],
) -> bool:
    if known.public_key() != key.public_key() or known.subject != subject:
        return False
    if known.issuer != authority.certificate.subject:
        return False
    try:
        known.verify_directly_issued_by(authority.certificate)
    except Exception:  # cryptography raises several kinds; any of them means: make a new one.
        return False
    return not hosts or _hosts(known) >= set(hosts)


def _hosts(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = names.get_values_for_type(x509.IPAddress)
    return {*names.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)}


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str, groups: Sequence[str]) -> x509.Name:
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key of a file; a new one where there is none, or only a piece of one."""
    try:
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        pass
    else:
        if isinstance(loaded, ec.EllipticCurvePrivateKey):
            return loaded
        raise ValueError(f"{path} holds no elliptic-curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    _write(path, key.private_bytes(_PEM, form, serialization.NoEncryption()), 0o600)
    return key


def _read(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _is_current(certificate: x509.Certificate) -> bool:
    """Whether it is valid and stays so for a while. One made under a clock that was ahead is not valid yet."""
    now = datetime.now(UTC)
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - timedelta(days=RENEWAL_DAYS)


def _write_once(path: Path, data: bytes, mode: int = 0o644) -> None:
    if not path.exists() or path.read_bytes() != data:
        _write(path, data, mode)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
