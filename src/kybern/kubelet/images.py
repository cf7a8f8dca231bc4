"""Images by pull policy: what is here, what is pulled, what has to wait. Reasons and texts as upstream's."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from kybern.api.types.core_v1 import Container, Pod
from kybern.base.clock import Clock
from kybern.base.errors import KybernError
from kybern.kubelet.backoff import Backoff, format_duration
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.events import PodEvents
from kybern.kubelet.ports import PullSecrets
from kybern.kubelet.pulled_images import PulledImages
from kybern.kubelet.runtime.views import Auth, Image

ALWAYS, IF_NOT_PRESENT, NEVER = "Always", "IfNotPresent", "Never"
_REFERENCE = re.compile(
    r"(?P<name>(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
    r"|\[[a-fA-F0-9:]+\])(?::\d+)?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?P<tag>:\w[\w.-]{0,127})?(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)


class ImageFailed(KybernError):
    """There is no image to start from. `reason` and `message` are those of the container's waiting state."""

    def __init__(self, reason: str, message: str, retry_seconds: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_seconds = retry_seconds


RETRY_SECONDS = 10.0
"""When to try again what no back-off holds back."""
ANNOUNCE_SECONDS = 1.0
"""After a failed pull: so soon the state says that it is backing off."""


def with_default_tag(image: str) -> str:
    """The reference with a tag. Raises ValueError for what is no reference (distribution's grammar)."""
    match = _REFERENCE.fullmatch(image)
    if match is None:
        lower = _REFERENCE.fullmatch(image.lower())
        problem = "repository name must be lowercase" if lower else "invalid reference format"
        raise ValueError(f'couldn\'t parse image name "{image}": {problem}')
    return image if match["tag"] or match["digest"] else f"{image}:latest"


def pull_policy(container: Container) -> str:
    """The container's policy; where nobody has defaulted it, by the tag."""
    if container.image_pull_policy:
        return container.image_pull_policy
    return ALWAYS if with_default_tag(container.image).endswith(":latest") else IF_NOT_PRESENT


class Images:
    """Makes images present, a bounded number of pulls at once."""

    def __init__(
        self,
        runtime: Runtime,
        backoff: Backoff,
        secrets: PullSecrets,
        clock: Clock,
        parallel_pulls: int,
        pulled: PulledImages,
    ) -> None:
        self._runtime = runtime
        self._backoff = backoff
        self._secrets = secrets
        self._clock = clock
        self._pulls = asyncio.Semaphore(parallel_pulls)
        self._pulled = pulled

    async def ensure(self, pod: Pod, container: Container, events: PodEvents, sandbox: Mapping[str, Any]) -> Image:
        """The image of the container, pulled if the policy says so. Raises ImageFailed."""
        name, image = container.name, container.image
        try:
            reference = with_default_tag(image)
        except ValueError as error:
            message = f'Failed to apply default image tag "{image}": {error}'
            events.warning("InspectFailed", message, name)
            raise ImageFailed("InvalidImageName", message, RETRY_SECONDS) from error
        try:
            present = await self._runtime.image(reference)
        except RuntimeFailed as error:
            message = f'Failed to inspect image "{image}": {error.rpc_text}'
            events.warning("InspectFailed", message, name)
            raise ImageFailed("ImageInspectError", message, RETRY_SECONDS) from error
        policy = pull_policy(container)
        credentials = await self._secrets.credentials(pod, reference)
        is_open = present is not None and self._pulled.may_use(present.id, credentials)
        if present is not None and is_open and policy != ALWAYS:
            events.normal(
                "Pulled", f'Container image "{image}" already present on machine and can be accessed by the pod', name
            )
            return present
        if policy == NEVER:
            message = f'Container image "{image}" is not present with pull policy of Never'
            if present is not None:
                problem = "but does not have the proper credentials to access the image"
                message = f'Container image "{image}" is present with pull policy of Never {problem}'
            events.warning("ErrImageNeverPull", message, name)
            raise ImageFailed("ErrImageNeverPull", message, RETRY_SECONDS)
        return await self._pull(pod, container, reference, credentials, events, sandbox)

    async def _pull(
        self,
        pod: Pod,
        container: Container,
        reference: str,
        credentials: list[Auth],
        events: PodEvents,
        sandbox: Mapping[str, Any],
    ) -> Image:
        name, image = container.name, container.image
        key = f"{pod.metadata.uid}/image/{image}"
        remaining = self._backoff.remaining(key, self._clock.now())
        if remaining > 0:
            message = f'Back-off pulling image "{image}"'
            events.normal("BackOff", message, name)
            raise ImageFailed("ImagePullBackOff", self._last_error(key, message), remaining)
        events.normal("Pulling", f'Pulling image "{image}"', name)
        asked = self._clock.monotonic()
        async with self._pulls:
            began = self._clock.monotonic()
            try:
                used = await self._pull_with(credentials, reference, sandbox)
                pulled = await self._runtime.image(reference)
            except RuntimeFailed as error:
                now = self._clock.now()
                self._backoff.next(key, now, now)
                events.warning("Failed", f'Failed to pull image "{image}": {error.rpc_text}', name)
                events.warning("Failed", "Error: ErrImagePull", name)
                self._backoff.note(key, error.rpc_text)
                raise ImageFailed("ErrImagePull", error.rpc_text, ANNOUNCE_SECONDS) from error
            ended = self._clock.monotonic()
        if pulled is None:
            raise ImageFailed("ErrImagePull", f'image "{image}" vanished after it was pulled', ANNOUNCE_SECONDS)
        await asyncio.to_thread(self._pulled.pulled, pulled.id, used)
        took, waited = format_duration(ended - began), format_duration(ended - asked)
        size = f"Image size: {pulled.size_bytes} bytes."
        message = f'Successfully pulled image "{image}" in {took} ({waited} including waiting). {size}'
        events.normal("Pulled", message, name)
        return pulled

    async def _pull_with(self, credentials: list[Auth], reference: str, sandbox: Mapping[str, Any]) -> Auth | None:
        """Each of the credentials in turn, the one that opened the registry; the last refusal counts."""
        tries: list[Auth | None] = [*credentials]
        *first, last = tries or [None]
        for auth in first:
            try:
                await self._runtime.pull_image(reference, auth, sandbox)
                return auth
            except RuntimeFailed:
                continue
        await self._runtime.pull_image(reference, last, sandbox)
        return last

    def _last_error(self, key: str, message: str) -> str:
        error = self._backoff.noted(key)
        return f"{message}: ErrImagePull: {error}" if error else message
