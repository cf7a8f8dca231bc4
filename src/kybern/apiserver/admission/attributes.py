"""What an admission plugin may know of a write."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from kybern.api.resource import Object, Resource
from kybern.apiserver import status
from kybern.apiserver.admission.reinvocation import Reinvocation
from kybern.apiserver.user import User
from kybern.base.errors import Forbidden

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]

SYSTEM_USER = User("system:apiserver", ("system:masters", "system:authenticated"))
"""The server itself."""


class Hold(Protocol):
    """What a plugin has taken for a write that is not stored yet."""

    def keep(self) -> None:
        """The write is durable."""
        ...

    async def release(self) -> None:
        """The write failed: give back."""
        ...


class View(Protocol):
    """How a client sees the object that it writes through a subresource of another kind (Scale)."""

    def shown(self, obj: Object) -> Object:
        """The subresource's form."""
        ...

    def applied(self, obj: Object, shown: Object) -> Object:
        """The object with what the subresource's form says."""
        ...


def _no_options() -> Mapping[str, Any]:
    return {}


@dataclass(slots=True)
class Attributes:
    """One write, beside the objects."""

    operation: Operation
    resource: Resource
    namespace: str
    name: str
    user: User = SYSTEM_USER
    subresource: str = ""
    dry_run: bool = False
    manager: str = "kube-apiserver"
    """Who comes to own the fields that the write changes."""
    options: Callable[[], Mapping[str, Any]] = _no_options
    """Makes what the client asked of the operation, without kind and version; few plugins ask."""
    warnings: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    """Of the audit event, under `plugin.domain/name`."""
    tells_bodies: bool = False
    """Whether the audit event holds what the request holds: then it may tell of patches too."""
    holds: list[Hold] = field(default_factory=list)
    view: View | None = None
    """None: the object itself, or the body of its subresource, is what plugins get."""
    verb: str = ""
    """The request's, where a right depends on it: `update` or `patch`."""
    sent: Callable[[], Any] | None = None
    """Makes what the client sent (of a patch: what it made of the object) where that may hold empty lists or maps."""
    sent_lists: bool = False
    """Whether there may be lists among these, or quantities that were left out: who owns fields depends on them."""
    reinvocation: Reinvocation | None = None
    """Made by the first plugin that calls others."""

    @property
    def group_resource(self) -> str:
        return self.resource.group_resource

    def warn(self, text: str) -> None:
        """A Warning header of the answer; each text once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def keep_holds(self) -> None:
        """The write is durable."""
        for hold in self.holds:
            hold.keep()
        self.holds.clear()

    async def release_holds(self) -> None:
        """The write failed."""
        holds, self.holds = self.holds, []
        for hold in holds:
            await hold.release()

    def forbidden(self, obj: Object | None, why: str) -> Forbidden:
        """A refusal in upstream's form; before a name is generated it tells the prefix."""
        metadata = (obj or {}).get("metadata") or {}
        name = self.name or metadata.get("name") or metadata.get("generateName") or "Unknown"
        return status.forbidden(self.resource, name, why)
