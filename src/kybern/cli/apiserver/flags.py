"""The flags of `kybern apiserver`. What a flag sets bears the name of the field in `ApiServerConfig`."""

import argparse
from pathlib import Path

from kybern.cli.values import add_boolean, boolean, names, ports, seconds, whole_seconds

ISSUER = "https://kubernetes.default.svc.cluster.local"
OIDC = {
    "issuer-url": ("", "URL", "who issues identity tokens that are taken"),
    "client-id": ("", "NAME", "for whom they must be made"),
    "username-claim": ("sub", "CLAIM", "default: sub"),
    "username-prefix": ("", "TEXT", "default: the issuer's URL and '#', for another claim than email"),
    "groups-claim": ("", "CLAIM", "default: no groups"),
    "groups-prefix": ("", "TEXT", "default: none"),
    "ca-file": ("", "FILE", "who signs the issuer's certificate; default: the system's authorities"),
    "signing-algs": ("RS256", "NAME,…", "default: RS256"),
}
REQUEST_HEADERS = {
    "username-headers": "X-Remote-User",
    "uid-headers": "X-Remote-Uid",
    "group-headers": "X-Remote-Group",
    "extra-headers-prefix": "X-Remote-Extra-",
}
_Group = argparse._ArgumentGroup


class _Repeated(argparse.Action):
    """Each mention adds a value; the first replaces the default."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: object, option: str | None = None
    ) -> None:
        told = getattr(namespace, self.dest)
        known = () if told is self.default else told
        if not value or value in known:
            raise argparse.ArgumentError(self, f"{value!r} is already specified" if value else "should not be empty")
        setattr(namespace, self.dest, (*known, value))


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Upstream's names and defaults; what Kybern alone has says so."""
    _add_store(parser.add_argument_group("the store"))
    _add_serving(parser.add_argument_group("serving"))
    _add_audit(parser.add_argument_group("audit"))
    _add_authentication(parser.add_argument_group("who it is"))
    _add_service_accounts(parser.add_argument_group("ServiceAccounts"))
    _add_authorization(parser.add_argument_group("what they may"))
    _add_cluster(parser.add_argument_group("the cluster"))
    _add_neighbours(parser.add_argument_group("kubelets and other API servers"))
    _add_features(parser.add_argument_group("features"))


def _file(group: _Group, name: str, help: str | None = None, dest: str | None = None) -> None:
    more = {} if dest is None else {"dest": dest}
    group.add_argument(name, type=Path, metavar="FILE", help=help, **more)  # type: ignore[arg-type]


def _duration(group: _Group, name: str, dest: str, default: float, shown: str, help: str = "") -> None:
    told = f"{help}; default: {shown}" if help else f"default: {shown}"
    read = whole_seconds if isinstance(default, int) else seconds
    group.add_argument(name, dest=dest, type=read, default=default, metavar="DURATION", help=told)


def _number(group: _Group, name: str, default: int, unit: str = "N", help: str = "", dest: str | None = None) -> None:
    told = help or f"default: {default}"
    more = {} if dest is None else {"dest": dest}
    group.add_argument(name, type=int, default=default, metavar=unit, help=told, **more)  # type: ignore[arg-type]


def _list(group: _Group, name: str, default: str = "", what: str = "NAME,…", help: str | None = None) -> None:
    group.add_argument(name, type=names, default=names(default), metavar=what, help=help)


