"""The endpoints that are no verb of a stored resource, made for one server."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.authentication.authenticator import Authenticator
from kybern.apiserver.authentication.service_account_keys import NamedKey
from kybern.apiserver.authentication.service_account_token import TokenIssuer
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.authorization.rbac import Rbac
from kybern.apiserver.endpoints.component_statuses import ComponentStatuses
from kybern.apiserver.endpoints.pod_streams import PodStreams
from kybern.apiserver.endpoints.proxying import Proxying
from kybern.apiserver.endpoints.reviews import Reviews
from kybern.apiserver.endpoints.route import Endpoint
from kybern.apiserver.endpoints.special import SPECIAL
from kybern.apiserver.endpoints.token import TokenEndpoint
from kybern.apiserver.proxy.kubelets import Kubelets
from kybern.base.clock import Clock
from kybern.base.ids import Ids

if TYPE_CHECKING:
    from kybern.apiserver.config import ApiServerConfig


def make_special(
    config: "ApiServerConfig",
    clock: Clock,
    ids: Ids,
    lookup: Lookup,
    keys: Sequence[NamedKey],
    authenticator: Authenticator,
    authorizer: Authorizer,
    rbac: Rbac,
) -> Mapping[tuple[str, str], Mapping[str, Endpoint]]:
    """(resource, subresource) -> verb -> endpoint. `keys`: the one that signs tokens first."""
    kubelets = Kubelets(
        lookup, config.kubelet_client_certificate, config.kubelet_client_key, config.kubelet_certificate_authority
    )
    special = {
        **SPECIAL,
        **Reviews(authenticator, authorizer, rbac).endpoints(),
        **PodStreams(kubelets, authorizer).endpoints(),
        **Proxying(lookup, kubelets).endpoints(),
        **ComponentStatuses().endpoints(),
    }
    if config.service_account_signing_key_file is not None:
        issuer = TokenIssuer(keys[0], config.service_account_issuer, clock, ids)
        tokens = TokenEndpoint(issuer, config.audiences, config.service_account_max_token_seconds)
        special["serviceaccounts", "token"] = {"create": tokens.create}
    return special
