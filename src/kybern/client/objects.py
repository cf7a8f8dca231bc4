"""What every object has in common, and the form that has nothing else."""

from typing import ClassVar, NamedTuple, Protocol, TypeAlias, TypeVar

from msgspec import field

from kybern.api.types.base import ApiStruct
from kybern.api.types.meta_v1 import ObjectMeta, OwnerReference


class KubeObject(Protocol):
    """A typed top-level object."""

    API_VERSION: ClassVar[str]
    KIND: ClassVar[str]
    metadata: ObjectMeta


T = TypeVar("T", bound=KubeObject)

Objects: TypeAlias = list[T]
"""A list, by a name that classes with a method `list` can use."""


class Key(NamedTuple):
    """Which object of a kind. The namespace of cluster-wide objects is ""."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class PartialObjectMetadata(ApiStruct):
    """Any object, without what is its own: what the garbage collector keeps of the whole cluster."""

    API_VERSION: ClassVar[str] = "meta.k8s.io/v1"
    KIND: ClassVar[str] = "PartialObjectMetadata"
    api_version: str = field(default="meta.k8s.io/v1", name="apiVersion")
    kind: str = "PartialObjectMetadata"
    metadata: ObjectMeta = field(default_factory=ObjectMeta)


def key_of(obj: KubeObject) -> Key:
    return Key(obj.metadata.namespace, obj.metadata.name)


def subject_of(obj: KubeObject) -> str:
    """`Kind/namespace/name` or `Kind/name`, as traces name an object."""
    return f"{obj.KIND}/{key_of(obj)}"


def revision_of(obj: KubeObject) -> int:
    """The resourceVersion as a number (comparable since KEP-5504); 0 where there is none or it is no number."""
    version = obj.metadata.resource_version
    return int(version) if version.isdecimal() else 0


def controller_of(obj: KubeObject) -> OwnerReference | None:
    """The reference to the one owner that controls the object."""
    for reference in obj.metadata.owner_references:
        if reference.controller:
            return reference
    return None


def controller_reference(owner: KubeObject) -> OwnerReference:
    """A reference that makes `owner` the controller."""
    return OwnerReference(
        api_version=owner.API_VERSION,
        kind=owner.KIND,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )
