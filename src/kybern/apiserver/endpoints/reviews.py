"""Reviews: who am I, who is this, may they. Answered, never stored.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from inspect import isawaitable

from kybern.api.resource import FieldError, Object
from kybern.api.validation.access_review import (
    validate_access_review,
    validate_local_access_review,
    validate_self_access_review,
)
from kybern.apiserver import answer, decode, negotiate, status
from kybern.apiserver.authentication.authenticator import Authenticator
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.authorization.rbac import Rbac
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.review_selectors import evaluation_error
from kybern.apiserver.endpoints.route import Endpoint
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.create import place
from kybern.apiserver.objects.tracking import track_create
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.served import Served
from kybern.apiserver.user import User
from kybern.base.errors import BadRequest, Unauthorized
from kybern.transport.exchange import Response

_AUTHENTICATION, _AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"

_FRESH: Mapping[str, Callable[[str], Object]] = {
    "SelfSubjectReview": lambda now: {"metadata": {"creationTimestamp": now}},
    "SelfSubjectRulesReview": lambda now: {"metadata": {}, "spec": {}},
}
"""Those that are answered with an object of the server's own, made at a time, not with what was sent."""

Fill = Callable[[Call, Served, Object], Object | Awaitable[Object]]
"""(call, served, review) -> its status."""


