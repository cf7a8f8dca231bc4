"""POST of a TokenRequest: a token for a ServiceAccount.

Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from collections.abc import Sequence

from kybern.api.resource import FieldError, Object, Resource
from kybern.api.schema import codec
from kybern.api.validation.field import invalid
from kybern.apiserver import answer, decode, status
from kybern.apiserver.admission.service_account import TOKEN_SECONDS
from kybern.apiserver.authentication.service_account_token import TokenIssuer
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
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
        version = served.find(call.info.namespace, call.info.name)
        if version is None:
            raise status.not_found(served.resource, call.info.name)
        account = served.parse(version)
        request = decode.body_object(call, served, codec("authentication.k8s.io/v1", "TokenRequest"), REQUEST)
        spec = request.setdefault("spec", {})
        attributes = attributes_of(call, served, "CREATE", "token")
        await at.life.admission.mutate(attributes, request, None)
        spec["audiences"] = spec.get("audiences") or list(self._audiences)
        seconds = spec.setdefault("expirationSeconds", DEFAULT_SECONDS)
        faults = _faults(spec)
        if faults:
            raise status.invalid(REQUEST, request["metadata"].get("name", ""), faults)
        await at.life.admission.validate(attributes, request, None)
        bound = _bound(at, call, account, spec.get("boundObjectRef"))
        seconds = spec["expirationSeconds"] = min(seconds, self._max_seconds)
        extended = seconds == TOKEN_SECONDS and spec["audiences"] == self._audiences and bool(bound)
        token = self._issuer.issue(
            account,
            bound,
            spec["audiences"],
            EXTENDED_SECONDS if extended else seconds,
            TOKEN_SECONDS if extended else 0,
        )
        request["status"] = {"token": token, "expirationTimestamp": format_time(at.now() + seconds)}
        kept = ("name", "namespace", "creationTimestamp")
        request["metadata"] = {
            "name": call.info.name,
            "namespace": call.info.namespace,
            "creationTimestamp": at.life.timestamp(),
            **{key: value for key, value in request["metadata"].items() if key not in kept},
        }
        return answer.document(call, request, status.CREATED)


def _faults(spec: Object) -> list[FieldError]:
    seconds = spec["expirationSeconds"]
    if seconds < MINIMUM_SECONDS:
        return [invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")]
    if seconds > MAXIMUM_SECONDS:
        return [invalid("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")]
    return []


def _bound(at: Surroundings, call: Call, account: Object, ref: Object | None) -> list[Object]:
    """The objects that the token is bound to. Raises BadRequest, NotFound, Conflict."""
    if not ref:
        return []
    plural = _BOUND.get(ref.get("kind") or "")
    if plural is None or ref.get("apiVersion") not in ("v1", "", None):
        kind = f"{ref.get('apiVersion', '')}, Kind={ref.get('kind', '')}"
        raise BadRequest(
            f"cannot bind token for serviceaccount {account['metadata']['name']!r} to object of kind {kind}"
        )
    served = at.served["", "v1", plural]
    version = served.find("" if plural == "nodes" else call.info.namespace, ref.get("name") or "")
    if version is None:
        raise status.not_found(served.resource, ref.get("name") or "")
    obj = served.parse(version)
    name, uid = obj["metadata"]["name"], obj["metadata"]["uid"]
    if ref.get("uid") and ref["uid"] != uid:
        why = (
            f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record. "
            "The object might have been deleted and then recreated"
        )
        raise status.conflict(served.resource, name, why)
    if plural != "pods":
        return [obj]
    runs_as = obj["spec"].get("serviceAccountName") or ""
    if runs_as != account["metadata"]["name"]:
        raise BadRequest(
            f'cannot bind token for serviceaccount "{account["metadata"]["name"]}" to pod running with different '
            "serviceaccount name."
        )
    node_name = obj["spec"].get("nodeName") or ""
    if not node_name:
        return [obj]
    node = at.served["", "v1", "nodes"].find("", node_name)
    if node is None:  # A node that is not there (yet) is told by its name.
        return [{"kind": "Node", "metadata": {"name": node_name}}, obj]
    return [at.served["", "v1", "nodes"].parse(node), obj]
