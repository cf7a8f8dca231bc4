"""TLS: whose client certificate counts, and what happens with all others."""

import asyncio
import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from kybern.transport import Tls, TlsFiles
from kybern.transport.client_chain import ClientAuthorities
from kybern.transport.exchange import Request, Response

from .certificates import CLIENT, SERVER, Issued, client_context, issue
from .conftest import eventually, get, post, running


@dataclass
class Pki:
    folder: Path
    ca: Issued
    files: TlsFiles
    server_ca: Path


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    ca, server_ca = issue("client CA", ca=True), issue("server CA", ca=True)
    pair = issue("server", server_ca, usages=(SERVER,)).write(tmp_path, "server")
    client_ca = tmp_path / "client-ca.crt"
    client_ca.write_bytes(ca.pem)
    return Pki(tmp_path, ca, TlsFiles(*pair, client_ca), server_ca.write(tmp_path, "server-ca")[0])


def whose(request: Request) -> Response:
    return Response(200, request.client_certificate or b"nobody")


CASES: dict[str, tuple[Any, bool]] = {
    "of the CA": (lambda ca: [issue("c", ca, usages=(CLIENT,))], True),
    "for anything": (lambda ca: [issue("c", ca)], True),
    "of an unknown CA": (lambda ca: [issue("c", issue("other", ca=True), usages=(CLIENT,))], False),
    "of a CA that only has the same name": (
        lambda ca: [issue("c", issue("client CA", ca=True), usages=(CLIENT,))],
        False,
    ),
    "its own": (lambda ca: [issue("c", usages=(CLIENT,))], False),
    "expired": (lambda ca: [issue("c", ca, usages=(CLIENT,), days=(-2, -1))], False),
    "not valid yet": (lambda ca: [issue("c", ca, usages=(CLIENT,), days=(1, 2))], False),
    "a server's": (lambda ca: [issue("c", ca, usages=(SERVER,))], False),
    "with a critical extension that nobody knows": (
        lambda ca: [issue("c", ca, usages=(CLIENT,), critical=True)],
        False,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_whose_certificate_counts(pki: Pki, name: str, version: ssl.TLSVersion) -> None:
    make, counts = CASES[name]
    chain = make(pki.ca)
    context = client_context(pki.server_ca, chain[0].write(pki.folder, "c", *chain[1:]))
    context.minimum_version = context.maximum_version = version
    async with running(whose, tls=Tls(pki.files)) as rig:
        assert (await rig.ask(get(), ssl=context)).body == (chain[0].der if counts else b"nobody")


async def test_a_client_without_certificate_gets_in_as_nobody(pki: Pki) -> None:
    async with running(whose, tls=Tls(pki.files)) as rig:
        assert (await rig.ask(get(), ssl=client_context(pki.server_ca))).body == b"nobody"


async def test_unknown_authorities_get_through_here(pki: Pki) -> None:
    assert Tls(pki.files).takes_unknown_authorities, "this interpreter's OpenSSL has the door"


async def test_without_the_door_an_unknown_authority_ends_the_handshake(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kybern.transport.tls._take_every_certificate", lambda context, authorities: False)
    unknown = client_context(
        pki.server_ca, issue("c", issue("other", ca=True), usages=(CLIENT,)).write(pki.folder, "c")
    )
    known = issue("k", pki.ca, usages=(CLIENT,))
    async with running(whose, tls=Tls(pki.files)) as rig:
        with pytest.raises((ssl.SSLError, OSError, asyncio.IncompleteReadError)):
            await rig.ask(get(), ssl=unknown)
        context = client_context(pki.server_ca, known.write(pki.folder, "k"))
        assert (await rig.ask(get(), ssl=context)).body == known.der


async def test_a_certificate_without_its_key_ends_the_handshake(pki: Pki) -> None:
    """Taking every certificate must not mean taking it from everybody: the client has to prove that it has the key."""
    honest = issue("admin", pki.ca, usages=(CLIENT,))
    thief = Issued(honest.certificate, issue("thief").key)
    context = client_context(pki.server_ca)
    with pytest.raises(ssl.SSLError, match="mismatch"):
        context.load_cert_chain(*thief.write(pki.folder, "thief"))


CHAINS: dict[str, tuple[Any, bool]] = {
    "one intermediate": (lambda ca: _chain(ca, 1), True),
    "three intermediates": (lambda ca: _chain(ca, 3), True),
    "too many": (lambda ca: _chain(ca, 5), False),
    "a path length that is kept": (lambda ca: _chain(ca, 1, path_length=0), True),
    "a path length that is not": (lambda ca: _chain(ca, 2, path_length=0), False),
    "an intermediate that is no CA": (lambda ca: _under(issue("i", ca, usages=(CLIENT,))), False),
    "one that may not sign": (lambda ca: _under(issue("i", ca, ca=True, key_cert_sign=False)), False),
    "one for servers": (lambda ca: _under(issue("i", ca, ca=True, usages=(SERVER,))), False),
    "an expired one": (lambda ca: _under(issue("i", ca, ca=True, days=(-2, -1))), False),
    "one with name constraints": (lambda ca: _under(issue("i", ca, ca=True, constrained=True)), False),
    "one of an unknown CA": (lambda ca: _under(issue("i", issue("x", ca=True), ca=True)), False),
    "its own root sent along": (lambda ca: _under(issue("x", ca=True)), False),
}


def _under(link: Issued) -> list[Issued]:
    return [issue("c", link, usages=(CLIENT,)), link]


def _chain(ca: Issued, links: int, path_length: int | None = None) -> list[Issued]:
    chain: list[Issued] = []
    for number in range(links):
        chain.insert(0, issue(f"i{number}", chain[0] if chain else ca, ca=True, path_length=path_length))
    return [issue("c", chain[0], usages=(CLIENT,)), *chain]


@pytest.mark.parametrize("name", CHAINS)
def test_paths_through_intermediates(name: str) -> None:
    make, counts = CHAINS[name]
    ca = issue("client CA", ca=True)
    leaf, *links = make(ca)
    authorities = ClientAuthorities(ca.pem)
    assert authorities.vouch_for(leaf.der, [link.der for link in links]) is counts
    assert authorities.vouch_for(leaf.der, [link.der for link in reversed(links)]) is counts
    assert not authorities.vouch_for(leaf.der, [])


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes certificates of version 1")
def test_a_root_of_version_1_vouches_and_an_intermediate_of_version_1_does_not(tmp_path: Path) -> None:
    old, modern = _of_version_1(tmp_path, issue("old", ca=True)), issue("modern", ca=True)
    assert old.certificate.version is x509.Version.v1
    leaf = issue("c", old, usages=(CLIENT,))
    assert ClientAuthorities(old.pem).vouch_for(leaf.der)
    link = _of_version_1(tmp_path, issue("link", modern, ca=True), by=modern)
    assert not ClientAuthorities(modern.pem).vouch_for(issue("c", link, usages=(CLIENT,)).der, [link.der])


def _of_version_1(folder: Path, like: Issued, by: Issued | None = None) -> Issued:
    """Another certificate for the same name and key, of the version that has no extensions."""
    _, key = like.write(folder, "like")
    subject = f"/CN={like.certificate.subject.rfc4514_string().removeprefix('CN=')}"
    request, made = folder / "like.csr", folder / "old.crt"
    signer = ["-signkey", str(key)]
    if by is not None:
        certificate, signing = by.write(folder, "by")
        signer = ["-CA", str(certificate), "-CAkey", str(signing), "-CAcreateserial"]
    for line in (
        ["req", "-new", "-key", str(key), "-subj", subject, "-out", str(request)],
        ["x509", "-req", "-in", str(request), *signer, "-days", "1", "-out", str(made)],
    ):
        subprocess.run(["openssl", *line], check=True, capture_output=True)
    return Issued(x509.load_pem_x509_certificate(made.read_bytes()), like.key)


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"junk" * 100])
def test_what_is_no_certificate_is_nobodys(der: bytes) -> None:
    assert not ClientAuthorities(issue("client CA", ca=True).pem).vouch_for(der, [der])


def test_intermediates_that_go_round_in_circles_end() -> None:
    ca = issue("client CA", ca=True)
    a = issue("a", ca=True)
    links = [issue("a", a, ca=True) for _ in range(30)]
    assert not ClientAuthorities(ca.pem).vouch_for(issue("c", links[0]).der, [link.der for link in links])


async def test_intermediates_come_with_the_handshake(pki: Pki) -> None:
    chain = _chain(pki.ca, 2)
    context = client_context(pki.server_ca, chain[0].write(pki.folder, "c", *chain[1:]))
    async with running(whose, tls=Tls(pki.files)) as rig:
        assert (await rig.ask(get(), ssl=context)).body == chain[0].der


async def test_certificates_are_renewed_while_it_runs(pki: Pki) -> None:
    tls = Tls(pki.files)
    new_ca, new_server_ca = issue("new client CA", ca=True), issue("new server CA", ca=True)
    client = issue("c", new_ca, usages=(CLIENT,))
    pair = client.write(pki.folder, "c")
    async with running(whose, tls=tls) as rig:
        old = await rig.wire(ssl=client_context(pki.server_ca, pair))
        old.send(get())
        assert (await old.answer()).body == b"nobody"
        assert pki.files.client_ca is not None
        pki.files.client_ca.write_bytes(new_ca.pem)
        issue("server", new_server_ca, usages=(SERVER,)).write(pki.folder, "server")
        tls.reload()
        old.send(get())
        assert (await old.answer()).status == 200, "connections that are open stay"
        context = client_context(new_server_ca.write(pki.folder, "new-ca")[0], pair)
        assert (await rig.ask(get(), ssl=context)).body == client.der


async def test_a_pair_that_does_not_fit_changes_nothing(pki: Pki) -> None:
    tls = Tls(pki.files)
    async with running(whose, tls=tls) as rig:
        pki.files.key.write_bytes(pki.files.key.read_bytes()[:50])
        with pytest.raises(ssl.SSLError):
            tls.reload()
        assert (await rig.ask(get(), ssl=client_context(pki.server_ca))).status == 200


async def test_changed_files_are_noticed(pki: Pki) -> None:
    class Ticking:
        def now(self) -> float:
            return 0

        def monotonic(self) -> float:
            return 0

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0.001)

    tls = Tls(pki.files)
    task = asyncio.create_task(tls.keep_fresh(Ticking()))
    before = tls._authorities
    assert pki.files.client_ca is not None
    pki.files.client_ca.write_bytes(b"half written")
    await asyncio.sleep(0.02)
    assert tls._authorities is before
    pki.files.client_ca.write_bytes(issue("new", ca=True).pem)
    os.utime(pki.files.client_ca, ns=(1, 1))
    await eventually(lambda: tls._authorities is not before)
    task.cancel()


