"""POST of a TokenRequest: a token for a ServiceAccount.

Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import replace

import orjson

from kybern.api.fields import structure, update
from kybern.api.fields.managers import Writer
from kybern.api.fields.reset import STATUS
from kybern.api.fields.versions import Version
from kybern.api.resource import FieldError, Object, Resource
from kybern.api.schema import codec
from kybern.api.validation.field import invalid
from kybern.apiserver import answer, decode, status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.service_account import TOKEN_SECONDS
from kybern.apiserver.authentication.service_account_token import TokenIssuer
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.create import place
from kybern.apiserver.objects.tracking import FIELD
from kybern.apiserver.served import Served
from kybern.base.clock import format_time
from kybern.base.errors import BadRequest
from kybern.transport.exchange import Response

REQUEST = Resource("authentication.k8s.io", "v1", "TokenRequest", "tokenrequests", True)
DEFAULT_SECONDS = 3600
MINIMUM_SECONDS = 600
MAXIMUM_SECONDS = 1 << 32
EXTENDED_SECONDS = 365 * 24 * 3600
"""Tokens that admission asked for live this long, so that old clients which never read them again go on working."""
_BOUND = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


class TokenEndpoint:
    """`serviceaccounts/token`."""

    def __init__(self, issuer: TokenIssuer, audiences: Sequence[str], max_seconds: int) -> None:
        self._issuer = issuer
        self._audiences = list(audiences)
        self._max_seconds = max_seconds

    async def create(self, at: Surroundings, call: Call, served: Served) -> Response:
        """201 and the TokenRequest with its token."""
        decode.check_write_options(call)
        request = decode.body_object(call, served, codec("authentication.k8s.io/v1", "TokenRequest"), REQUEST)
        attributes = attributes_of(call, served, "CREATE", "token")
        place(served, request["metadata"], call.info.namespace)
        account = _account(call, served, request)
        _track(request, attributes, at.life.timestamp())
        spec = request.setdefault("spec", {})
        await at.life.admission.mutate(attributes, request, None)
        spec["audiences"] = spec.get("audiences") or list(self._audiences)
        seconds = spec.setdefault("expirationSeconds", DEFAULT_SECONDS)
        faults = _faults(spec)
        if faults:
            raise status.invalid(REQUEST, "", faults)
        await at.life.admission.validate(attributes, request, None)
        bound = _bound(at, call, account, spec.get("boundObjectRef"))
        if seconds > self._max_seconds:
            attributes.warn(f"requested expiration of {seconds} seconds shortened to {self._max_seconds} seconds")
            seconds = spec["expirationSeconds"] = self._max_seconds
        extended = seconds == TOKEN_SECONDS and spec["audiences"] == self._audiences and bool(bound)
        token = self._issuer.issue(
            account,
            bound,
            spec["audiences"],
            EXTENDED_SECONDS if extended else seconds,
            TOKEN_SECONDS if extended else 0,
        )
        claims = orjson.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
        call.audit_annotations["authentication.kubernetes.io/issued-credential-id"] = f"JTI={claims['jti']}"
        request["status"] = {"token": token, "expirationTimestamp": format_time(at.now() + seconds)}
        kept = ("name", "namespace", "uid", "creationTimestamp")
        request["metadata"] = {
            "name": call.info.name,
            "namespace": call.info.namespace,
            "uid": account["metadata"]["uid"],
            "creationTimestamp": at.life.timestamp(),
            **{key: value for key, value in request["metadata"].items() if key not in kept},
        }
        return answer.document(call, request, status.CREATED)


def _account(call: Call, served: Served, request: Object) -> Object:
    """The ServiceAccount that the request means. Raises Invalid, NotFound, Conflict."""
    name, metadata = call.info.name, request["metadata"]
    if metadata.get("name") and metadata["name"] != name:
        why = "must match the service account name if specified"
        raise status.invalid(REQUEST, name, [invalid("metadata.name", metadata["name"], why)])
    version = served.find(call.info.namespace, name)
    if version is None:
        raise status.not_found(served.resource, name)
    account = served.parse(version)
    uid = account["metadata"]["uid"]
    if metadata.get("uid") and metadata["uid"] != uid:
        why = f"the UID in the token request ({metadata['uid']}) does not match the UID of the service account ({uid})"
        raise status.conflict(replace(REQUEST, plural=REQUEST.kind), name, why)
    return account


def _track(request: Object, attributes: Attributes, now: str) -> None:
    """The request tells who sent it, as what is stored does."""
    name = "io.k8s.api.authentication.v1.TokenRequest"
    version = Version(REQUEST.api_version, structure.atom(name), STATUS, structure.zero(name))
    entries = update.created(version, request, Writer(attributes.manager, REQUEST.api_version, now, "token"))
    request["metadata"].pop(FIELD, None)
    if entries:
        request["metadata"][FIELD] = entries


def _faults(spec: Object) -> list[FieldError]:
    seconds = spec["expirationSeconds"]
    if seconds < MINIMUM_SECONDS:
        return [invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")]
    if seconds > MAXIMUM_SECONDS:
        return [invalid("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")]
    return []


def _bound(at: Surroundings, call: Call, account: Object, ref: Object | None) -> list[Object]:
    """The objects that the token is bound to. Raises BadRequest, NotFound, Conflict."""
    if ref is None:
        return []
    group, _, version_name = (ref.get("apiVersion") or "").rpartition("/")
    plural = _BOUND.get(ref.get("kind") or "")
    if plural is None or group:
        raise BadRequest(f"cannot bind token to object of type {group}/{version_name}, Kind={ref.get('kind') or ''}")
    served = at.served["", "v1", plural]
    version = served.find("" if plural == "nodes" else call.info.namespace, ref.get("name") or "")
    if version is None:
        raise status.not_found(served.resource, ref.get("name") or "")
    obj = served.parse(version)
    name, uid = obj["metadata"]["name"], obj["metadata"]["uid"]
    runs_as = obj["spec"].get("serviceAccountName") or "" if plural == "pods" else ""
    if plural == "pods" and runs_as != account["metadata"]["name"]:
        raise BadRequest(
            f'cannot bind token for serviceaccount "{account["metadata"]["name"]}" to pod running with different '
            "serviceaccount name."
        )
    if ref.get("uid") and ref["uid"] != uid:
        why = (
            f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record. "
            "The object might have been deleted and then recreated"
        )
        raise status.conflict(replace(served.resource, plural=served.resource.kind), name, why)
    if plural != "pods":
        return [obj]
    node_name = obj["spec"].get("nodeName") or ""
    if not node_name:
        return [obj]
    node = at.served["", "v1", "nodes"].find("", node_name)
    if node is None:  # A node that is not there (yet) is told by its name.
        return [{"kind": "Node", "metadata": {"name": node_name}}, obj]
    return [at.served["", "v1", "nodes"].parse(node), obj]
