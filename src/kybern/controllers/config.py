"""What all controllers together are told."""

from dataclasses import dataclass, field

from kybern.controllers import csr_signing, legacy_token_cleaner
from kybern.controllers.node_ranges import Masks


@dataclass(frozen=True, slots=True)
class Config:
    """Upstream's flags and defaults, where it has them."""

    controllers: tuple[str, ...] = ("*",)
    """Names to run: `*` is all, `-NAME` is not that one."""
    allocate_node_cidrs: bool = False
    """Nodes get their ranges of Pod addresses from here; a network add-on may bring its own."""
    cluster_cidr: str = ""
    """Of all Pods: one range, or one of each family, comma-separated."""
    node_cidr_masks: Masks = field(default_factory=Masks)
    service_cluster_ip_range: str = ""
    """Ranges, comma-separated, that no Node gets."""
    root_ca_file: str = ""
    """PEM bundle for the ConfigMap kube-root-ca.crt; "": none is published."""
    service_account_private_key_file: str = ""
    """Signs the tokens that are kept in Secrets; "": such Secrets are not filled."""
    legacy_token_clean_up_seconds: float = legacy_token_cleaner.CLEAN_UP_SECONDS
    """For how long a token stays that came without asking and that nobody uses."""
    cluster_signing_cert_file: str = ""
    """PEM of the authority of the built-in certificate signers; "": nothing is signed."""
    cluster_signing_key_file: str = ""
    cluster_signing_duration_seconds: float = csr_signing.YEAR_SECONDS
    node_monitor_grace_period_seconds: float = 50.0
    node_startup_grace_period_seconds: float = 60.0
    terminated_pod_gc_threshold: int = 12500
    leader_elect: bool = False
    identity: str = ""
    """Of the candidate for the lease; "": the host's name and a random part."""
