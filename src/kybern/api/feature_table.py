"""The feature gates of v1.36: their stages, defaults, which are locked, and what they build on. Facts only.

Source: https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Stage = Literal["ALPHA", "BETA", "", "DEPRECATED"]
""""": generally available, as metrics tell it."""


class Gate(NamedTuple):
    """A feature that can be switched, or once could."""

    stage: Stage
    default: bool
    locked: bool = False
    """It is as it is; only its own default may be named."""


_NAMES: Mapping[Gate, str] = {
    Gate("ALPHA", False): """
    APIServingWithRoutine AllowUnsafeMalformedObjectDeletion CBORServingAndStorage CPUManagerPolicyAlphaOptions
    CRIListStreaming CSIVolumeHealth ClientsAllowCBOR ClientsPreferCBOR
    CloudControllerManagerWatchBasedRoutesReconciliation CloudControllerManagerWebhook ContainerStopSignals
    ControllerManagerReleaseLeaderElectionLockOnExit CrossNamespaceVolumeDataSource DRAListTypeAttributes
    DRANodeAllocatableResources DRAResourcePoolStatus DRAWorkloadResourceClaims EventedPLEG GangScheduling
    GenericWorkload HPAScaleToZero ImageVolumeWithDigest InPlacePodVerticalScalingExclusiveCPUs
    InPlacePodVerticalScalingExclusiveMemory KubeletInUserNamespace LoggingAlphaOptions
    ManifestBasedAdmissionControlConfig MemoryQoS MutablePVNodeAffinity NativeHistograms
    PersistentVolumeClaimUnusedSinceTime PodAndContainerStatsFromCRI PodLevelResourceManagers
    PodLogsQuerySplitStreams PodsAPI QOSReserved ReduceDefaultCrashLoopBackOffDecay RuntimeClassInImageCriApi
    ShardedListAndWatch StorageCapacityScoring StorageVersionAPI TaintTolerationComparisonOperators
    TopologyAwareWorkloadScheduling TopologyManagerPolicyAlphaOptions UserNamespacesHostNetworkSupport
    VolumeLimitScaling WindowsCPUAndMemoryAffinity WorkloadAwarePreemption WorkloadWithJob
    """,
    Gate("BETA", False): """
    ClusterTrustBundle ClusterTrustBundleProjection ConcurrentWatchObjectDecode CoordinatedLeaderElection
    DRADeviceTaintRules LocalStorageCapacityIsolationFSQuotaMonitoring MaxUnavailableStatefulSet
    PodCertificateRequest SELinuxMount SchedulerAsyncAPICalls StorageVersionMigrator
    """,
    Gate("BETA", True): """
    APIResponseCompression APIServerIdentity AllowParsingUserUIDFromCertAuth AtomicFIFO
    AuthorizePodWebsocketUpgradeCreatePermission CPUManagerPolicyBetaOptions CRDObservedGenerationTracking
    ClearingNominatedNodeNameAfterBinding ClientsAllowCARotation ClientsAllowTLSCacheGC ComponentFlagz
    ComponentStatusz ConstrainedImpersonation ContainerCheckpoint ContainerRestartRules ContextualLogging
    DRAConsumableCapacity DRADeviceBindingConditions DRADeviceTaints DRAExtendedResource DRAPartitionableDevices
    DRAResourceClaimDeviceStatus DRAResourceClaimGranularStatusAuthorization DRASchedulerFilterTimeout
    DeclarativeValidationBeta DeploymentReplicaSetTerminatingReplicas DetectCacheInconsistency EnvFiles
    ExtendWebSocketsToKubelet GracefulNodeShutdown GracefulNodeShutdownBasedOnPodPriority
    HPAConfigurableTolerance HostnameOverride InOrderInformersBatchProcess
    InPlacePodLevelResourcesVerticalScaling InPlacePodVerticalScalingInitContainers KubeletCrashLoopBackOffMax
    KubeletEnsureSecretPulledImages KubeletSeparateDiskGC KubeletServiceAccountTokenForCredentialProviders
    ListFromCacheSnapshot LoggingBetaOptions MatchLabelKeysInPodTopologySpread
    MatchLabelKeysInPodTopologySpreadSelectorMerge MutablePodResourcesForSuspendedJobs
    MutableSchedulingDirectivesForSuspendedJobs NodeDeclaredFeatures NominatedNodeNameForExpectation
    OpenAPIEnums OpportunisticBatching PLEGOnDemandRelist PodDeletionCost PodLevelResources
    PodReadyToStartContainersCondition PodTopologyLabelsAdmission PortForwardWebsockets
    PreventStaticPodAPIReferences RelaxedServiceNameValidation ReloadKubeletClientCAFile
    ReloadKubeletServerCertificateFile RemoteRequestHeaderUID ResourceHealthStatus ResourceHealthStatusMessage
    RestartAllContainersOnContainerExits RotateKubeletServerCertificate SchedulerAsyncPreemption
    SchedulerPopFromBackoffQ ServiceAccountNodeAudienceRestriction SizeBasedListCostEstimate
    StaleControllerConsistencyDaemonSet StaleControllerConsistencyJob StaleControllerConsistencyReplicaSet
    StaleControllerConsistencyStatefulSet StatefulSetSemanticRevisionComparison StorageVersionHash
    StrictIPCIDRValidation StructuredAuthenticationConfigurationEgressSelector
    StructuredAuthenticationConfigurationJWKSMetrics TokenRequestServiceAccountUIDValidation
    TopologyManagerPolicyBetaOptions TranslateStreamCloseWebsocketRequests UnauthenticatedHTTP2DOSMitigation
    UnknownVersionInteroperabilityProxy UnlockWhileProcessingFIFO WatchCacheInitializationPostStartHook
    WatchList WatchListClient WindowsGracefulNodeShutdown
    """,
    Gate("", True): """
    AllowServiceExternalIPs CustomCPUCFSQuotaPeriod DRAPrioritizedList InformerResourceVersion
    MutatingAdmissionPolicy
    """,
    Gate("", True, locked=True): """
    APIServerTracing AnonymousAuthConfigurableEndpoints AnyVolumeDataSource AuthorizeNodeWithSelectors
    AuthorizeWithSelectors BtreeWatchCache CPUManagerPolicyOptions CRDValidationRatcheting
    CSIServiceAccountTokenSecrets ConsistentListFromCache CustomResourceFieldSelectors DRAAdminAccess
    DeclarativeValidation DisableAllocatorDualWrite DynamicResourceAllocation ExecProbeTimeout
    ExternalServiceAccountTokenSigner ImageMaximumGCAge ImageVolume InOrderInformers InPlacePodVerticalScaling
    JobBackoffLimitPerIndex JobManagedBy JobPodReplacementPolicy JobSuccessPolicy KubeletCgroupDriverFromCRI
    KubeletFineGrainedAuthz KubeletPSI KubeletPodResourcesDynamicResources KubeletPodResourcesGet KubeletTracing
    LogarithmicScaleDown MatchLabelKeysInPodAffinity MultiCIDRServiceAllocator MutableCSINodeAllocatableCount
    NFTablesProxyMode NodeInclusionPolicyInPodTopologySpread NodeLogQuery NodeSwap OrderedNamespaceDeletion
    PodLifecycleSleepAction PodLifecycleSleepActionAllowZero PodObservedGenerationTracking
    PodSchedulingReadiness PreferSameTrafficDistribution ProcMountType RecoverVolumeExpansionFailure
    RecursiveReadOnlyMounts RelaxedDNSSearchValidation RelaxedEnvironmentVariableValidation
    ResilientWatchCacheInitialization RetryGenerateName SELinuxChangePolicy SELinuxMountReadWriteOncePod
    SchedulerQueueingHints SeparateTaintEvictionController ServiceAccountTokenJTI ServiceAccountTokenNodeBinding
    ServiceAccountTokenNodeBindingValidation ServiceAccountTokenPodNodeInfo SidecarContainers
    StreamingCollectionEncodingToJSON StreamingCollectionEncodingToProtobuf
    StructuredAuthenticationConfiguration SupplementalGroupsPolicy SystemdWatchdog TopologyManagerPolicyOptions
    UserNamespacesSupport VolumeAttributesClass WinDSR WinOverlay
    """,
    Gate("DEPRECATED", False): """
    AllowDNSOnlyNodeCSR AllowInsecureKubeletCertificateSigningRequests ChangeContainerStatusOnKubeletRestart
    DeclarativeValidationTakeover KMSv1 KubeletRegistrationGetOnExistsOnly WindowsHostNetwork
    """,
    Gate("DEPRECATED", False, locked=True): """
    AllowOverwriteTerminationGracePeriodSeconds GitRepoVolumeDriver SeparateCacheWatchRPC
    """,
    Gate("DEPRECATED", True): """
    DisableCPUQuotaWithExclusiveCPUs KubeletPodResourcesListUseActivePods ServiceCIDRStatusFieldWiping
    StorageNamespaceIndex
    """,
    Gate("DEPRECATED", True, locked=True): """
    AggregatedDiscoveryRemoveBetaType DisableNodeKubeProxyVersion
    """,
}

GATES: Mapping[str, Gate] = {name: gate for gate, names in _NAMES.items() for name in names.split()}

_NEEDS = """
    APIServerIdentity: StorageVersionAPI UnknownVersionInteroperabilityProxy
    AuthorizeNodeWithSelectors: PodCertificateRequest
    AuthorizeWithSelectors: AuthorizeNodeWithSelectors
    ClusterTrustBundle: ClusterTrustBundleProjection
    ContainerRestartRules NodeDeclaredFeatures: RestartAllContainersOnContainerExits
    DRADeviceTaints: DRADeviceTaintRules
    DeclarativeValidation: DeclarativeValidationBeta DeclarativeValidationTakeover
    DynamicResourceAllocation: DRAAdminAccess DRAConsumableCapacity DRADeviceTaints DRAExtendedResource \
        DRAListTypeAttributes DRANodeAllocatableResources DRAPartitionableDevices DRAPrioritizedList \
        DRAResourcePoolStatus DRASchedulerFilterTimeout ResourceHealthStatus
    DynamicResourceAllocation DRAResourceClaimDeviceStatus: DRADeviceBindingConditions \
        DRAResourceClaimGranularStatusAuthorization
    DynamicResourceAllocation GenericWorkload: DRAWorkloadResourceClaims
    GangScheduling: WorkloadAwarePreemption
    GenericWorkload: GangScheduling TopologyAwareWorkloadScheduling WorkloadWithJob
    GracefulNodeShutdown: GracefulNodeShutdownBasedOnPodPriority WindowsGracefulNodeShutdown
    ImageVolume: ImageVolumeWithDigest
    InPlacePodVerticalScaling: InPlacePodVerticalScalingExclusiveCPUs InPlacePodVerticalScalingExclusiveMemory
    InPlacePodVerticalScaling NodeDeclaredFeatures: InPlacePodVerticalScalingInitContainers
    InPlacePodVerticalScaling PodLevelResources NodeDeclaredFeatures: InPlacePodLevelResourcesVerticalScaling
    MatchLabelKeysInPodTopologySpread: MatchLabelKeysInPodTopologySpreadSelectorMerge
    MultiCIDRServiceAllocator: DisableAllocatorDualWrite
    NodeDeclaredFeatures: ExtendWebSocketsToKubelet
    PodLevelResources: PodLevelResourceManagers
    PodLifecycleSleepAction: PodLifecycleSleepActionAllowZero
    ResourceHealthStatus: ResourceHealthStatusMessage
    ServiceAccountTokenNodeBindingValidation: ServiceAccountTokenNodeBinding
    StructuredAuthenticationConfiguration: StructuredAuthenticationConfigurationEgressSelector \
        StructuredAuthenticationConfigurationJWKSMetrics
    UserNamespacesSupport: ProcMountType
    UserNamespacesSupport NodeDeclaredFeatures: UserNamespacesHostNetworkSupport
