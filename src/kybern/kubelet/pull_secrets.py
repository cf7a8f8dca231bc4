"""Credentials for registries from imagePullSecrets, matched to images as upstream's keyring matches them.

Source: https://kubernetes.io/docs/concepts/containers/images/#config-json
"""

import base64
import binascii
import fnmatch
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from kybern.api.types.core_v1 import Pod, Secret
from kybern.base.errors import StatusError, Unreachable
from kybern.client.client import Client
from kybern.kubelet.ports import EventSink
from kybern.kubelet.runtime.views import Auth

DEFAULT_REGISTRY = "index.docker.io"
KEYS = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}


class Place(NamedTuple):
    """A registry, or a part of one: host (with its port, perhaps with wildcards) and path."""

    host: str
    path: str


class ApiPullSecrets:
    """The Secrets that Pods name, as the API server has them."""

    def __init__(self, client: Client | None, sink: EventSink) -> None:
        self._client, self._sink = client, sink

    async def credentials(self, pod: Pod, image: str) -> list[Auth]:
        """See PullSecrets.credentials. A Secret that is not there is told about, and the pull goes on without it."""
        keyring: list[tuple[Place, Auth]] = []
        missing = []
        for reference in pod.spec.image_pull_secrets:
            if self._client is None or not reference.name:
                continue
            try:
                secret = await self._client.get(Secret, reference.name, pod.metadata.namespace)
            except (StatusError, Unreachable):
                missing.append(reference.name)
                continue
            keyring += read_secret(secret)
        if missing:
            text = f"Unable to retrieve some image pull secrets ({', '.join(missing)}); "
            message = f"{text}attempting to pull the image may not succeed."
            self._sink.event(pod, "Warning", "FailedToRetrieveImagePullSecret", message)
        return matching(keyring, image)


def read_secret(secret: Secret) -> list[tuple[Place, Auth]]:
    """The credentials of a Secret of one of the two kinds; none of what cannot be read."""
    text = secret.data.get(KEYS.get(secret.type, ""), "")
    try:
        plain = json.loads(base64.b64decode(text)) if text else {}
    except (binascii.Error, ValueError):
        return []
    if secret.type == "kubernetes.io/dockerconfigjson":
        plain = plain.get("auths") if isinstance(plain, dict) else None
    entries = plain if isinstance(plain, dict) else {}
    return [(place_of(server), _auth(entry)) for server, entry in entries.items() if isinstance(entry, dict)]


def place_of(server: str) -> Place:
    """Where a configuration's key leads: `https://index.docker.io/v1/`, `registry:5000/team`, `*.example.com`."""
    parts = urlsplit(server if server.startswith(("https://", "http://")) else f"https://{server}")
    path = parts.path
    if path.startswith(("/v1/", "/v2/")):
        path = path[3:]
    return Place(parts.netloc, path.strip("/"))


def _auth(entry: Mapping[str, Any]) -> Auth:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            decoded = base64.b64decode(str(entry["auth"])).decode()
        except (binascii.Error, ValueError):
            decoded = ""
        username, separator, rest = decoded.partition(":")
        password = rest if separator else password
    return Auth(username=username, password=password, identity_token=str(entry.get("identitytoken") or ""))


def image_place(image: str) -> Place:
    """The registry and path of an image; those without a registry are Docker's."""
    host, _, path = image.partition("/")
    if not path or not ("." in host or ":" in host or host == "localhost"):
        host, path = DEFAULT_REGISTRY, image
    if host == "docker.io":
        host = DEFAULT_REGISTRY
    return Place(host, path)


def matching(keyring: list[tuple[Place, Auth]], image: str) -> list[Auth]:
    """The credentials for an image, those of the longest path first, each once."""
    wanted = image_place(image)
    ordered = sorted(keyring, key=lambda entry: f"{entry[0].host}/{entry[0].path}", reverse=True)
    return list(dict.fromkeys(auth for place, auth in ordered if _fits(place, wanted)))


def _fits(place: Place, image: Place) -> bool:
    own, wanted = place.host.split(":"), image.host.split(":")
    if len(own) != len(wanted) or own[1:] != wanted[1:]:
        return False
    globs, names = own[0].split("."), wanted[0].split(".")
    if len(globs) != len(names):
        return False  # A wildcard stands for one part of the name, never for several.
    return all(fnmatch.fnmatchcase(name, glob) for name, glob in zip(names, globs, strict=True)) and (
        image.path.startswith(place.path)
    )
