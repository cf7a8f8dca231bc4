"""Certificate requests on a real API server: approved, signed, refused and cleaned away."""

import asyncio
import random
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kybern.api.types import convert
from kybern.api.types.certificates_v1 import CertificateSigningRequest
from kybern.apiserver.user import User, authenticated
from kybern.base.clock import SystemClock, format_time
from kybern.base.errors import Forbidden
from kybern.base.ids import RandomIds
from kybern.client.client import Client
from kybern.client.inprocess import InProcessTransport
from kybern.controllers import csr_cleaner
from kybern.controllers.config import Config
from kybern.controllers.run import run_all
from kybern.transport.exchange import Request

from .api_server import ADMIN, Api, api_server
from .machine import Plane, plane

CONTROLLERS = (
    "certificatesigningrequest-signing-controller",
    "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-cleaner-controller",
)
CLIENT = ["digital signature", "key encipherment", "client auth"]
SERVER = ["digital signature", "key encipherment", "server auth"]


@pytest.fixture
def authority(tmp_path: Path) -> dict[str, str]:
    """The files of an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-ca")])
    now = SystemClock().now()
    begin = datetime.fromtimestamp(now - 60, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "ca.crt").write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    (tmp_path / "ca.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return {
        "cluster_signing_cert_file": str(tmp_path / "ca.crt"),
        "cluster_signing_key_file": str(tmp_path / "ca.key"),
    }


def root_of(authority: dict[str, str]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(Path(authority["cluster_signing_cert_file"]).read_bytes())


def request(
    name: str,
    signer: str,
    usages: list[str],
    *,
    common_name: str = "jane",
    organisation: str = "dev",
    dns: str = "",
    **spec: Any,
) -> CertificateSigningRequest:
    names = [(NameOID.ORGANIZATION_NAME, organisation), (NameOID.COMMON_NAME, common_name)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(kind, value) for kind, value in names])
    )
    if dns:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), critical=False)
    pem = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(
        serialization.Encoding.PEM
    )
    plain = {"request": b64encode(pem).decode(), "signerName": signer, "usages": usages, **spec}
    return convert({"metadata": {"name": name}, "spec": plain}, CertificateSigningRequest)


async def approve(world: Plane, name: str) -> None:
    condition = {"type": "Approved", "status": "True", "reason": "Test", "message": "by hand"}
    change = {"status": {"conditions": [condition]}}
    await world.client.patch(CertificateSigningRequest, name, "", change, subresource="approval")


async def signed(world: Plane, name: str) -> x509.Certificate:
    async def done() -> bool:
        return bool((await world.client.get(CertificateSigningRequest, name)).status.certificate)

    await world.until(done)
    found = await world.client.get(CertificateSigningRequest, name)
    return x509.load_pem_x509_certificate(b64decode(found.status.certificate))


async def test_signs_what_was_approved_for_as_long_as_was_asked(authority: dict[str, str]) -> None:
    async with plane(CONTROLLERS, **authority) as world:
        await world.client.create(
            request("jane", "kubernetes.io/kube-apiserver-client", CLIENT, expirationSeconds=86400)
        )
        await approve(world, "jane")
        certificate = await signed(world, "jane")
        assert certificate.subject.rfc4514_string() == "CN=jane,O=dev"
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert life == timedelta(days=1)
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, True, False)
        certificate.verify_directly_issued_by(root_of(authority))


async def test_a_kubelet_is_approved_by_itself(authority: dict[str, str]) -> None:
    async with plane(CONTROLLERS, **authority) as world:
        await world.client.create(
            request(
                "node",
                "kubernetes.io/kube-apiserver-client-kubelet",
                CLIENT,
                common_name="system:node:n1",
                organisation="system:nodes",
            )
        )
        certificate = await signed(world, "node")
        assert certificate.subject.rfc4514_string() == "CN=system:node:n1,O=system:nodes"
        found = await world.client.get(CertificateSigningRequest, "node")
        (condition,) = found.status.conditions
        assert (condition.type, condition.status, condition.reason) == ("Approved", "True", "AutoApproved")
        assert condition.message == "Auto approving kubelet client certificate after SubjectAccessReview."


@pytest.mark.parametrize(
    ("signer", "usages", "extra", "message"),
    [
        ("kube-apiserver-client", SERVER, {}, "invalid usage for client certificate: server auth"),
        ("kube-apiserver-client-kubelet", CLIENT, {}, "subject organization is not system:nodes"),
        (
            "kube-apiserver-client-kubelet",
            CLIENT,
            {"organisation": "system:nodes", "common_name": "system:node:n", "dns": "n"},
            "DNS subjectAltNames are not allowed",
        ),
        (
            "kubelet-serving",
            SERVER,
            {"organisation": "system:nodes", "common_name": "system:node:n"},
            "DNS or IP subjectAltName is required",
        ),
        (
            "kubelet-serving",
            CLIENT,
            {"organisation": "system:nodes", "common_name": "system:node:n", "dns": "n"},
            "usages did not match [digital signature key encipherment server auth]",
        ),
    ],
)
async def test_refuses(
    authority: dict[str, str], signer: str, usages: list[str], extra: dict[str, str], message: str
) -> None:
    async with plane(CONTROLLERS[:1], **authority) as world:
        await world.client.create(request("odd", f"kubernetes.io/{signer}", usages, **extra))
        await approve(world, "odd")

        async def failed() -> bool:
            found = await world.client.get(CertificateSigningRequest, "odd")
            return any(each.type == "Failed" for each in found.status.conditions)

        await world.until(failed)
        found = await world.client.get(CertificateSigningRequest, "odd")
        failure = found.status.conditions[-1]
        assert (failure.status, failure.reason, failure.message) == ("True", "SignerValidationFailure", message)
        assert found.status.certificate == ""


@pytest.mark.parametrize(
    ("condition", "hours", "gone"),
    [("", 23.9, False), ("", 24.1, True), ("Denied", 0.9, False), ("Denied", 1.1, True), ("Approved", 23.0, False)],
)
def test_cleans(condition: str, hours: float, gone: bool) -> None:
    now = SystemClock().now()
    stamp = format_time(now - hours * 3600)
    subject = request("old", "kubernetes.io/kubelet-serving", SERVER)
    subject.metadata.creation_timestamp = stamp
    if condition:
        status = {"conditions": [{"type": condition, "status": "True", "lastUpdateTime": stamp}]}
        subject.status = convert({"status": status}, CertificateSigningRequest).status
    assert bool(csr_cleaner.decide(subject, now).deletes) is gone


async def test_who_has_a_bootstrap_token_becomes_a_node_as_rbac_lets_its_group(authority: dict[str, str]) -> None:
    group = "system:bootstrappers:kubeadm:default-node-token"
    joining = authenticated("system:bootstrap:abcdef", ("system:bootstrappers", group))
    async with api_server(authorization_mode=("Node", "RBAC")) as api, running(api, authority):
        for role in ("node-bootstrapper", "certificates.k8s.io:certificatesigningrequests:nodeclient"):
            api_group = "rbac.authorization.k8s.io"
            binding = {
                "metadata": {"name": role.replace(":", "-")},
                "roleRef": {"apiGroup": api_group, "kind": "ClusterRole", "name": f"system:{role}"},
                "subjects": [{"apiGroup": api_group, "kind": "Group", "name": group}],
            }
            await api.create(f"/apis/{api_group}/v1/clusterrolebindings", binding)
        names = {"common_name": "system:node:n1", "organisation": "system:nodes"}
        asked = request("n1", "kubernetes.io/kube-apiserver-client-kubelet", CLIENT, **names)
        await as_user(api, joining).create(asked)
        certificate = await signed(Plane(as_user(api, ADMIN)), "n1")
        assert certificate.subject.rfc4514_string() == "CN=system:node:n1,O=system:nodes"
        stranger = as_user(api, authenticated("system:bootstrap:ghijkl", ("system:bootstrappers",)))
        with pytest.raises(Forbidden):
            await stranger.create(request("n2", "kubernetes.io/kube-apiserver-client-kubelet", CLIENT, **names))


def as_user(api: Api, user: User) -> Client:
    return Client(InProcessTransport(api.server, Request, context={"user": user}))


@asynccontextmanager
async def running(api: Api, authority: dict[str, str]) -> AsyncIterator[None]:
    """The controllers, until the block ends."""
    clock, source = SystemClock(), random.Random(1)
    chosen = Config(controllers=CONTROLLERS, **authority)
    task = asyncio.create_task(run_all(chosen, as_user(api, ADMIN), clock, RandomIds(source), source))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
