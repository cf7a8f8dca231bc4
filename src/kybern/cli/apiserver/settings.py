"""What the flags of `kybern apiserver` come to: the configuration of an API server, and the keys it lacks."""

import argparse
import ipaddress
import logging
import os
import socket
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kybern.api import feature_gates, runtime_config
from kybern.api.rows import NAMES
from kybern.apiserver.aggregation.authentication_info import RequestHeader
from kybern.apiserver.authentication.configuration import Issuer, from_flags
from kybern.apiserver.config import ApiServerConfig
from kybern.apiserver.pki import ensure_pki
from kybern.cli.apiserver.shown import shown

log = logging.getLogger(__name__)


def settings(args: argparse.Namespace) -> ApiServerConfig:
    """Flags that are named like a field are that field. Raises OSError, KybernError."""
    told = vars(args)
    plain = {field.name: told[field.name] for field in fields(ApiServerConfig) if field.name in told}
    advertised = args.advertise_address or (args.bind_address if args.bind_address != "0.0.0.0" else _host_address())
    keys = _Keys.told(args)
    directory = args.cert_dir or (args.data_dir and args.data_dir / "pki")
    if directory is not None:
        keys.make_missing(args, directory, advertised)
    gates = feature_gates.parse(args.feature_gates)
    for warning in gates.warnings():
        log.warning(warning)
    changed = plain | keys.fields() | {
        "feature_gates": gates,
        "runtime_config": runtime_config.parse(args.runtime_config, {(row.group, row.version) for row in NAMES}),
        "flags": shown(args),
        "advertise_address": advertised,
        "anonymous_auth": _anonymous_auth(args),
        "oidc_issuer": _oidc_issuer(args),
        "request_header": _request_header(args, keys.front_proxy_authority),
        "shared_store": bool(args.etcd_servers),
    }  # fmt: skip
    return ApiServerConfig(**changed)


def _anonymous_auth(args: argparse.Namespace) -> bool:
    """Nobody is let in unnamed where everybody may do everything (upstream's ApplyAuthorization)."""
    if args.anonymous_auth and "AlwaysAllow" in args.authorization_mode:
        log.warning(
            "AnonymousAuth is not allowed with the AlwaysAllow authorizer. Resetting AnonymousAuth to false. "
            "You should use a different authorizer"
        )
        return False
    return bool(args.anonymous_auth)


@dataclass(slots=True)
class _Keys:
    """The files of keys and certificates; None: neither given nor made."""

    serving: tuple[Path | None, Path | None]
    client_authority: Path | None
    signing: Path | None
    verifying: tuple[Path, ...]
    kubelet: tuple[Path | None, Path | None]
    kubelet_authority: Path | None
    front_proxy: tuple[Path | None, Path | None]
    front_proxy_authority: Path | None

    @classmethod
    def told(cls, args: argparse.Namespace) -> "_Keys":
        """What the flags name."""
        return cls(
            (args.tls_cert_file, args.tls_private_key_file),
            args.client_ca_file,
            args.service_account_signing_key_file,
            tuple(args.service_account_key_file),
            (args.kubelet_client_certificate, args.kubelet_client_key),
            args.kubelet_certificate_authority,
            (args.proxy_client_cert_file, args.proxy_client_key_file),
            args.requestheader_client_ca_file,
        )

    def make_missing(self, args: argparse.Namespace, directory: Path, advertised: str) -> None:
        """Make in a directory what is not named."""
        url = f"https://{'127.0.0.1' if args.bind_address == '0.0.0.0' else args.bind_address}:{args.secure_port}"
        pki = ensure_pki(directory, _hosts(args, advertised), url)
        if self.serving[0] is None:
            self.serving = pki.certificate("apiserver"), pki.key("apiserver")
        self.client_authority = self.client_authority or pki.authority
        if self.signing is None:
            self.signing, self.verifying = pki.key("sa"), (*self.verifying, pki.directory / "sa.pub")
        if self.kubelet[0] is None:
            name = "apiserver-kubelet-client"
            self.kubelet = pki.certificate(name), pki.key(name)
            self.kubelet_authority = self.kubelet_authority or pki.authority
        if self.front_proxy[0] is None:
            name = "front-proxy-client"
            self.front_proxy = pki.certificate(name), pki.key(name)
            self.front_proxy_authority = self.front_proxy_authority or pki.certificate("front-proxy-ca")

    def fields(self) -> dict[str, Any]:
        """By the names of the configuration's fields."""
        return {
            "tls_cert_file": self.serving[0],
            "tls_private_key_file": self.serving[1],
            "client_ca_file": self.client_authority,
            "service_account_signing_key_file": self.signing,
            "service_account_key_files": self.verifying,
            "kubelet_client_certificate": self.kubelet[0],
            "kubelet_client_key": self.kubelet[1],
            "kubelet_certificate_authority": self.kubelet_authority,
            "proxy_client_cert_file": self.front_proxy[0],
            "proxy_client_key_file": self.front_proxy[1],
        }


def _oidc_issuer(args: argparse.Namespace) -> Issuer | None:
    if not args.oidc_issuer_url:
        return None
    return from_flags(
        args.oidc_issuer_url,
        args.oidc_client_id,
        username_claim=args.oidc_username_claim,
        username_prefix=args.oidc_username_prefix,
        groups_claim=args.oidc_groups_claim,
        groups_prefix=args.oidc_groups_prefix,
        authority=Path(args.oidc_ca_file).read_text() if args.oidc_ca_file else "",
        required=args.oidc_required_claim,
        algorithms=args.oidc_signing_algs.split(","),
    )


def _request_header(args: argparse.Namespace, client_ca: Path | None) -> RequestHeader:
    made_here = client_ca is not None and args.requestheader_client_ca_file is None
    return RequestHeader(
        client_ca,
        ("front-proxy-client",) if made_here else args.requestheader_allowed_names,
        args.requestheader_username_headers,
        args.requestheader_uid_headers,
        args.requestheader_group_headers,
        args.requestheader_extra_headers_prefix,
    )


def _hosts(args: argparse.Namespace, advertised: str) -> list[str]:
    """Every name under which clients know the server."""
    service = str(ipaddress.ip_network(args.service_cluster_ip_range)[1])
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
    bound = [] if args.bind_address == "0.0.0.0" else [args.bind_address]
    return ["localhost", *names, os.uname().nodename, "127.0.0.1", service, advertised, *bound]


def _host_address() -> str:
    """The address by which this machine reaches others; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address
