"""The authenticator that a configuration asks for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.authentication.anonymous import Anonymous
from kybern.apiserver.authentication.authenticator import Authenticator, RemoteTokenAuthenticator, TokenAuthenticator
from kybern.apiserver.authentication.bootstrap_token import BootstrapTokens
from kybern.apiserver.authentication.certificate import Certificates
from kybern.apiserver.authentication.configuration import AuthenticationConfiguration, read_configuration
from kybern.apiserver.authentication.front_proxy import FrontProxy
from kybern.apiserver.authentication.legacy_token import LegacyTokens
from kybern.apiserver.authentication.legacy_uses import LegacyUses
from kybern.apiserver.authentication.service_account_keys import KeySet, NamedKey
from kybern.apiserver.authentication.service_account_token import ServiceAccountTokens
from kybern.apiserver.authentication.token_file import read_token_file
from kybern.base.clock import Clock
from kybern.transport.client_chain import ClientAuthorities

if TYPE_CHECKING:
    from kybern.apiserver.config import ApiServerConfig


def make_authenticator(
    config: "ApiServerConfig",
    clock: Clock,
    lookup: Lookup,
    keys: Sequence[NamedKey],
    uses: LegacyUses,
) -> Authenticator:
    """Raises OSError, ValueError for files that are none."""
    tokens: list[TokenAuthenticator] = []
    if config.token_auth_file is not None:
        tokens.append(read_token_file(config.token_auth_file))
    if keys:
        known = KeySet(keys, config.service_account_issuer)
        tokens.append(ServiceAccountTokens(known, config.service_account_issuers, config.audiences, clock, lookup))
        tokens.append(LegacyTokens(known, lookup, uses))
    if config.enable_bootstrap_token_auth:
        tokens.append(BootstrapTokens(lookup, clock))
    told = AuthenticationConfiguration()
    if config.authentication_config is not None:
        told = read_configuration(config.authentication_config)
    proxy = FrontProxy(config.request_header) if config.request_header.client_ca is not None else None
    authorities = None
    if proxy is not None and config.client_ca_file is not None:
        authorities = ClientAuthorities(config.client_ca_file.read_bytes())
    return Authenticator(
        clock,
        tokens,
        Certificates(authorities),
        anonymous=told.anonymous or Anonymous(config.anonymous_auth),
        front_proxy=proxy,
        remote=_remote(config, clock, told),
        audiences=config.audiences,
    )


def _remote(
    config: "ApiServerConfig", clock: Clock, told: AuthenticationConfiguration
) -> list[RemoteTokenAuthenticator]:
    """Those that have to be asked; what they need is imported only where there are some."""
    remote: list[RemoteTokenAuthenticator] = []
    issuers = [*told.issuers, *([config.oidc_issuer] if config.oidc_issuer is not None else [])]
    if issuers:
        from kybern.apiserver.authentication.jwt import IssuerTokens

        remote += [IssuerTokens(issuer, clock) for issuer in issuers]
    if config.authentication_token_webhook_config_file is not None:
        from kybern.apiserver.authentication.remote import from_kubeconfig
        from kybern.apiserver.authentication.webhook_token import WebhookTokens

        place = from_kubeconfig(config.authentication_token_webhook_config_file)
        remote.append(WebhookTokens(place, config.audiences, config.authentication_token_webhook_version))
    return remote
