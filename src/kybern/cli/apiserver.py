"""`kybern apiserver`: the API server alone, with upstream's names for its flags."""

import argparse
import ipaddress
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kybern.apiserver.aggregation.authentication_info import RequestHeader
    from kybern.apiserver.authentication.configuration import Issuer
    from kybern.apiserver.config import ApiServerConfig

NAME = "apiserver"
HELP = "run the API server alone"

_OIDC = {
    "issuer-url": "",
    "client-id": "",
    "username-claim": "sub",
    "username-prefix": "",
    "groups-claim": "",
    "groups-prefix": "",
    "ca-file": "",
    "signing-algs": "RS256",
}
_REQUEST_HEADERS = {
    "username-headers": "X-Remote-User",
    "uid-headers": "X-Remote-Uid",
    "group-headers": "X-Remote-Group",
    "extra-headers-prefix": "X-Remote-Extra-",
}
ISSUER = "https://kubernetes.default.svc.cluster.local"


def configure(parser: argparse.ArgumentParser) -> None:
    """Upstream's names and defaults; what Kybern alone has says so."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="where Kybern keeps its store and makes missing keys (Kybern's own)",
    )
    parser.add_argument(
        "--store", choices=("sqlite", "memory"), help="which store (Kybern's own); default: sqlite with --data-dir"
    )
    parser.add_argument("--etcd-servers", default="", metavar="URL,…", help="an etcd as the store")
    parser.add_argument("--etcd-prefix", default="/registry", metavar="PATH", help="default: /registry")
    parser.add_argument("--etcd-cafile", type=Path, metavar="FILE", help="who signs etcd's certificates")
    parser.add_argument("--etcd-certfile", type=Path, metavar="FILE", help="shown to etcd, with its key")
    parser.add_argument("--etcd-keyfile", type=Path, metavar="FILE")
    _add_serving(parser)
    _add_identity(parser)
    _add_cluster(parser)


def _add_serving(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("serving")
    group.add_argument("--bind-address", default="0.0.0.0", metavar="IP", help="default: 0.0.0.0")
    group.add_argument("--secure-port", type=int, default=6443, metavar="PORT", help="default: 6443")
    group.add_argument("--advertise-address", default="", metavar="IP", help="the endpoint of the Service kubernetes")
    group.add_argument("--tls-cert-file", type=Path, metavar="FILE", help="default: made in --data-dir")
    group.add_argument("--tls-private-key-file", type=Path, metavar="FILE")
    group.add_argument("--max-requests-inflight", type=int, default=400, metavar="N", help="default: 400")
    group.add_argument("--max-mutating-requests-inflight", type=int, default=200, metavar="N", help="default: 200")
    group.add_argument("--min-request-timeout", type=int, default=1800, metavar="SECONDS", help="default: 1800")
    group.add_argument("--audit-policy-file", type=Path, metavar="FILE", help="what the audit tells of which requests")
    group.add_argument(
        "--audit-log-path", type=Path, metavar="FILE", help="where it tells it; '-': standard output; default: nowhere"
    )
    group.add_argument("--audit-webhook-config-file", type=Path, metavar="FILE", help="kubeconfig: send it there, too")
    group.add_argument(
        "--audit-webhook-batch-max-wait", type=_seconds, default=30, metavar="DURATION", help="default: 30s"
    )
    group.add_argument("--audit-log-maxsize", type=int, default=100, metavar="MB", help="of one file; default: 100")
    group.add_argument("--audit-log-maxbackup", type=int, default=0, metavar="N", help="older files kept; default: all")
    group.add_argument("--audit-log-maxage", type=int, default=0, metavar="DAYS", help="for which; default: for ever")


def _add_identity(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("who may do what")
    group.add_argument("--client-ca-file", type=Path, metavar="FILE", help="who signs clients' certificates")
    group.add_argument("--token-auth-file", type=Path, metavar="FILE", help='CSV: token,user,uid,"group1,group2"')
    group.add_argument(
        "--anonymous-auth", type=_boolean, default=True, metavar="BOOL", help="let in who shows nothing; default: true"
    )
    group.add_argument(
        "--authorization-mode",
        default="Node,RBAC",
        metavar="MODE,…",
        help="Node, RBAC, AlwaysAllow; default: Node,RBAC",
    )
    group.add_argument("--enable-admission-plugins", default="", metavar="NAME,…", help="besides those that run anyway")
    group.add_argument("--disable-admission-plugins", default="", metavar="NAME,…")
    group.add_argument("--admission-control-config-file", type=Path, metavar="FILE", help="what plugins are told")
    group.add_argument("--authorization-config", type=Path, metavar="FILE", help="an AuthorizationConfiguration")
    group.add_argument("--authorization-webhook-config-file", type=Path, metavar="FILE", help="its kubeconfig")
    group.add_argument("--authorization-webhook-version", default="v1beta1", metavar="VERSION")
    group.add_argument("--authorization-webhook-cache-authorized-ttl", type=_seconds, default=300, metavar="DURATION")
    group.add_argument("--authorization-webhook-cache-unauthorized-ttl", type=_seconds, default=30, metavar="DURATION")
    group.add_argument("--authentication-config", type=Path, metavar="FILE", help="an AuthenticationConfiguration")
    group.add_argument("--authentication-token-webhook-config-file", type=Path, metavar="FILE", help="its kubeconfig")
    group.add_argument("--authentication-token-webhook-version", default="v1beta1", metavar="VERSION")
    group.add_argument(
        "--enable-bootstrap-token-auth", type=_boolean, nargs="?", const=True, default=False, metavar="BOOL"
    )
    for name, default in _OIDC.items():
        group.add_argument(f"--oidc-{name}", default=default, metavar="TEXT", help="of an issuer of identity tokens")
    group.add_argument("--oidc-required-claim", action="append", default=[], metavar="CLAIM=VALUE")
    group.add_argument("--service-account-issuer", default=ISSUER, metavar="URL", help=f"default: {ISSUER}")
    group.add_argument("--service-account-signing-key-file", type=Path, metavar="FILE")
    group.add_argument("--service-account-key-file", type=Path, action="append", default=[], metavar="FILE")
    group.add_argument("--api-audiences", default="", metavar="AUDIENCE,…", help="default: the issuer")


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the cluster")
    group.add_argument(
        "--service-cluster-ip-range", default="10.96.0.0/16", metavar="CIDR", help="default: 10.96.0.0/16"
    )
    group.add_argument(
        "--service-node-port-range", type=_ports, default=(30000, 32767), metavar="FROM-TO", help="default: 30000-32767"
    )
    group.add_argument("--kubelet-client-certificate", type=Path, metavar="FILE")
    group.add_argument("--kubelet-client-key", type=Path, metavar="FILE")
    group.add_argument("--kubelet-certificate-authority", type=Path, metavar="FILE")
    group.add_argument(
        "--encryption-provider-config", type=Path, metavar="FILE", help="which resources are stored encrypted, and how"
    )
    group.add_argument(
        "--encryption-provider-config-automatic-reload",
        type=_boolean,
        nargs="?",
        const=True,
        default=False,
        metavar="BOOL",
        help="read that file again when it changes; default: false",
    )
    group.add_argument("--proxy-client-cert-file", type=Path, metavar="FILE", help="shown to aggregated API servers")
    group.add_argument("--proxy-client-key-file", type=Path, metavar="FILE")
    group.add_argument("--requestheader-client-ca-file", type=Path, metavar="FILE", help="who signs front proxies")
    group.add_argument("--requestheader-allowed-names", default="", metavar="NAME,…", help="default: all it signs")
    for name, default in _REQUEST_HEADERS.items():
        group.add_argument(f"--requestheader-{name}", default=default, metavar="NAME,…", help=f"default: {default}")
    group.add_argument("--event-ttl", type=_seconds, default=3600, metavar="DURATION", help="default: 1h")


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _ports(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        ports = int(first), int(last)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of ports like 30000-32767") from None
    if not 0 < ports[0] <= ports[1] < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of ports")
    return ports


def _seconds(text: str) -> int:
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no duration like 1h, 30m or 90s")
    return int(number) * units[unit]


def execute(args: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    keeps_nothing = args.store == "memory" or bool(args.etcd_servers)
    if args.data_dir is None and not (keeps_nothing and args.tls_cert_file is not None):
        print(
            "kybern apiserver: give --data-dir (or --tls-cert-file with --store=memory or --etcd-servers)",
            file=sys.stderr,
        )
        return 2
    from kybern.base.errors import KybernError

    try:
        args.composition.serve_apiserver(_config(args), args.etcd_servers or args.store or "sqlite", args.data_dir)
    except KybernError as error:
        print(f"kybern apiserver: {error}", file=sys.stderr)
        return 1
    return 0


def _config(args: argparse.Namespace) -> "ApiServerConfig":
    from kybern.apiserver.config import ApiServerConfig
    from kybern.apiserver.pki import ensure_pki

    advertised = args.advertise_address or (args.bind_address if args.bind_address != "0.0.0.0" else _host_address())
    tls_cert, tls_key, client_ca = args.tls_cert_file, args.tls_private_key_file, args.client_ca_file
    signing, verifying = args.service_account_signing_key_file, tuple(args.service_account_key_file)
    kubelet = (args.kubelet_client_certificate, args.kubelet_client_key, args.kubelet_certificate_authority)
    proxy = (args.proxy_client_cert_file, args.proxy_client_key_file, args.requestheader_client_ca_file)
    if args.data_dir is not None:
        url = f"https://{'127.0.0.1' if args.bind_address == '0.0.0.0' else args.bind_address}:{args.secure_port}"
        pki = ensure_pki(args.data_dir / "pki", _hosts(args, advertised), url)
        if tls_cert is None:
            tls_cert, tls_key = pki.certificate("apiserver"), pki.key("apiserver")
        client_ca = client_ca or pki.authority
        if signing is None:
            signing, verifying = pki.key("sa"), (*verifying, pki.directory / "sa.pub")
        if kubelet[0] is None:
            name = "apiserver-kubelet-client"
            kubelet = (pki.certificate(name), pki.key(name), kubelet[2] or pki.authority)
        if proxy[0] is None:
            name = "front-proxy-client"
            proxy = (pki.certificate(name), pki.key(name), proxy[2] or pki.certificate("front-proxy-ca"))
    return ApiServerConfig(
        bind_address=args.bind_address,
        secure_port=args.secure_port,
        advertise_address=advertised,
        tls_cert_file=tls_cert,
        tls_private_key_file=tls_key,
        client_ca_file=client_ca,
        token_auth_file=args.token_auth_file,
        anonymous_auth=args.anonymous_auth,
        authentication_config=args.authentication_config,
        authentication_token_webhook_config_file=args.authentication_token_webhook_config_file,
        authentication_token_webhook_version=args.authentication_token_webhook_version,
        enable_bootstrap_token_auth=args.enable_bootstrap_token_auth,
        oidc_issuer=_oidc_issuer(args),
        authorization_mode=tuple(args.authorization_mode.split(",")),
        authorization_config=args.authorization_config,
        authorization_webhook_config_file=args.authorization_webhook_config_file,
        authorization_webhook_version=args.authorization_webhook_version,
        authorization_webhook_cache_authorized_ttl_seconds=args.authorization_webhook_cache_authorized_ttl,
        authorization_webhook_cache_unauthorized_ttl_seconds=args.authorization_webhook_cache_unauthorized_ttl,
        service_cluster_ip_range=args.service_cluster_ip_range,
        service_node_port_range=args.service_node_port_range,
        service_account_issuer=args.service_account_issuer,
        service_account_signing_key_file=signing,
        service_account_key_files=verifying,
        api_audiences=tuple(filter(None, args.api_audiences.split(","))),
        kubelet_client_certificate=kubelet[0],
        kubelet_client_key=kubelet[1],
        kubelet_certificate_authority=kubelet[2],
        proxy_client_cert_file=proxy[0],
        proxy_client_key_file=proxy[1],
        request_header=_request_header(args, proxy[2]),
        encryption_provider_config=args.encryption_provider_config,
        encryption_provider_config_automatic_reload=args.encryption_provider_config_automatic_reload,
        enable_admission_plugins=_names(args.enable_admission_plugins),
        disable_admission_plugins=_names(args.disable_admission_plugins),
        admission_control_config_file=args.admission_control_config_file,
        audit_policy_file=args.audit_policy_file,
        audit_log_path=args.audit_log_path,
        audit_webhook_config_file=args.audit_webhook_config_file,
        audit_webhook_batch_max_wait_seconds=float(args.audit_webhook_batch_max_wait),
        audit_log_maxsize=args.audit_log_maxsize,
        audit_log_maxbackup=args.audit_log_maxbackup,
        audit_log_maxage=args.audit_log_maxage,
        etcd_prefix=args.etcd_prefix,
        etcd_ca_file=args.etcd_cafile,
        etcd_cert_file=args.etcd_certfile,
        etcd_key_file=args.etcd_keyfile,
        shared_store=bool(args.etcd_servers),
        max_requests_inflight=args.max_requests_inflight,
        max_mutating_requests_inflight=args.max_mutating_requests_inflight,
        event_ttl_seconds=args.event_ttl,
        min_request_timeout_seconds=float(args.min_request_timeout),
    )


def _oidc_issuer(args: argparse.Namespace) -> "Issuer | None":
    if not args.oidc_issuer_url:
        return None
    from kybern.apiserver.authentication.configuration import from_flags

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


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def _request_header(args: argparse.Namespace, client_ca: Path | None) -> "RequestHeader":
    from kybern.apiserver.aggregation.authentication_info import RequestHeader

    def listed(text: str) -> tuple[str, ...]:
        return tuple(filter(None, text.split(",")))

    made_here = client_ca is not None and args.requestheader_client_ca_file is None
    return RequestHeader(
        client_ca,
        ("front-proxy-client",) if made_here else listed(args.requestheader_allowed_names),
        listed(args.requestheader_username_headers),
        listed(args.requestheader_uid_headers),
        listed(args.requestheader_group_headers),
        listed(args.requestheader_extra_headers_prefix),
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
