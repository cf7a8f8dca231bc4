"""The condition `Dangling` of each FlowSchema: whether the priority level that it names exists."""

import asyncio

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.cache.change import Change
from kybern.apiserver.flow.control import GROUP
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import ServedResources
from kybern.base.errors import Conflict, NotFound


class Dangling:
    """Looks at all FlowSchemas whenever one or a priority level has changed; they are few."""

    def __init__(self, life: Life, served: ServedResources) -> None:
        self._life = life
        self._schemas = served[GROUP, "v1", "flowschemas"]
        self._levels = served[GROUP, "v1", "prioritylevelconfigurations"]
        self._changed = asyncio.Event()
        self._changed.set()
        for kind in (self._schemas, self._levels):
            kind.cache.listen(self._notice)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for version in list(self._schemas.cache.objects.values()):
                schema = self._schemas.parse(version)
                if _with_condition(schema, self._state(schema), self._life.timestamp()) is not schema:
                    await self._write(schema["metadata"]["name"])

    def _state(self, schema: Object) -> Object:
        name = schema["spec"]["priorityLevelConfiguration"]["name"]
        exists = self._levels.find("", name) is not None
        told = "and it exists" if exists else "but there is no such object"
        return {
            "type": "Dangling",
            "status": "False" if exists else "True",
            "reason": "Found" if exists else "NotFound",
            "message": f'This FlowSchema references the PriorityLevelConfiguration object named "{name}" {told}',
        }

    async def _write(self, name: str) -> None:
        attributes = Attributes("UPDATE", self._schemas.resource, "", name, subresource="status")
        at = self._life.timestamp()
        try:
            await update(
                self._life,
                self._schemas,
                lambda schema: _with_condition(schema, self._state(schema), at),
                attributes,
            )
        except (NotFound, Conflict):
            return  # The change that came between is looked at next.

    def _notice(self, change: Change) -> None:
        self._changed.set()


def _with_condition(schema: Object, state: Object, at: str) -> Object:
    """The schema itself where the condition is told already."""
    conditions = (schema.get("status") or {}).get("conditions") or []
    before: Object = next((each for each in conditions if each.get("type") == state["type"]), {})
    if all(before.get(key) == value for key, value in state.items()):
        return schema
    since = before.get("lastTransitionTime", at) if before.get("status") == state["status"] else at
    others = [each for each in conditions if each is not before]
    status = {**(schema.get("status") or {}), "conditions": [*others, {**state, "lastTransitionTime": since}]}
    return {**schema, "status": status}
