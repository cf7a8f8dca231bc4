"""Who signs the certificates of a cluster's clients, as its API server publishes it for other servers."""

import logging
from pathlib import Path
from typing import Final

from kybern.api.types.core_v1 import ConfigMap
from kybern.base.errors import KybernError
from kybern.client.client import Client
from kybern.serving.certificate import MemoryFiles

NAMESPACE: Final = "kube-system"
NAME: Final = "extension-apiserver-authentication"
FIELD: Final = "client-ca-file"

log = logging.getLogger(__name__)


async def cluster_authority(client: Client, files: MemoryFiles) -> Path | None:
    """The bundle in memory; None where the cluster names none, or cannot be asked."""
    try:
        bundle = (await client.get(ConfigMap, NAME, NAMESPACE)).data.get(FIELD, "")
    except KybernError as error:
        log.warning("clients are known by tokens only: ConfigMap %s/%s: %s", NAMESPACE, NAME, error)
        return None
    return files.add(FIELD, bundle.encode()) if bundle else None
