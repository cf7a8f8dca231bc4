"""Follows the CustomResourceDefinitions: settles their names and conditions, serves them, and cleans up after them.

One definition at a time, so that no two get the same name at once. Whatever is not settled is looked at again.
"""

import asyncio
import logging
from collections.abc import Iterator

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.cache.change import Change
from kybern.apiserver.custom import cleanup, names
from kybern.apiserver.custom.definition import Definition
from kybern.apiserver.custom.resources import CustomResources
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served
from kybern.base.errors import Conflict, KybernError, NotFound

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class DefinitionLoop:
    """The queue holds names; a name waits in it once."""

    def __init__(self, life: Life, definitions: Served, resources: CustomResources) -> None:
        self._life = life
        self._definitions = definitions
        self._resources = resources
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._cleaning: dict[str, asyncio.Task[None]] = {}
        definitions.cache.listen(self._notice)

    async def start(self) -> None:
        """Serve all that was established before; no request is answered without them."""
        for name in list(self._definitions.cache.objects):
            self._waiting[name] = None
            try:
                await self._serve(name)
            except Exception:
                log.exception("customresourcedefinition %s", name)  # The others are served all the same.
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    name = next(iter(self._waiting))
                    del self._waiting[name]
                    await self._look_at(name)
        finally:
            for task in self._cleaning.values():
                task.cancel()

    def _notice(self, change: Change) -> None:
        version = change.new or change.old
        assert version is not None
        self._waiting[version.name] = None
        self._wake.set()

    async def _look_at(self, name: str) -> None:
        try:
            await self._settle(name)
        except (Conflict, NotFound):
            return  # The change that came between is looked at next.
        except KybernError as error:
            log.warning("customresourcedefinition %s: %s", name, error)
            self._again(name)
        except Exception:
            log.exception("customresourcedefinition %s", name)
            self._again(name)

    def _again(self, name: str) -> None:
        """Later, without holding up the others."""

        def wait() -> None:
            self._waiting[name] = None
            self._wake.set()

        asyncio.get_running_loop().call_later(RETRY_SECONDS, wait)

    async def _settle(self, name: str) -> None:
        version = self._definitions.find("", name)
        if version is None:
            gone = self._resources.get(name)
            self._resources.remove(name)
            if gone is not None:
                self._reconsider(gone.definition.group, name)
            return
        obj = self._definitions.parse(version)
        status = names.settled(obj, self._others(obj), self._life.timestamp())
        if status != obj.get("status"):
            # Served first, then told: whoever sees Established may ask for objects at once.
            ahead = Definition({**obj, "status": status})
            await self._resources.install(ahead, version.revision)
            released = _released(obj.get("status") or {}, status)
            await self._write_status(obj, status)
            if released:
                self._reconsider(ahead.group, name)
            return
        definition = Definition(obj)
        await self._serve(name)
        if definition.is_deleted and definition.has_finalizer and name not in self._cleaning:
            self._cleaning[name] = asyncio.create_task(self._clean(name))

    async def _serve(self, name: str) -> None:
        version = self._definitions.find("", name)
        known = self._resources.get(name)
        if version is not None and (known is None or known.revision != version.revision):
            await self._resources.install(Definition(self._definitions.parse(version)), version.revision)

    async def _write_status(self, obj: Object, status: Object) -> None:
        attributes = Attributes("UPDATE", self._definitions.resource, "", obj["metadata"]["name"], subresource="status")
        await update(self._life, self._definitions, lambda current: {**obj, "status": status}, attributes)

    async def _clean(self, name: str) -> None:
        """Delete all objects, then let the definition go; tells its progress in the condition Terminating."""
        try:
            await cleanup.clean(self._life, self._definitions, self._resources, name)
        except (Conflict, NotFound):
            self._again(name)
        except KybernError as error:
            log.warning("customresourcedefinition %s: %s", name, error)
            self._again(name)
        except Exception:
            log.exception("customresourcedefinition %s", name)
            self._again(name)
        finally:
            del self._cleaning[name]

    def _others(self, obj: Object) -> Iterator[Object]:
        """All other definitions of the group."""
        group = obj["spec"]["group"]
        for installed in self._resources:
            if installed.definition.group == group and installed.definition.name != obj["metadata"]["name"]:
                yield {"status": {"acceptedNames": installed.definition.names}}

    def _reconsider(self, group: str, name: str) -> None:
        """Names have become free: those who wanted them are asked again."""
        for installed in self._resources:
            definition = installed.definition
            if definition.group == group and definition.name != name:
                self._waiting[definition.name] = None
        self._wake.set()


def _released(before: Object, after: Object) -> bool:
    return (before.get("acceptedNames") or {}) != (after.get("acceptedNames") or {})
