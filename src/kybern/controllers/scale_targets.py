"""Which resource a kind is served as: for controllers that act on whatever has a scale."""

from kybern.api.types import ResourceName
from kybern.client.client import Client
from kybern.client.discovery import discover


async def resource_of_kind(client: Client, api_version: str, kind: str) -> ResourceName | None:
    """The resource in the version that is asked for; None where the server has no such kind. Raises KybernError."""
    group, _, version = api_version.rpartition("/")
    for each in (await discover(client)).resources:
        if (each.name.group, each.name.kind) == (group, kind):
            return each.name._replace(version=version)
    return None
