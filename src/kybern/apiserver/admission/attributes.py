"""What an admission plugin may know of a write."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kybern.api.resource import Resource
from kybern.apiserver.user import User

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]

SYSTEM_USER = User("system:apiserver", ("system:masters", "system:authenticated"))
"""The server itself."""


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
    options: Mapping[str, Any] = field(default_factory=dict)
    """CreateOptions, UpdateOptions, PatchOptions or DeleteOptions."""
    warnings: list[str] = field(default_factory=list)

    @property
    def group_resource(self) -> str:
        return self.resource.group_resource
