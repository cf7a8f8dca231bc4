"""The CRI's messages (package `runtime.v1`), declared by number: names and numbers are the contract, no stubs built.

One message a line, `name=number/type`; `*` repeats, `map` is string to string, an enum travels as its int32. Owns no
behaviour; only `kubelet/cri.py` imports it. Source: CRI API v1 (release 1.36), the closure of a kubelet's calls.
"""

from typing import Final

from kybern.api.protobuf.declared import declare_messages

PACKAGE: Final = "runtime.v1"

_TABLE: Final = """
VersionRequest: version=1/string
VersionResponse: version=1/string runtime_name=2/string runtime_version=3/string runtime_api_version=4/string
StatusRequest: verbose=1/bool
StatusResponse: status=1/RuntimeStatus info=2/map runtime_handlers=3/RuntimeHandler* features=4/RuntimeFeatures
RuntimeStatus: conditions=1/RuntimeCondition*
RuntimeCondition: type=1/string status=2/bool reason=3/string message=4/string
RuntimeHandler: name=1/string features=2/RuntimeHandlerFeatures
RuntimeHandlerFeatures: recursive_read_only_mounts=1/bool user_namespaces=2/bool
RuntimeFeatures: supplemental_groups_policy=1/bool
RunPodSandboxRequest: config=1/PodSandboxConfig runtime_handler=2/string
PodSandboxConfig: metadata=1/PodSandboxMetadata hostname=2/string log_directory=3/string dns_config=4/DNSConfig
    port_mappings=5/PortMapping* labels=6/map annotations=7/map linux=8/LinuxPodSandboxConfig
    windows=9/WindowsPodSandboxConfig
PodSandboxMetadata: name=1/string uid=2/string namespace=3/string attempt=4/uint32
DNSConfig: servers=1/string* searches=2/string* options=3/string*
PortMapping: protocol=1/int32 container_port=2/int32 host_port=3/int32 host_ip=4/string
LinuxPodSandboxConfig: cgroup_parent=1/string security_context=2/LinuxSandboxSecurityContext sysctls=3/map
    overhead=4/LinuxContainerResources resources=5/LinuxContainerResources
LinuxSandboxSecurityContext: namespace_options=1/NamespaceOption selinux_options=2/SELinuxOption
    run_as_user=3/Int64Value run_as_group=8/Int64Value readonly_rootfs=4/bool supplemental_groups=5/int64*
    supplemental_groups_policy=11/int32 privileged=6/bool seccomp=9/SecurityProfile apparmor=10/SecurityProfile
    seccomp_profile_path=7/string
NamespaceOption: network=1/int32 pid=2/int32 ipc=3/int32 target_id=4/string userns_options=5/UserNamespace
UserNamespace: mode=1/int32 uids=2/IDMapping* gids=3/IDMapping*
IDMapping: host_id=1/uint32 container_id=2/uint32 length=3/uint32
SELinuxOption: user=1/string role=2/string type=3/string level=4/string
Int64Value: value=1/int64
SecurityProfile: profile_type=1/int32 localhost_ref=2/string
LinuxContainerResources: cpu_period=1/int64 cpu_quota=2/int64 cpu_shares=3/int64 memory_limit_in_bytes=4/int64
    oom_score_adj=5/int64 cpuset_cpus=6/string cpuset_mems=7/string hugepage_limits=8/HugepageLimit* unified=9/map
    memory_swap_limit_in_bytes=10/int64
HugepageLimit: page_size=1/string limit=2/uint64
WindowsPodSandboxConfig: security_context=1/WindowsSandboxSecurityContext
WindowsSandboxSecurityContext: run_as_username=1/string credential_spec=2/string host_process=3/bool
    namespace_options=4/WindowsNamespaceOption
WindowsNamespaceOption: network=1/int32
RunPodSandboxResponse: pod_sandbox_id=1/string
StopPodSandboxRequest: pod_sandbox_id=1/string
StopPodSandboxResponse:
RemovePodSandboxRequest: pod_sandbox_id=1/string
RemovePodSandboxResponse:
PodSandboxStatusRequest: pod_sandbox_id=1/string verbose=2/bool
PodSandboxStatusResponse: status=1/PodSandboxStatus info=2/map containers_statuses=3/ContainerStatus*
    timestamp=4/int64
PodSandboxStatus: id=1/string metadata=2/PodSandboxMetadata state=3/int32 created_at=4/int64
    network=5/PodSandboxNetworkStatus linux=6/LinuxPodSandboxStatus labels=7/map annotations=8/map
    runtime_handler=9/string
PodSandboxNetworkStatus: ip=1/string additional_ips=2/PodIP*
PodIP: ip=1/string
LinuxPodSandboxStatus: namespaces=1/Namespace
Namespace: options=2/NamespaceOption
ContainerStatus: id=1/string metadata=2/ContainerMetadata state=3/int32 created_at=4/int64 started_at=5/int64
    finished_at=6/int64 exit_code=7/int32 image=8/ImageSpec image_ref=9/string reason=10/string message=11/string
    labels=12/map annotations=13/map mounts=14/Mount* log_path=15/string resources=16/ContainerResources
    image_id=17/string user=18/ContainerUser stop_signal=19/int32
ContainerMetadata: name=1/string attempt=2/uint32
ImageSpec: image=1/string annotations=2/map user_specified_image=18/string runtime_handler=19/string
Mount: container_path=1/string host_path=2/string readonly=3/bool selinux_relabel=4/bool propagation=5/int32
    uidMappings=6/IDMapping* gidMappings=7/IDMapping* recursive_read_only=8/bool image=9/ImageSpec
    image_sub_path=10/string
ContainerResources: linux=1/LinuxContainerResources windows=2/WindowsContainerResources
WindowsContainerResources: cpu_shares=1/int64 cpu_count=2/int64 cpu_maximum=3/int64 memory_limit_in_bytes=4/int64
    rootfs_size_in_bytes=5/int64 affinity_cpus=6/WindowsCpuGroupAffinity*
WindowsCpuGroupAffinity: cpu_mask=1/uint64 cpu_group=2/uint32
ContainerUser: linux=1/LinuxContainerUser
LinuxContainerUser: uid=1/int64 gid=2/int64 supplemental_groups=3/int64*
ListPodSandboxRequest: filter=1/PodSandboxFilter
PodSandboxFilter: id=1/string state=2/PodSandboxStateValue label_selector=3/map
PodSandboxStateValue: state=1/int32
ListPodSandboxResponse: items=1/PodSandbox*
PodSandbox: id=1/string metadata=2/PodSandboxMetadata state=3/int32 created_at=4/int64 labels=5/map
    annotations=6/map runtime_handler=7/string
CreateContainerRequest: pod_sandbox_id=1/string config=2/ContainerConfig sandbox_config=3/PodSandboxConfig
ContainerConfig: metadata=1/ContainerMetadata image=2/ImageSpec command=3/string* args=4/string*
    working_dir=5/string envs=6/KeyValue* mounts=7/Mount* devices=8/Device* labels=9/map annotations=10/map
    log_path=11/string stdin=12/bool stdin_once=13/bool tty=14/bool linux=15/LinuxContainerConfig
    windows=16/WindowsContainerConfig CDI_devices=17/CDIDevice* stop_signal=18/int32
KeyValue: key=1/string value=2/string
Device: container_path=1/string host_path=2/string permissions=3/string
LinuxContainerConfig: resources=1/LinuxContainerResources security_context=2/LinuxContainerSecurityContext
LinuxContainerSecurityContext: capabilities=1/Capability privileged=2/bool namespace_options=3/NamespaceOption
    selinux_options=4/SELinuxOption run_as_user=5/Int64Value run_as_group=12/Int64Value run_as_username=6/string
    readonly_rootfs=7/bool supplemental_groups=8/int64* supplemental_groups_policy=17/int32 no_new_privs=11/bool
    masked_paths=13/string* readonly_paths=14/string* seccomp=15/SecurityProfile apparmor=16/SecurityProfile
    apparmor_profile=9/string seccomp_profile_path=10/string
Capability: add_capabilities=1/string* drop_capabilities=2/string* add_ambient_capabilities=3/string*
WindowsContainerConfig: resources=1/WindowsContainerResources security_context=2/WindowsContainerSecurityContext
WindowsContainerSecurityContext: run_as_username=1/string credential_spec=2/string host_process=3/bool
CDIDevice: name=1/string
CreateContainerResponse: container_id=1/string
StartContainerRequest: container_id=1/string
StartContainerResponse:
StopContainerRequest: container_id=1/string timeout=2/int64
StopContainerResponse:
RemoveContainerRequest: container_id=1/string
RemoveContainerResponse:
ListContainersRequest: filter=1/ContainerFilter
ContainerFilter: id=1/string state=2/ContainerStateValue pod_sandbox_id=3/string label_selector=4/map
ContainerStateValue: state=1/int32
ListContainersResponse: containers=1/Container*
Container: id=1/string pod_sandbox_id=2/string metadata=3/ContainerMetadata image=4/ImageSpec image_ref=5/string
    state=6/int32 created_at=7/int64 labels=8/map annotations=9/map image_id=10/string
ContainerStatusRequest: container_id=1/string verbose=2/bool
ContainerStatusResponse: status=1/ContainerStatus info=2/map
UpdateContainerResourcesRequest: container_id=1/string linux=2/LinuxContainerResources
    windows=3/WindowsContainerResources annotations=4/map
UpdateContainerResourcesResponse:
ReopenContainerLogRequest: container_id=1/string
ReopenContainerLogResponse:
ExecSyncRequest: container_id=1/string cmd=2/string* timeout=3/int64
ExecSyncResponse: stdout=1/bytes stderr=2/bytes exit_code=3/int32
ExecRequest: container_id=1/string cmd=2/string* tty=3/bool stdin=4/bool stdout=5/bool stderr=6/bool
ExecResponse: url=1/string
AttachRequest: container_id=1/string stdin=2/bool tty=3/bool stdout=4/bool stderr=5/bool
AttachResponse: url=1/string
ContainerStats: attributes=1/ContainerAttributes cpu=2/CpuUsage memory=3/MemoryUsage
    writable_layer=4/FilesystemUsage swap=5/SwapUsage io=6/IoUsage
ContainerAttributes: id=1/string metadata=2/ContainerMetadata labels=3/map annotations=4/map
CpuUsage: timestamp=1/int64 usage_core_nano_seconds=2/UInt64Value usage_nano_cores=3/UInt64Value psi=4/PsiStats
UInt64Value: value=1/uint64
PsiStats: Full=1/PsiData Some=2/PsiData
PsiData: Total=1/uint64 Avg10=2/double Avg60=3/double Avg300=4/double
MemoryUsage: timestamp=1/int64 working_set_bytes=2/UInt64Value available_bytes=3/UInt64Value
    usage_bytes=4/UInt64Value rss_bytes=5/UInt64Value page_faults=6/UInt64Value major_page_faults=7/UInt64Value
    psi=8/PsiStats
FilesystemUsage: timestamp=1/int64 fs_id=2/FilesystemIdentifier used_bytes=3/UInt64Value inodes_used=4/UInt64Value
FilesystemIdentifier: mountpoint=1/string
SwapUsage: timestamp=1/int64 swap_available_bytes=2/UInt64Value swap_usage_bytes=3/UInt64Value
IoUsage: timestamp=1/int64 psi=2/PsiStats
ListContainerStatsRequest: filter=1/ContainerStatsFilter
ContainerStatsFilter: id=1/string pod_sandbox_id=2/string label_selector=3/map
ListContainerStatsResponse: stats=1/ContainerStats*
ListImagesRequest: filter=1/ImageFilter
ImageFilter: image=1/ImageSpec
ListImagesResponse: images=1/Image*
Image: id=1/string repo_tags=2/string* repo_digests=3/string* size=4/uint64 uid=5/Int64Value username=6/string
    spec=7/ImageSpec pinned=8/bool
ImageStatusRequest: image=1/ImageSpec verbose=2/bool
ImageStatusResponse: image=1/Image info=2/map
PullImageRequest: image=1/ImageSpec auth=2/AuthConfig sandbox_config=3/PodSandboxConfig
AuthConfig: username=1/string password=2/string auth=3/string server_address=4/string identity_token=5/string
    registry_token=6/string
PullImageResponse: image_ref=1/string
RemoveImageRequest: image=1/ImageSpec
RemoveImageResponse:
ImageFsInfoRequest:
ImageFsInfoResponse: image_filesystems=1/FilesystemUsage* container_filesystems=2/FilesystemUsage*
GetEventsRequest:
ContainerEventResponse: container_id=1/string container_event_type=2/int32 created_at=3/int64
    pod_sandbox_status=4/PodSandboxStatus containers_statuses=5/ContainerStatus*
"""


MESSAGES: Final = declare_messages(_TABLE, PACKAGE)
"""Message class by its CRI name."""