class Reviews:
    """The endpoints of all reviews."""

    def __init__(self, authenticator: Authenticator, authorizer: Authorizer, rbac: Rbac) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._rbac = rbac

    def endpoints(self) -> Mapping[tuple[str, str], Mapping[str, Endpoint]]:
        fills: dict[str, Fill] = {
            f"selfsubjectreviews.{_AUTHENTICATION}": self._self_subject,
            f"tokenreviews.{_AUTHENTICATION}": self._token,
            f"selfsubjectaccessreviews.{_AUTHORIZATION}": self._self_access,
            f"subjectaccessreviews.{_AUTHORIZATION}": self._access,
            f"localsubjectaccessreviews.{_AUTHORIZATION}": self._local_access,
            f"selfsubjectrulesreviews.{_AUTHORIZATION}": self._rules,
        }
        return {(name, ""): {"create": _answering(fill)} for name, fill in fills.items()}

    def _self_subject(self, call: Call, served: Served, review: Object) -> Object:
        return {"userInfo": call.user.info()}

    async def _token(self, call: Call, served: Served, review: Object) -> Object:
        spec = review.get("spec") or {}
        token = spec.get("token")
        if not token:
            raise BadRequest("token is required for TokenReview in authentication")
        try:
            found = await self._authenticator.review(token, spec.get("audiences") or ())
        except Unauthorized as error:
            return {"user": {}, "error": f"[invalid bearer token, {error.message}]"}
        if found is None:
            return {"user": {}, "error": "invalid bearer token"}
        user, audiences = found
        state: Object = {"authenticated": True, "user": user.info()}
        if audiences:
            state["audiences"] = list(audiences)
        return state

    def _self_access(self, call: Call, served: Served, review: Object) -> Object | Awaitable[Object]:
        _check(served, validate_self_access_review(review))
        return self._decide(review["spec"], call.user)

    def _access(self, call: Call, served: Served, review: Object) -> Object | Awaitable[Object]:
        _check(served, validate_access_review(review))
        return self._decide(review["spec"], _subject(review["spec"]))

    def _local_access(self, call: Call, served: Served, review: Object) -> Object | Awaitable[Object]:
        _check(served, validate_local_access_review(review))
        return self._decide(review["spec"], _subject(review["spec"]))

    def _decide(self, spec: Object, user: User) -> Object | Awaitable[Object]:
        info = _asked(spec)
        fault = evaluation_error(spec)
        told: Object = {"evaluationError": fault} if fault else {}
        if self._authorizer.asks_others:
            return self._ask(user, info, told)
        allowed = self._authorizer.allows(user, info)
        reason = (self._authorizer.allowed_by if allowed else self._authorizer.reason)(user, info)
        return {"allowed": allowed, **({"reason": reason} if reason else {}), **told}

    async def _ask(self, user: User, info: RequestInfo, told: Object) -> Object:
        allowed, denied, reason = await self._authorizer.decide(user, info)
        state: Object = {"allowed": allowed, **told}
        if denied:
            state["denied"] = True
        if reason:
            state["reason"] = reason
        return state

    def _rules(self, call: Call, served: Served, review: Object) -> Object:
        namespace = (review.get("spec") or {}).get("namespace") or ""
        if not namespace:
            raise BadRequest("no namespace on request")
        resources: list[Object] = []
        paths: list[Object] = []
        for rule in self._rbac.raw_rules_for(call.user, namespace):
            if rule.get("nonResourceURLs"):
                paths.append({"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]})
            else:
                kept = ("verbs", "apiGroups", "resources", "resourceNames")
                resources.append({key: rule[key] for key in kept if rule.get(key)})
        unknown = []
        if call.user.node_name and self._authorizer.has_node:
            unknown.append("node authorizer does not support user rule resolution")
        if self._authorizer.asks_others:
            unknown.append("webhook authorizer does not support user rule resolution")
        state: Object = {"resourceRules": resources, "nonResourceRules": paths, "incomplete": bool(unknown)}
        if unknown:
            state["evaluationError"] = unknown[0] if len(unknown) == 1 else f"[{', '.join(unknown)}]"
        return state


def _answering(fill: Fill) -> Endpoint:
    def endpoint(at: Surroundings, call: Call, served: Served) -> Response | Awaitable[Response]:
        if call.info.name:
            raise status.no_such_path()
        shape = negotiate.shape_of(call.request.headers.get("accept", ""), tables=False)
        decode.check_write_options(call)
        review = decode.body_object(call, served)
        place(served, review["metadata"], call.info.namespace)
        track_create(served, review, attributes_of(call, served, "CREATE"), at.life.timestamp())
        state = fill(call, served, review)
        fresh = _FRESH.get(served.resource.kind)
        if fresh is not None:
            review = {"kind": review["kind"], "apiVersion": review["apiVersion"], **fresh(at.life.timestamp())}

        def answered(state: Object) -> Response:
            shown = answer.in_shape(call, served, shape, {**review, "status": state}, at.now())
            return answer.encoded(call, shown, shape.media, status.CREATED)

        return _later(answered, state) if isawaitable(state) else answered(state)

    return endpoint


async def _later(answered: Callable[[Object], Response], state: Awaitable[Object]) -> Response:
    return answered(await state)


def _check(served: Served, faults: Iterable[FieldError]) -> None:
    """Raises Invalid; upstream knows no more of the kind here than its group."""
    found = list(faults)
    if found:
        raise status.invalid(replace(served.resource, kind=""), "", found)


def _subject(spec: Object) -> User:
    extra = tuple(sorted((key, tuple(values)) for key, values in (spec.get("extra") or {}).items()))
    return User(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or "", extra)


def _asked(spec: Object) -> RequestInfo:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if path is not None:
        return RequestInfo(False, path.get("verb") or "", path.get("path") or "")
    assert resource is not None
    return RequestInfo(
        True,
        resource.get("verb") or "",
        "",
        resource.get("group") or "",
        resource.get("version") or "",
        resource.get("namespace") or "",
        resource.get("resource") or "",
        resource.get("subresource") or "",
        resource.get("name") or "",
        field_selector=_field_selector(resource.get("fieldSelector") or {}),
    )


def _field_selector(asked: Object) -> str:
    """The text of a selector that comes as text or as requirements."""
    if asked.get("rawSelector"):
        return str(asked["rawSelector"])
    terms = []
    for each in asked.get("requirements") or ():
        values: Sequence[str] = each.get("values") or ()
        if len(values) == 1 and each.get("operator") in ("In", "NotIn"):
            terms.append(f"{each['key']}{'=' if each['operator'] == 'In' else '!='}{values[0]}")
    return ",".join(terms)
