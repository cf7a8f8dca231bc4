"""Requests for groups that other servers serve, passed on with the user's name and without the user's credentials."""

from collections.abc import Awaitable

from kybern.apiserver.aggregation.api_services import ApiServices, Remote
from kybern.apiserver.aggregation.reach import Reach, identity_headers
from kybern.apiserver.call import Call
from kybern.apiserver.proxy.passing import pass_on
from kybern.base.errors import ServiceUnavailable
from kybern.transport.exchange import Answer, Response

TEXT = "text/plain; charset=utf-8"


class Aggregator:
    """Answers for the APIServices that name a Service."""

    def __init__(self, services: ApiServices, reach: Reach) -> None:
        self._services = services
        self._reach = reach

    def answer(self, call: Call) -> Answer | Awaitable[Answer] | None:
        """None: the group and version are not served elsewhere."""
        info = call.info
        group, version = info.group, info.version
        if not info.is_resource:
            parts = info.path.strip("/").split("/")
            if len(parts) != 3 or parts[0] != "apis":
                return None
            group, version = parts[1:]
        if not group:
            return None
        remote = self._services.find(group, version)
        if remote is None:
            return None
        if not remote.available:
            return Response(503, b"service unavailable\n", TEXT)
        return self._pass(call, remote)

    async def _pass(self, call: Call, remote: Remote) -> Answer:
        """Errors are plain text, as upstream's aggregator tells them."""
        request = call.request
        target = request.raw_path + (f"?{request.raw_query}" if request.raw_query else "")
        try:
            return await pass_on(call, self._reach.place(remote), target, identity_headers(call.user), redirects=False)
        except ServiceUnavailable as error:
            return Response(503, f"{error.message}\n".encode(), TEXT)
