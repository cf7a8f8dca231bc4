"""What creating, updating and deleting have in common: the clock, identifiers, admission, commits, effects."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kybern.api.resource import Object
from kybern.apiserver.admission.chain import Admission
from kybern.apiserver.cache.version import Version
from kybern.apiserver.commit import Committer
from kybern.apiserver.objects.effects import Effect
from kybern.apiserver.objects.turns import Turns
from kybern.apiserver.served import Served
from kybern.base.clock import Clock, format_time
from kybern.base.ids import Ids


@dataclass(slots=True)
class Life:
    """The surroundings of a write."""

    clock: Clock
    ids: Ids
    committer: Committer
    admission: Admission
    effects: Mapping[str, Effect] = field(default_factory=dict)
    """By group_resource."""
    turns: Turns = field(default_factory=Turns)
    generated: set[str] = field(default_factory=set)
    """Keys of objects under way whose names were generated, so that no two at once get the same."""
    _timestamp: tuple[int, str] = (0, "")
    """The last one made, and of which second."""

    def timestamp(self) -> str:
        """Now, in whole seconds."""
        second = int(self.clock.now())
        if self._timestamp[0] != second:
            self._timestamp = second, format_time(second)
        return self._timestamp[1]

    def effect(self, served: Served) -> Effect | None:
        return self.effects.get(served.resource.group_resource)


@dataclass(slots=True)
class Outcome:
    """What a write led to."""

    obj: Object
    """As written (or as it would have been, in a dry run); the last state after a deletion."""
    version: Version | None = None
    """None: nothing was stored (dry run, deleted)."""
    created: bool = False
    deleted: bool = False


async def remove(life: Life, served: Served, version: Version, old: Object) -> int:
    """Delete with the kind's effects after it; the revision of the deletion. Raises Changed, StatusError."""
    revision = await life.committer.delete(served, version)
    effect = life.effect(served)
    if effect is not None:
        await effect.deleted(old)
    return revision
