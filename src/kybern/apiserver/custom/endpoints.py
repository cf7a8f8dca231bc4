"""What is special about the endpoints of custom resources: scale, verbs while terminating, and conversion ahead."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kybern.api.resource import Object
from kybern.apiserver import status
from kybern.apiserver.call import Call
from kybern.apiserver.custom.conversion import Unconverted
from kybern.apiserver.custom.definition import TERMINATING
from kybern.apiserver.custom.reading import as_stored, delete_converted, list_converted, watch_converted
from kybern.apiserver.custom.scale import ScaleEndpoint
from kybern.apiserver.custom.served import CustomServed
from kybern.apiserver.endpoints.create import create_object
from kybern.apiserver.endpoints.patch import patch_object
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.endpoints.update import update_object
from kybern.transport.exchange import Answer

Endpoint = Callable[[Surroundings, Call, Any], Answer | Awaitable[Answer]]
ROUNDS_LIMIT = 100
"""Conversions that one request may ask for."""
CONVERTED: Mapping[str, Endpoint] = {
    "list": list_converted, "watch": watch_converted, "deletecollection": delete_converted,
}  # fmt: skip
"""Verbs that choose objects by the fields of the version."""


def special(served: CustomServed) -> Mapping[str, Mapping[str, Endpoint]]:
    """Subresource or "" -> verb -> endpoint, where it is another than the general one."""
    found: dict[str, Mapping[str, Endpoint]] = {}
    if served.version.scale is not None:
        found["scale"] = ScaleEndpoint(served.version.scale).endpoints()
    if served.definition.is_true(TERMINATING):
        # Discovery tells of them no more, but what has finalizers must be let go.
        found[""] = {"create": create_object, "update": update_object, "patch": patch_object}
    if served.converter is not None:
        found[""] = {**found.get("", {}), **CONVERTED}
    return found


def converting(endpoint: Endpoint) -> Endpoint:
    """The endpoint, run again whenever it has met a form that a webhook had to make."""

    async def answered(at: Surroundings, call: Call, served: CustomServed) -> Answer:
        assert served.converter is not None
        told = len(call.warnings)
        for _ in range(ROUNDS_LIMIT):
            del call.warnings[told:]
            try:
                made = endpoint(at, call, served)
                return await made if inspect.isawaitable(made) else made
            except Unconverted as missing:
                wanted = [missing.obj]
                if call.info.verb in ("list", "deletecollection"):
                    wanted += _all_stored(call, served)
                await served.converter.convert(wanted, missing.api_version)
        raise status.conflict(served.resource, call.info.name)

    return answered


def _all_stored(call: Call, served: CustomServed) -> list[Object]:
    """What a LIST may need, as it is stored."""
    cache = served.cache
    versions = [cache.objects[key] for key in cache.keys_in(call.info.namespace)]
    return [as_stored(served, each) for each in versions]
