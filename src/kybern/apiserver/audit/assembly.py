"""The audit of a server, made of its configuration."""

import logging

from kybern.apiserver.audit.audit import NOTHING, Audit, Sink
from kybern.apiserver.audit.log_file import DAY_SECONDS, MEGABYTE, LogFile
from kybern.apiserver.audit.policy import Policy, PolicyError, parse_policy
from kybern.apiserver.config import ApiServerConfig
from kybern.base.clock import Clock

log = logging.getLogger(__name__)

DEFAULT_MEGABYTES = 100


def make_audit(config: ApiServerConfig, clock: Clock) -> Audit:
    """Raises PolicyError, OSError."""
    return Audit(clock, _sinks(config, clock), _policy(config))


def _sinks(config: ApiServerConfig, clock: Clock) -> list[Sink]:
    sinks: list[Sink] = []
    if config.audit_log_path is not None:
        file = LogFile(
            config.audit_log_path,
            max_bytes=(config.audit_log_maxsize or DEFAULT_MEGABYTES) * MEGABYTE,
            max_files=config.audit_log_maxbackup,
            max_age_seconds=config.audit_log_maxage * DAY_SECONDS,
        )
        sinks.append(file)
    if config.audit_webhook_config_file is not None:
        from kybern.apiserver.audit.webhook import WebhookSink
        from kybern.apiserver.authentication.remote import from_kubeconfig

        try:
            remote = from_kubeconfig(config.audit_webhook_config_file)
        except (OSError, ValueError) as error:
            raise PolicyError(f"initializing audit webhook: {error}") from None
        sinks.append(WebhookSink(remote, clock, batch_seconds=config.audit_webhook_batch_max_wait_seconds))
    return sinks


def _policy(config: ApiServerConfig) -> Policy:
    path = config.audit_policy_file
    if path is None:
        if config.audit_log_path is not None or config.audit_webhook_config_file is not None:
            log.warning("no audit policy file provided, no events will be recorded")
        return NOTHING
    try:
        return parse_policy(path.read_bytes())
    except (OSError, PolicyError) as error:
        raise PolicyError(f"loading audit policy file: {error}: from file {path}") from None
