"""Where the server is and who we are: kubeconfig files and the service account of a Pod.

The format: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/. Plugins (exec and
auth-provider) are not supported and refused by name.
"""

import base64
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kybern.base.clock import Clock, SystemClock
from kybern.base.errors import KybernError
from kybern.client.client import Client
from kybern.client.credentials import Credentials
from kybern.client.http import HttpTransport
from kybern.client.request_counts import CountedTransport, RequestCounts
from kybern.client.retry import RetryingTransport
from kybern.client.transport import Transport

SERVICE_ACCOUNT_DIRECTORY = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class KubeconfigError(KybernError):
    """The file names no usable server or identity; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Access:
    """One context of a kubeconfig, resolved."""

    server: str
    credentials: Credentials
    namespace: str = "default"


def client_from_kubeconfig(
    path: str,
    *,
    context: str = "",
    user_agent: str,
    clock: Clock | None = None,
    counts: RequestCounts | None = None,
) -> Client:
    """A client as the file's context (or its current one) says. Raises KubeconfigError."""
    return client_of(load_kubeconfig(path, context=context), user_agent=user_agent, clock=clock, counts=counts)


def client_in_cluster(*, user_agent: str, clock: Clock | None = None, counts: RequestCounts | None = None) -> Client:
    """A client for a program in a Pod. Raises KubeconfigError outside of one."""
    return client_of(in_cluster_access(), user_agent=user_agent, clock=clock, counts=counts)


def client_of(
    access: Access, *, user_agent: str, clock: Clock | None = None, counts: RequestCounts | None = None
) -> Client:
    """A client over HTTP that retries where that is safe; `counts` are told of each attempt."""
    transport: Transport = HttpTransport(access.server, access.credentials, user_agent=user_agent)
    if counts is not None:
        transport = CountedTransport(transport, urlsplit(access.server).netloc, counts)
    return Client(RetryingTransport(transport, clock or SystemClock(), random.Random()))


def load_kubeconfig(path: str, *, context: str = "") -> Access:
    """Read one context of the file; relative paths in it are relative to it. Raises KubeconfigError."""
    import yaml

    try:
        text = Path(path).read_bytes()
        config = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        raise KubeconfigError(f"kubeconfig {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise KubeconfigError(f"kubeconfig {path} is no YAML: {error}") from error
    if not isinstance(config, dict):
        raise KubeconfigError(f"kubeconfig {path} is empty")
    return resolve(config, context=context, directory=Path(path).absolute().parent)


def resolve(config: dict[str, Any], *, context: str, directory: Path) -> Access:
    """The parsed file's context as an Access. Raises KubeconfigError."""
    chosen = context or config.get("current-context") or ""
    names = _entry(config, "contexts", "context", chosen)
    cluster = _entry(config, "clusters", "cluster", names.get("cluster") or "")
    user = _entry(config, "users", "user", names["user"]) if names.get("user") else {}
    for plugin in ("exec", "auth-provider"):
        if plugin in user:
            raise KubeconfigError(f"user {names['user']!r}: {plugin} plugins are not supported")
    server = cluster.get("server")
    if not server:
        raise KubeconfigError(f"cluster {names.get('cluster')!r} names no server")
    token_file = user.get("tokenFile") or ""
    credentials = Credentials(
        certificate=_data(user, "client-certificate", directory),
        key=_data(user, "client-key", directory),
        authority=_data(cluster, "certificate-authority", directory),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        server_name=cluster.get("tls-server-name") or "",
        token=user.get("token") or "",
        token_file=str(directory / token_file) if token_file else "",
        username=user.get("username") or "",
        password=user.get("password") or "",
    )
    return Access(server, credentials, names.get("namespace") or "default")


def in_cluster_access(directory: Path = SERVICE_ACCOUNT_DIRECTORY) -> Access:
    """The service account that the kubelet mounted. Raises KubeconfigError."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise KubeconfigError("not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
    authority = directory / "ca.crt"
    credentials = Credentials(
        authority=authority.read_bytes() if authority.exists() else b"", token_file=str(directory / "token")
    )
    namespace = directory / "namespace"
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Access(server, credentials, namespace.read_text().strip() if namespace.exists() else "default")


def _entry(config: dict[str, Any], section: str, field: str, name: str) -> dict[str, Any]:
    for entry in config.get(section) or ():
        if entry.get("name") == name:
            found: dict[str, Any] = entry.get(field) or {}
            return found
    raise KubeconfigError(f"{field} {name!r} does not exist" if name else f"no {field} is chosen (current-context)")


def _data(entry: dict[str, Any], field: str, directory: Path) -> bytes:
    """`FIELD-data` in base64, else the file that `FIELD` names."""
    encoded: str = entry.get(f"{field}-data") or ""
    if encoded:
        return base64.b64decode(encoded)
    if not entry.get(field):
        return b""
    try:
        return (directory / str(entry[field])).read_bytes()
    except OSError as error:
        raise KubeconfigError(f"{field} {entry[field]}: {error.strerror}") from error
