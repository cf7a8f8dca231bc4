"""Who is who in the cluster: its authority, the certificates it issues, and a kubeconfig for each identity.

Everything is kept in one directory and made anew only when it is missing, has run down, or names other addresses.
Names and organisations are kubeadm's (https://kubernetes.io/docs/setup/best-practices/certificates/).
"""

import base64
import ipaddress
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kybern.supervisor.layout import API_PORT, CLUSTER_DOMAIN, HOST_ADDRESS, KUBERNETES_ADDRESS, ClusterLayout

AUTHORITY_DAYS = 3650
LEAF_DAYS = 365
RENEWAL_DAYS = 30
"""A certificate that ends sooner is made anew when the cluster starts."""
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Subject:
    """What a certificate says."""

    name: str
    organisation: str = ""
    hosts: tuple[str, ...] = ()
    """DNS names and IP addresses of a server; none: a client only."""


def ensure_pki(layout: ClusterLayout) -> None:
    """Make what is missing of the authority, the certificates, the keys and the kubeconfigs."""
    directory = layout.pki
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    authority = _Authority(directory)
    service = f"kubernetes.default.svc.{CLUSTER_DOMAIN}"
    names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", service)
    hosts = (*names, os.uname().nodename, "127.0.0.1", HOST_ADDRESS, KUBERNETES_ADDRESS)
    authority.issue("apiserver", Subject("kube-apiserver", hosts=hosts))
    authority.issue("apiserver-kubelet-client", Subject("kube-apiserver-kubelet-client", "system:masters"))
    _ensure_signing_key(directory)
    for file, subject in {
        "admin": Subject("kubernetes-admin", "system:masters"),
        "controller-manager": Subject("system:kube-controller-manager"),
        "scheduler": Subject("system:kube-scheduler"),
        "kube-proxy": Subject("system:kube-proxy"),
        "dns": Subject("kybern:dns"),
    }.items():
        authority.issue(file, subject)
        _write_kubeconfig(directory, file, subject.name, "127.0.0.1" if file == "admin" else HOST_ADDRESS)
    for node in layout.nodes:
        name = f"system:node:{node.name}"
        authority.issue(f"kubelet-{node.name}", Subject(name, "system:nodes", (node.name, node.address, "127.0.0.1")))
        _write_kubeconfig(directory, f"kubelet-{node.name}", name, HOST_ADDRESS)


def build_kubeconfig(directory: Path, file: str, user: str, host: str) -> dict[str, Any]:
    """A kubeconfig that carries its certificates itself, with one context `kybern`."""

    def data(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    cluster = {
        "server": f"https://{host}:{API_PORT}",
        "certificate-authority-data": data(directory / "ca.crt"),
    }
    identity = {
        "client-certificate-data": data(directory / f"{file}.crt"),
        "client-key-data": data(directory / f"{file}.key"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kybern", "cluster": cluster}],
        "users": [{"name": user, "user": identity}],
        "contexts": [{"name": "kybern", "context": {"cluster": "kybern", "user": user}}],
        "current-context": "kybern",
    }


def _write_kubeconfig(directory: Path, file: str, user: str, host: str) -> None:
    text = json.dumps(build_kubeconfig(directory, file, user, host), indent=2) + "\n"
    path = directory / f"{file}.kubeconfig"
    if not path.exists() or path.read_text() != text:
        _write(path, text.encode(), 0o600)


class _Authority:
    """The cluster's own authority, kept in ca.crt and ca.key."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = _load_key(directory / "ca.key")
        certificate = _load_certificate(directory / "ca.crt")
        if certificate is None or _is_ending(certificate):
            certificate = self._sign(Subject("kybern-ca"), self._key.public_key(), None)
            _write(directory / "ca.crt", certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        self._certificate = certificate

    def issue(self, file: str, subject: Subject) -> None:
        """Make FILE.crt and FILE.key, unless good ones are there."""
        path = self._directory / f"{file}.crt"
        known = _load_certificate(path)
        key = _load_key(self._directory / f"{file}.key")
        if known is None or _is_ending(known) or not self._fits(known, subject, key):
            certificate = self._sign(subject, key.public_key(), self._certificate)
            _write(path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)

    def _fits(self, known: x509.Certificate, subject: Subject, key: ec.EllipticCurvePrivateKey) -> bool:
        """Whether a certificate is ours, for this key, and says what it should."""
        try:
            known.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        same_key = known.public_key() == key.public_key()
        return same_key and known.subject == _name(subject) and _hosts(known) == set(subject.hosts)

    def _sign(
        self, subject: Subject, key: ec.EllipticCurvePublicKey, issuer: x509.Certificate | None
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        days = LEAF_DAYS if issuer is not None else AUTHORITY_DAYS
        is_authority = issuer is None
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(issuer.subject if issuer is not None else _name(subject))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(_usage(is_authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if not is_authority:
            purposes = [CLIENT, SERVER] if subject.hosts else [CLIENT]
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if subject.hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(h) for h in subject.hosts]), critical=False
            )
        return builder.sign(self._key, hashes.SHA256())


def _usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(subject: Subject) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.organisation)] if subject.organisation else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, subject.name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _hosts(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def _is_ending(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_after_utc < datetime.now(UTC) + timedelta(days=RENEWAL_DAYS)


def _load_certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key of a file; a new one where there is none that can be read."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key
    except (OSError, ValueError):
        pass
    fresh = ec.generate_private_key(ec.SECP256R1())
    pem = fresh.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(path, pem, 0o600)
    return fresh


def _ensure_signing_key(directory: Path) -> None:
    """sa.key and sa.pub: what tokens of service accounts are signed and checked with."""
    public = _load_key(directory / "sa.key").public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path = directory / "sa.pub"
    if not path.exists() or path.read_bytes() != pem:
        _write(path, pem, 0o644)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replace a file in one step; nobody ever reads half of it or, for a key, gets to read it at all."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
