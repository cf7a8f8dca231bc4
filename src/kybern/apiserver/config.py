"""What an API server is told when it is made. Every default is upstream's, where upstream has one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kybern.api.feature_gates import FeatureGates
from kybern.api.runtime_config import RuntimeConfig
from kybern.apiserver.aggregation.authentication_info import RequestHeader
from kybern.apiserver.authentication.configuration import Issuer


@dataclass(frozen=True, slots=True)
class ApiServerConfig:
    """See `kybern apiserver --help` for each."""

    bind_address: str = "0.0.0.0"
    more_addresses: tuple[str, ...] = ()
    """Further addresses to listen on."""
    secure_port: int = 6443
    advertise_address: str = "127.0.0.1"
    """The endpoint of the Service `kubernetes`."""
    tls_cert_file: Path | None = None
    tls_private_key_file: Path | None = None
    client_ca_file: Path | None = None
    tls_min_version: str = "VersionTLS12"
    shutdown_delay_seconds: float = 0.0
    """Between the first sign of the end, `/readyz`, and the end of listening."""
    token_auth_file: Path | None = None
    anonymous_auth: bool = True
    authentication_config: Path | None = None
    """An AuthenticationConfiguration: issuers of tokens, and who may stay anonymous."""
    authentication_token_webhook_config_file: Path | None = None
    authentication_token_webhook_version: str = "v1beta1"
    enable_bootstrap_token_auth: bool = False
    oidc_issuer: Issuer | None = None
    """Of the flags `--oidc-…`."""
    authorization_mode: tuple[str, ...] = ("Node", "RBAC")
    authorization_config: Path | None = None
    """An AuthorizationConfiguration, in place of the modes."""
    authorization_webhook_config_file: Path | None = None
    authorization_webhook_version: str = "v1beta1"
    authorization_webhook_cache_authorized_ttl_seconds: float = 300.0
    authorization_webhook_cache_unauthorized_ttl_seconds: float = 30.0
    service_cluster_ip_range: str = "10.96.0.0/16"
    service_node_port_range: tuple[int, int] = (30000, 32767)
    service_account_issuers: tuple[str, ...] = ("https://kubernetes.default.svc.cluster.local",)
    """The first issues tokens; those of all are taken, so that an issuer can change while its tokens live on."""
    service_account_jwks_uri: str = ""
    """Where the keys of the issuer can be fetched, if not from this server."""
    service_account_signing_key_file: Path | None = None
    service_account_key_files: tuple[Path, ...] = ()
    api_audiences: tuple[str, ...] = ()
    """Empty: the issuer."""
    service_account_max_token_seconds: int = 365 * 24 * 3600
    kubelet_client_certificate: Path | None = None
    kubelet_client_key: Path | None = None
    kubelet_certificate_authority: Path | None = None
    proxy_client_cert_file: Path | None = None
    """With its key: shown to other API servers, which then believe who this one says that asks."""
    proxy_client_key_file: Path | None = None
    request_header: RequestHeader = field(default_factory=RequestHeader)
    encryption_provider_config: Path | None = None
    encryption_provider_config_automatic_reload: bool = False
    enable_admission_plugins: tuple[str, ...] = ()
    disable_admission_plugins: tuple[str, ...] = ()
    admission_control_config_file: Path | None = None
    audit_policy_file: Path | None = None
    """None: nothing is told."""
    audit_log_path: Path | None = None
    """`-`: standard output."""
    audit_webhook_config_file: Path | None = None
    """A kubeconfig: where audit events are sent in batches."""
    audit_webhook_batch_max_wait_seconds: float = 30.0
    audit_log_maxsize: int = 100
    """Megabytes after which the file is set aside."""
    audit_log_maxbackup: int = 0
    """Files set aside that are kept; 0: all."""
    audit_log_maxage: int = 0
    """Days for which they are kept; 0: for ever."""
    max_requests_inflight: int = 400
    max_mutating_requests_inflight: int = 200
    default_not_ready_toleration_seconds: int = 300
    default_unreachable_toleration_seconds: int = 300
    event_ttl_seconds: int = 3600
    min_request_timeout_seconds: float = 1800.0
    etcd_prefix: str = "/registry"
    etcd_ca_file: Path | None = None
    etcd_cert_file: Path | None = None
    etcd_key_file: Path | None = None
    etcd_compaction_interval_seconds: float = 300.0
    """0: somebody else compacts."""
    feature_gates: FeatureGates = field(default_factory=FeatureGates)
    runtime_config: RuntimeConfig = field(default_factory=RuntimeConfig)
    """Which versions and resources are switched off."""
    profiling: bool = True
    """Whether `/debug` is served."""
    flags: Mapping[str, str] = field(default_factory=dict)
    """All flags of the command line as /flagz tells them."""
    shared_store: bool = False
    """Other processes write to the store as well (etcd)."""

    @property
    def audiences(self) -> tuple[str, ...]:
        """For whom a token must be made to be taken here."""
        return self.api_audiences or self.service_account_issuers

    @property
    def service_account_issuer(self) -> str:
        """Who issues tokens."""
        return self.service_account_issuers[0]

    @property
    def advertised(self) -> str:
        """host:port under which others reach the server."""
        return f"{self.advertise_address}:{self.secure_port}"
