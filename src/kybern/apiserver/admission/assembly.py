"""The chain of admission plugins that a configuration asks for."""

from typing import TYPE_CHECKING

from kybern.apiserver.admission.chain import Chain
from kybern.apiserver.admission.configuration import read_configuration
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.metrics import AdmissionMetrics
from kybern.apiserver.admission.plugins import Parts, plugins
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.authorization.rbac import Rbac
from kybern.apiserver.objects.life import Life
from kybern.apiserver.served import ServedResources
from kybern.apiserver.webhooks.client import WebhookClient

if TYPE_CHECKING:
    from kybern.apiserver.config import ApiServerConfig


def make_admission(
    config: "ApiServerConfig",
    life: Life,
    served: ServedResources,
    lookup: Lookup,
    authorizer: Authorizer,
    rbac: Rbac,
    client: WebhookClient,
    metrics: AdmissionMetrics,
) -> Chain:
    """Raises OSError, ValueError for files that are none, and for plugins that there are not."""
    parts = Parts(
        lookup,
        life,
        served,
        authorizer,
        rbac,
        config.authorization_mode,
        read_configuration(config.admission_control_config_file),
        client,
        metrics,
        (config.default_not_ready_toleration_seconds, config.default_unreachable_toleration_seconds),
    )
    return Chain(plugins(parts, config.enable_admission_plugins, config.disable_admission_plugins), metrics)
