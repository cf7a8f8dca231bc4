"""The condition `Dangling` of each FlowSchema: whether the priority level that it names exists."""

import asyncio

from kybern.api.resource import Object
from kybern.apiserver.cache.change import Change
from kybern.apiserver.conditions import find_condition, timed_condition
from kybern.apiserver.endpoints.own_apply import apply_status
from kybern.apiserver.flow.control import GROUP
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.settling import Settling
from kybern.apiserver.served import ServedResources
from kybern.base.errors import Conflict, NotFound

TYPE = "Dangling"
MANAGER = "api-priority-and-fairness-config-consumer-v1"


class Dangling:
    """Looks at all FlowSchemas whenever one or a priority level has changed; they are few."""

    def __init__(self, life: Life, served: ServedResources) -> None:
        self._life = life
        self._schemas = served[GROUP, "v1", "flowschemas"]
        self._levels = served[GROUP, "v1", "prioritylevelconfigurations"]
        self._changed = asyncio.Event()
        self._changed.set()
        self.settling = Settling()
        for kind in (self._schemas, self._levels):
            kind.cache.listen(self._notice)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for version in list(self._schemas.cache.objects.values()):
                schema = self._schemas.parse(version)
                if not self._state(schema).items() <= find_condition(schema, TYPE).items():
                    await self._write(schema["metadata"]["name"])
            if not self._changed.is_set():
                self.settling.settle()

    def _state(self, schema: Object) -> Object:
        name = schema["spec"]["priorityLevelConfiguration"]["name"]
        exists = self._levels.find("", name) is not None
        told = "and it exists" if exists else "but there is no such object"
        return {
            "type": TYPE,
            "status": "False" if exists else "True",
            "reason": "Found" if exists else "NotFound",
            "message": f'This FlowSchema references the PriorityLevelConfiguration object named "{name}" {told}',
        }

    async def _write(self, name: str) -> None:
        at = self._life.timestamp()
        version = self._schemas.find("", name)
        if version is None:
            return
        schema = self._schemas.parse(version)
        condition = timed_condition(find_condition(schema, TYPE), self._state(schema), at)
        try:
            await apply_status(self._life, self._schemas, name, {"conditions": [condition]}, MANAGER)
        except (NotFound, Conflict):
            return  # The change that came between is looked at next.

    def _notice(self, change: Change) -> None:
        self._changed.set()
        self.settling.disturb()
