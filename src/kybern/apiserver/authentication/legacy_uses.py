"""When tokens kept in Secrets were last used: a label of the Secret, by the day (pkg/serviceaccount/legacy.go)."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.objects.create import create
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served, ServedResources
from kybern.base.clock import Clock
from kybern.base.errors import KybernError

LAST_USED = "kubernetes.io/legacy-token-last-used"
NAMESPACE, TRACKING = "kube-system", "kube-apiserver-legacy-service-account-token-tracking"
"""The ConfigMap that tells since which day uses are noted."""


class LegacyUses:
    """Notes uses on a request's way, writes them beside it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[tuple[str, str], str] = {}
        """Uid of the Secret by namespace and name."""
        self._noted = asyncio.Event()

    def note(self, secret: Object) -> None:
        """Tomorrow's date counts as well: another server's clock may be ahead."""
        metadata = secret["metadata"]
        told = (metadata.get("labels") or {}).get(LAST_USED)
        if told not in (self._day(), self._day(1)):
            self._waiting[metadata["namespace"], metadata["name"]] = metadata["uid"]
            self._noted.set()

    async def run(self, life: Life, served: ServedResources) -> None:
        """For ever."""
        await self._tell_begin(life, served["", "v1", "configmaps"])
        secrets = served["", "v1", "secrets"]
        while True:
            await self._noted.wait()
            self._noted.clear()
            while self._waiting:
                (namespace, name), uid = self._waiting.popitem()
                attributes = Attributes("UPDATE", secrets.resource, namespace, name)
                try:
                    await update(life, secrets, partial(self._labelled, uid), attributes)
                except KybernError:
                    continue  # It is gone, or refused: the next use tells again.

    async def _tell_begin(self, life: Life, maps: Served) -> None:
        if maps.find(NAMESPACE, TRACKING) is not None:
            return
        metadata = {"name": TRACKING, "namespace": NAMESPACE}
        obj = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"since": self._day()}}
        with suppress(KybernError):  # Another server was quicker, or it is refused: then nothing is ever cleaned.
            await create(life, maps, obj, Attributes("CREATE", maps.resource, NAMESPACE, TRACKING))

    def _labelled(self, uid: str, secret: Object) -> Object:
        metadata = secret["metadata"]
        if metadata["uid"] != uid:
            return secret
        labels = {**(metadata.get("labels") or {}), LAST_USED: self._day()}
        return {**secret, "metadata": {**metadata, "labels": labels}}

    def _day(self, later: int = 0) -> str:
        return (datetime.fromtimestamp(self._clock.now(), UTC) + timedelta(days=later)).strftime("%Y-%m-%d")
