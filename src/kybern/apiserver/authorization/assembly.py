"""The chain of authorisers that a configuration asks for."""

from typing import TYPE_CHECKING

from kybern.apiserver.authorization.authorizer import AlwaysAllow, Decider, RemoteDecider, Superusers
from kybern.apiserver.authorization.configuration import ConfigurationError, Step, Webhook, read_configuration
from kybern.apiserver.authorization.node import NodeAuthorizer
from kybern.apiserver.authorization.rbac import Rbac
from kybern.apiserver.cache.cache import Cache
from kybern.base.clock import Clock

if TYPE_CHECKING:
    from kybern.apiserver.config import ApiServerConfig


def make_deciders(config: "ApiServerConfig", cache: Cache, rbac: Rbac, clock: Clock) -> list[Decider | RemoteDecider]:
    """Raises OSError, ValueError for files that are none."""
    chain: list[Decider | RemoteDecider] = [Superusers()]
    for step in steps_of(config):
        match step.type:
            case "AlwaysAllow":
                chain.append(AlwaysAllow())
            case "Node":
                chain.append(NodeAuthorizer(cache))
            case "RBAC":
                chain.append(rbac)
            case "Webhook":
                chain.append(_webhook(step, clock))
            case "ABAC":
                raise ConfigurationError("authorization mode ABAC is not served")
    return chain


def steps_of(config: "ApiServerConfig") -> tuple[Step, ...]:
    """From the file, else from the modes of the flag. Raises OSError, ConfigurationError."""
    if config.authorization_config is not None:
        return read_configuration(config.authorization_config)
    steps = []
    for mode in config.authorization_mode:
        if mode != "Webhook":
            steps.append(Step(mode))
            continue
        if config.authorization_webhook_config_file is None:
            raise ConfigurationError("authorization-mode Webhook's authorization config file not passed")
        steps.append(
            Step(
                mode,
                Webhook(
                    config.authorization_webhook_config_file,
                    timeout=30.0,
                    version=config.authorization_webhook_version,
                    authorized_ttl=config.authorization_webhook_cache_authorized_ttl_seconds,
                    unauthorized_ttl=config.authorization_webhook_cache_unauthorized_ttl_seconds,
                ),
            )
        )
    return tuple(steps)


def _webhook(step: Step, clock: Clock) -> RemoteDecider:
    """What webhooks need is imported only where there are some."""
    from kybern.apiserver.authentication.remote import from_kubeconfig
    from kybern.apiserver.authorization.webhook import WebhookAuthorizer

    assert step.webhook is not None
    return WebhookAuthorizer(step.webhook, from_kubeconfig(step.webhook.kubeconfig), clock)