async def test_large_answers_and_bodies_over_tls(pki: Pki) -> None:
    async with running(lambda request: Response(200, request.body * 5), tls=Tls(pki.files)) as rig:
        wire = await rig.wire(ssl=client_context(pki.server_ca))
        for _ in range(2):
            wire.send(post(b"x" * 3_000_000))
            assert len((await wire.answer()).body) == 15_000_000


async def test_who_sends_too_much_over_tls_can_read_why(pki: Pki) -> None:
    async with running(tls=Tls(pki.files)) as rig:
        wire = await rig.wire(ssl=client_context(pki.server_ca))
        wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n")
        for _ in range(128):
            wire.send(b"x" * 65536)
            await wire.writer.drain()
        assert (await wire.answer()).status == 413


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl shows what a server tells its clients")
async def test_clients_are_told_whose_certificates_are_asked_for(pki: Pki) -> None:
    async with running(tls=Tls(replace(pki.files, proxy_ca=pki.server_ca))) as rig:
        host, port = rig.server.addresses[0]
        client = await asyncio.create_subprocess_exec(
            "openssl", "s_client", "-connect", f"{host}:{port}", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        shown, _ = await client.communicate()
    names = shown.decode().partition("Acceptable client certificate CA names\n")[2].splitlines()[:2]
    assert [name.replace(" ", "") for name in names] == ["CN=clientCA", "CN=serverCA"]


async def test_http2_is_not_offered(pki: Pki) -> None:
    context = client_context(pki.server_ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with running(tls=Tls(pki.files)) as rig:
        wire = await rig.wire(ssl=context)
        assert wire.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


async def test_plain_bytes_on_a_tls_port_harm_nobody(pki: Pki) -> None:
    async with running(tls=Tls(pki.files)) as rig:
        wire = await rig.wire()
        wire.send(get())
        await wire.ended()
        assert (await rig.ask(get(), ssl=client_context(pki.server_ca))).status == 200