def _add_store(group: _Group) -> None:
    group.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where Kybern keeps its store and makes keys (Kybern's own)"
    )
    group.add_argument(
        "--store", choices=("sqlite", "memory"), help="which store (Kybern's own); default: sqlite with --data-dir"
    )
    group.add_argument("--etcd-servers", default="", metavar="URL,…", help="an etcd as the store")
    group.add_argument("--etcd-prefix", default="/registry", metavar="PATH", help="where in it; default: /registry")
    _file(group, "--etcd-cafile", "who signs etcd's certificates", "etcd_ca_file")
    _file(group, "--etcd-certfile", "shown to etcd, with its key", "etcd_cert_file")
    _file(group, "--etcd-keyfile", "its key", "etcd_key_file")
    _duration(
        group, "--etcd-compaction-interval", "etcd_compaction_interval_seconds", 300.0, "5m0s",
        "how long etcd remembers what has changed; 0: somebody else makes it forget",
    )  # fmt: skip
    _file(group, "--encryption-provider-config", "which resources are stored encrypted, and how")
    add_boolean(group, "--encryption-provider-config-automatic-reload", False, "read that file again when it changes")


def _add_serving(group: _Group) -> None:
    group.add_argument("--bind-address", default="0.0.0.0", metavar="IP", help="where to listen; default: 0.0.0.0")
    _number(group, "--secure-port", 6443, "PORT")
    group.add_argument("--advertise-address", default="", metavar="IP", help="the endpoint of the Service kubernetes")
    group.add_argument(
        "--cert-dir", type=Path, metavar="DIR", help="where missing keys are made; default: pki in --data-dir"
    )
    _file(group, "--tls-cert-file", "the server's certificate; default: made in --cert-dir")
    _file(group, "--tls-private-key-file", "its key")
    group.add_argument(
        "--tls-min-version", choices=("VersionTLS12", "VersionTLS13"), default="VersionTLS12", metavar="VERSION",
        help="VersionTLS12 or VersionTLS13; default: VersionTLS12",
    )  # fmt: skip
    _number(group, "--max-requests-inflight", 400, "N", "seats for requests that read; default: 400")
    _number(group, "--max-mutating-requests-inflight", 200, "N", "seats added for those that write; default: 200")
    _number(
        group, "--min-request-timeout", 1800, "SECONDS",
        "how long a watch lasts at least that names no time, at most twice as long; default: 1800",
        "min_request_timeout_seconds",
    )  # fmt: skip
    _duration(
        group, "--shutdown-delay-duration", "shutdown_delay_seconds", 0.0, "0s",
        "told to stop, serve on for so long while /readyz already fails",
    )  # fmt: skip


def _add_audit(group: _Group) -> None:
    _file(group, "--audit-policy-file", "what the audit tells of which requests")
    _file(group, "--audit-log-path", "where it tells it; '-': standard output; default: nowhere")
    _number(group, "--audit-log-maxsize", 100, "MB", "of one file; default: 100")
    _number(group, "--audit-log-maxbackup", 0, "N", "older files kept; default: all")
    _number(group, "--audit-log-maxage", 0, "DAYS", "for which; default: for ever")
    _file(group, "--audit-webhook-config-file", "kubeconfig: send it there, too")
    _duration(group, "--audit-webhook-batch-max-wait", "audit_webhook_batch_max_wait_seconds", 30.0, "30s")


def _add_authentication(group: _Group) -> None:
    _file(group, "--client-ca-file", "who signs clients' certificates")
    _file(group, "--token-auth-file", 'CSV: token,user,uid,"group1,group2"')
    group.add_argument(
        "--anonymous-auth", type=boolean, default=True, metavar="BOOL", help="let in who shows nothing; default: true"
    )
    _file(group, "--authentication-config", "an AuthenticationConfiguration")
    _file(group, "--authentication-token-webhook-config-file", "kubeconfig of a webhook that knows tokens")
    group.add_argument("--authentication-token-webhook-version", default="v1beta1", metavar="VERSION")
    add_boolean(group, "--enable-bootstrap-token-auth", False, "tokens of Secrets in kube-system")
    for name, (default, what, help) in OIDC.items():
        group.add_argument(f"--oidc-{name}", default=default, metavar=what, help=help)
    group.add_argument(
        "--oidc-required-claim", action="append", default=[], metavar="CLAIM=VALUE",
        help="what a token must say; may be repeated",
    )  # fmt: skip
    _file(group, "--requestheader-client-ca-file", "who signs front proxies")
    _list(group, "--requestheader-allowed-names", help="default: all it signs")
    for name, default in REQUEST_HEADERS.items():
        _list(group, f"--requestheader-{name}", default, help=f"default: {default}")