"""
"""What is needed, and by whom."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    name: tuple(needed.split())
    for needed, colon, names in (line.partition(":") for line in _NEEDS.splitlines())
    if colon
    for name in names.split()
}

_ELSEWHERE = """
    AllowDNSOnlyNodeCSR AllowOverwriteTerminationGracePeriodSeconds AllowServiceExternalIPs AtomicFIFO
    CPUManagerPolicyAlphaOptions CPUManagerPolicyBetaOptions CPUManagerPolicyOptions CRIListStreaming
    CSIVolumeHealth ChangeContainerStatusOnKubeletRestart ClientsAllowCARotation ClientsAllowCBOR
    ClientsAllowTLSCacheGC ClientsPreferCBOR CloudControllerManagerWatchBasedRoutesReconciliation
    CloudControllerManagerWebhook ContainerCheckpoint ContextualLogging
    ControllerManagerReleaseLeaderElectionLockOnExit CustomCPUCFSQuotaPeriod DRASchedulerFilterTimeout
    DeclarativeValidationTakeover DisableCPUQuotaWithExclusiveCPUs DisableNodeKubeProxyVersion EventedPLEG
    ExecProbeTimeout GangScheduling GracefulNodeShutdown GracefulNodeShutdownBasedOnPodPriority
    ImageMaximumGCAge InOrderInformers InOrderInformersBatchProcess InPlacePodVerticalScalingExclusiveCPUs
    InPlacePodVerticalScalingExclusiveMemory InformerResourceVersion KubeletCgroupDriverFromCRI
    KubeletCrashLoopBackOffMax KubeletEnsureSecretPulledImages KubeletInUserNamespace KubeletPSI
    KubeletPodResourcesDynamicResources KubeletPodResourcesGet KubeletPodResourcesListUseActivePods
    KubeletRegistrationGetOnExistsOnly KubeletSeparateDiskGC KubeletTracing
    LocalStorageCapacityIsolationFSQuotaMonitoring LogarithmicScaleDown LoggingAlphaOptions LoggingBetaOptions
    MemoryQoS NFTablesProxyMode NativeHistograms NodeLogQuery NodeSwap NominatedNodeNameForExpectation
    OpportunisticBatching OrderedNamespaceDeletion PLEGOnDemandRelist PersistentVolumeClaimUnusedSinceTime
    PodAndContainerStatsFromCRI PodLevelResourceManagers PodReadyToStartContainersCondition
    PodSchedulingReadiness PodsAPI PreventStaticPodAPIReferences QOSReserved ReduceDefaultCrashLoopBackOffDecay
    ReloadKubeletClientCAFile ReloadKubeletServerCertificateFile RotateKubeletServerCertificate
    RuntimeClassInImageCriApi SchedulerAsyncAPICalls SchedulerAsyncPreemption SchedulerPopFromBackoffQ
    SchedulerQueueingHints SeparateTaintEvictionController StaleControllerConsistencyDaemonSet
    StaleControllerConsistencyJob StaleControllerConsistencyReplicaSet StaleControllerConsistencyStatefulSet
    StatefulSetSemanticRevisionComparison StorageCapacityScoring SystemdWatchdog
    TopologyManagerPolicyAlphaOptions TopologyManagerPolicyBetaOptions TopologyManagerPolicyOptions
    UnlockWhileProcessingFIFO WatchListClient WinDSR WinOverlay WindowsCPUAndMemoryAffinity
    WindowsGracefulNodeShutdown WindowsHostNetwork
"""

ELSEWHERE = frozenset(_ELSEWHERE.split())
"""Gates of which upstream's API server asks nothing: they are the kubelet's, the scheduler's, the controllers' or those
of clients."""

INWARD = frozenset(
    (
        "APIServingWithRoutine",
        "ConcurrentWatchObjectDecode",
        "DeclarativeValidationBeta",
        "DetectCacheInconsistency",
        "ListFromCacheSnapshot",
        "SizeBasedListCostEstimate",
        "StorageNamespaceIndex",
        "UnauthenticatedHTTP2DOSMitigation",
        "UnknownVersionInteroperabilityProxy",
    )
)
"""Gates of how upstream's API server works within; a client sees no difference."""
