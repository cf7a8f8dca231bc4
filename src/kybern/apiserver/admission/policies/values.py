"""The values that expressions see of a write."""

from typing import Any

from kybern.api.cel import Answer, Authorizer, Check
from kybern.api.resource import Object, Resource
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.request import admission_request
from kybern.apiserver.authorization.authorizer import Authorizer as Deciders
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import User, service_account_user


class Values:
    """Made once for a server."""

    def __init__(self, deciders: Deciders) -> None:
        self._deciders = deciders

    def of(
        self,
        attributes: Attributes,
        wanted: Resource,
        obj: Object | None,
        old: Object | None,
        namespace: Object | None = None,
        param: Object | None = None,
    ) -> dict[str, Any]:
        """`obj` and `old` are in the version that is wanted."""
        authorizer = Authorizer(lambda check: self._decide(attributes.user, check))
        asked = attributes.resource
        return {
            "object": obj,
            "oldObject": old,
            "request": admission_request(attributes, wanted, obj, old),
            "namespaceObject": namespace,
            "params": param,
            "authorizer": authorizer,
            "authorizer.requestResource": authorizer.resource_check(
                asked.group,
                asked.plural,
                subresource=attributes.subresource,
                namespace=attributes.namespace,
                name=attributes.name,
            ),
        }

    def _decide(self, user: User, check: Check) -> Answer:
        if check.service_account is not None:
            user = service_account_user(*check.service_account)
        if check.path:
            info = RequestInfo(False, check.verb, check.path)
        else:
            info = RequestInfo(
                True,
                check.verb,
                "",
                check.group,
                "*",
                check.namespace,
                check.resource,
                check.subresource,
                check.name,
            )
        allowed = self._deciders.allows(user, info)
        return Answer(allowed, "" if allowed else self._deciders.reason(user, info))