def _add_service_accounts(group: _Group) -> None:
    group.add_argument(
        "--service-account-issuer", dest="service_account_issuers", action=_Repeated, default=(ISSUER,), metavar="URL",
        help=f"may be repeated: the first issues, all are taken; default: {ISSUER}",
    )  # fmt: skip
    group.add_argument("--service-account-jwks-uri", default="", metavar="URL", help="default: this server's own")
    _file(group, "--service-account-signing-key-file", "signs tokens that are asked for; default: made in --cert-dir")
    group.add_argument(
        "--service-account-key-file",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="verifies tokens; may be repeated",
    )  # fmt: skip
    _list(group, "--api-audiences", what="AUDIENCE,…", help="default: the issuer")
    _duration(
        group, "--service-account-max-token-expiration", "service_account_max_token_seconds", 365 * 24 * 3600,
        "8760h", "the longest life of a requested token",
    )  # fmt: skip


def _add_authorization(group: _Group) -> None:
    _list(group, "--authorization-mode", "Node,RBAC", "MODE,…", "Node, RBAC, Webhook, AlwaysAllow; default: Node,RBAC")
    _file(group, "--authorization-config", "an AuthorizationConfiguration")
    _file(group, "--authorization-webhook-config-file", "kubeconfig of the webhook of mode Webhook")
    group.add_argument("--authorization-webhook-version", default="v1beta1", metavar="VERSION")
    for answer, default, shown in (("authorized", 300.0, "5m"), ("unauthorized", 30.0, "30s")):
        dest = f"authorization_webhook_cache_{answer}_ttl_seconds"
        _duration(group, f"--authorization-webhook-cache-{answer}-ttl", dest, default, shown)
    _list(group, "--enable-admission-plugins", help="besides those that run anyway")
    _list(group, "--disable-admission-plugins", help="of those that run anyway")
    _file(group, "--admission-control-config-file", "what plugins are told")
    for node in ("not-ready", "unreachable"):
        dest = f"{node.replace('-', '_')}_toleration_seconds"
        _number(group, f"--default-{node}-toleration-seconds", 300, "SECONDS", dest=f"default_{dest}")
    add_boolean(group, "--allow-privileged", True, "Pods may ask for privileged containers (false is not supported)")


def _add_cluster(group: _Group) -> None:
    group.add_argument(
        "--service-cluster-ip-range",
        default="10.96.0.0/16",
        metavar="CIDR",
        help="addresses of Services; default: 10.96.0.0/16",
    )
    group.add_argument(
        "--service-node-port-range", type=ports, default=(30000, 32767), metavar="FROM-TO", help="default: 30000-32767"
    )
    _duration(group, "--event-ttl", "event_ttl_seconds", 3600, "1h", "how long events are kept")


def _add_neighbours(group: _Group) -> None:
    _file(group, "--kubelet-client-certificate", "shown to kubelets")
    _file(group, "--kubelet-client-key", "its key")
    _file(group, "--kubelet-certificate-authority", "who signs kubelets' certificates")
    _file(group, "--proxy-client-cert-file", "shown to aggregated API servers")
    _file(group, "--proxy-client-key-file", "its key")


def _add_features(group: _Group) -> None:
    add_boolean(group, "--profiling", True, "serve /debug/pprof and /debug/flags")
    group.add_argument(
        "--feature-gates", action="append", default=[], metavar="NAME=BOOL,…",
        help="any gate of v1.36; refused where Kybern cannot do what it asks for",
    )  # fmt: skip
    group.add_argument(
        "--runtime-config", action="append", default=[], metavar="GROUP/VERSION=BOOL,…",
        help="built-in versions (apps/v1=false) and resources (batch/v1/jobs=false) that are served, or not",
    )  # fmt: skip
