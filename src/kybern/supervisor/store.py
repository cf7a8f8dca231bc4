"""The store that `kybern up --store` names, looked at before anything is started."""

import argparse
import socket
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

EMBEDDED = ("sqlite", "memory")
CONNECT_SECONDS = 2.0
ETCD_PORT = 2379


@dataclass(frozen=True)
class EtcdAccess:
    """How an etcd is reached; every field is a flag `--etcd-…` with the API server's name."""

    prefix: str = "/registry"
    """Where in it the cluster lies."""
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None

    @property
    def flags(self) -> list[str]:
        """The command line that says the same."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return [part for name, value in told.items() if value is not None for part in (f"--etcd-{name}", str(value))]

    def refuse(self) -> None:
        """Raises ValueError for files that cannot be read."""
        for name, path in (("cafile", self.cafile), ("certfile", self.certfile), ("keyfile", self.keyfile)):
            try:
                if path is not None:
                    path.read_bytes()
            except OSError as error:
                raise ValueError(f"--etcd-{name}: {path}: {error.strerror}") from None


def add_etcd_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--etcd-prefix", default="/registry", metavar="PATH", help="where in an etcd; default: %(default)s")
    add("--etcd-cafile", type=_file, metavar="FILE", help="who signs etcd's certificates")
    add("--etcd-certfile", type=_file, metavar="FILE", help="shown to etcd, with its key")
    add("--etcd-keyfile", type=_file, metavar="FILE", help="its key")


def etcd_access(args: argparse.Namespace) -> EtcdAccess:
    return EtcdAccess(args.etcd_prefix, args.etcd_cafile, args.etcd_certfile, args.etcd_keyfile)


def _file(text: str) -> Path:
    return Path(text).absolute()


def refuse_store(store: str, access: EtcdAccess) -> None:
    """Raises ValueError for what names no store, for an etcd none of whose URLs takes connections, and for bad files."""
    if store in EMBEDDED:
        return
    access.refuse()
    failures = []
    for url in store.split(","):
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"--store is sqlite, memory, or the URLs of an etcd (http://HOST:2379,…), not {store!r}")
        try:
            socket.create_connection((parts.hostname, parts.port or ETCD_PORT), CONNECT_SECONDS).close()
            return
        except OSError as error:
            failures.append(f"{url}: {error.strerror or error}")
    raise ValueError(f"--store: no etcd answers: {'; '.join(failures)}")
