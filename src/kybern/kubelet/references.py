"""What a Pod refers to: ConfigMaps, Secrets, its service account's tokens, the Services around it.

Asked for when it is needed, followed one by one: a node may read only what its own Pods refer to (the Node
authoriser).
Tokens are kept until four fifths of their life are over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kybern.api.types import decode
from kybern.api.types.authentication_v1 import BoundObjectReference, TokenRequest, TokenRequestSpec
from kybern.api.types.core_v1 import ConfigMap, Container, Pod, Secret, Service, ServiceAccount
from kybern.api.types.node_v1 import RuntimeClass
from kybern.base.clock import Clock
from kybern.base.errors import NotFound
from kybern.client.client import Client
from kybern.client.informer import Informer
from kybern.client.objects import T
from kybern.kubelet.config.services import service_environment
from kybern.kubelet.following import Followed, Following
from kybern.kubelet.pod_spec import containers_of
from kybern.kubelet.volumes.payload import Objects, tokens_of

REFRESH_AT = 0.8
"""Part of a token's life after which a new one is asked for (upstream's kubelet)."""

TOKENS_LIMIT = 10_000
"""Tokens kept on a node; beyond it the oldest is forgotten and asked for again when needed."""

_TokenKey = tuple[str, str, int]
"""Pod's uid, audience, expiry in seconds."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renew_at: float


class References:
    """Looks things up for Pods of this node. Without a client nothing is found."""

    def __init__(
        self,
        client: Client | None,
        services: Informer[Service] | None,
        clock: Clock,
        following: Following | None = None,
    ) -> None:
        self._client = client
        self._services = services
        self._clock = clock
        self._following = following
        self._tokens: dict[_TokenKey, _Token] = {}

    async def objects(self, pod: Pod, *, tokens: bool = True, fresh: bool = True) -> Objects:
        """Everything that the Pod's volumes and containers name; with `fresh` as the API server has it this moment,
        else as the watches have last seen it. Raises StatusError, Unreachable."""
        namespace = pod.metadata.namespace
        config_maps = await self._all(ConfigMap, namespace, config_map_names(pod), fresh=fresh)
        secrets = await self._all(Secret, namespace, secret_names(pod), fresh=fresh)
        wanted = {key for volume in pod.spec.volumes for key in tokens_of(volume)} if tokens else set()
        held = {key: text for key in wanted if (text := await self._token(pod, *key)) is not None}
        return Objects(config_maps, secrets, held)

    async def runtime_handler(self, pod: Pod) -> str:
        """What runs the Pod's containers, by its RuntimeClass; "" for the default. Raises StatusError, Unreachable."""
        name = pod.spec.runtime_class_name
        if not name or self._client is None:
            return ""
        return (await self._client.get(RuntimeClass, name)).handler

    def service_variables(self, pod: Pod) -> dict[str, str]:
        """The environment that Services give to a container of the Pod."""
        if self._services is None:
            return {}
        links = pod.spec.enable_service_links is not False
        return service_environment(self._services.list(), pod.metadata.namespace, links=links)

    def follow(self, pod: Pod) -> None:
        """Watch what the Pod names."""
        if self._following is not None:
            namespace = pod.metadata.namespace
            named = [Followed(ConfigMap, namespace, name) for name in config_map_names(pod)]
            named += [Followed(Secret, namespace, name) for name in secret_names(pod)]
            self._following.follow(pod.metadata.uid, named)

    def forget(self, uid: str) -> None:
        """The Pod is gone: so are its tokens, and nothing is watched for it."""
        if self._following is not None:
            self._following.forget(uid)
        for key in [key for key in self._tokens if key[0] == uid]:
            del self._tokens[key]

    async def _all(self, kind: type[T], namespace: str, names: set[str], *, fresh: bool) -> dict[str, T]:
        found: dict[str, T] = {}
        for name in sorted(names):
            held = await self._one(kind, namespace, name, fresh=fresh)
            if held is not None:
                found[name] = held
        return found

    async def _one(self, kind: type[T], namespace: str, name: str, *, fresh: bool) -> T | None:
        """None for one that is not there; whether that matters is said by the reference (`optional`)."""
        if self._client is None:
            return None
        followed = Followed(kind, namespace, name)  # type: ignore[arg-type]  # Only these two kinds are asked for.
        if not fresh and self._following is not None and self._following.has(followed):
            held = self._following.get(followed)
            return held if isinstance(held, kind) else None
        try:
            return await self._client.get(kind, name, namespace)
        except NotFound:
            return None

    async def _token(self, pod: Pod, audience: str, seconds: int) -> str | None:
        key = (pod.metadata.uid, audience, seconds)
        held = self._tokens.get(key)
        if held is not None and self._clock.now() < held.renew_at:
            return held.text
        if self._client is None:
            return None
        bound = BoundObjectReference(kind="Pod", api_version="v1", name=pod.metadata.name, uid=pod.metadata.uid)
        spec = TokenRequestSpec(
            audiences=[audience] if audience else [], expiration_seconds=seconds, bound_object_ref=bound
        )
        account = pod.spec.service_account_name or "default"
        answer = await self._client.post(
            ServiceAccount, account, pod.metadata.namespace, "token", TokenRequest(spec=spec)
        )
        text = decode(TokenRequest, answer).status.token
        if len(self._tokens) >= TOKENS_LIMIT:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[key] = _Token(text, self._clock.now() + seconds * REFRESH_AT)
        return text


def config_map_names(pod: Pod) -> set[str]:
    """The ConfigMaps that a Pod names."""
    names = {volume.config_map.name for volume in pod.spec.volumes if volume.config_map}
    for volume in pod.spec.volumes:
        for source in volume.projected.sources if volume.projected else ():
            if source.config_map:
                names.add(source.config_map.name)
    for container in _containers(pod):
        names |= {each.config_map_ref.name for each in container.env_from if each.config_map_ref}
        for variable in container.env:
            if variable.value_from and variable.value_from.config_map_key_ref:
                names.add(variable.value_from.config_map_key_ref.name)
    return names


def secret_names(pod: Pod) -> set[str]:
    """The Secrets that a Pod names, those for pulling images left out."""
    names = {volume.secret.secret_name for volume in pod.spec.volumes if volume.secret}
    for volume in pod.spec.volumes:
        for source in volume.projected.sources if volume.projected else ():
            if source.secret:
                names.add(source.secret.name)
    for container in _containers(pod):
        names |= {each.secret_ref.name for each in container.env_from if each.secret_ref}
        for variable in container.env:
            if variable.value_from and variable.value_from.secret_key_ref:
                names.add(variable.value_from.secret_key_ref.name)
    return names


def _containers(pod: Pod) -> Iterator[Container]:
    for _kind, container in containers_of(pod):
        yield container
