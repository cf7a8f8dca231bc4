"""The store that `kybern up --store` names, looked at before anything is started."""

import socket
from urllib.parse import urlsplit

EMBEDDED = ("sqlite", "memory")
CONNECT_SECONDS = 2.0
ETCD_PORT = 2379


def refuse_store(store: str) -> None:
    """Raises ValueError for what names no store, and for an etcd none of whose URLs takes connections."""
    if store in EMBEDDED:
        return
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
