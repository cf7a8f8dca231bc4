"""What the store keeps of a value that a KMS plugin guards: the sealed value beside the sealed seed of its key. Pure.

The messages are upstream's (`EncryptedObject` of package v2, `KeyManagementService` of k8s.io/kms/apis/v2).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError

from kybern.api.protobuf.declared import declare_messages
from kybern.api.validation.names import dns_label, dns_subdomain
from kybern.apiserver.encryption.ciphers import Undecipherable

KEY, SEED = 0, 1
"""What the plugin has sealed: the key itself, or a seed for keys."""
KEY_ID_LIMIT_BYTES = 1024
SOURCE_LIMIT_BYTES = 1024
ANNOTATIONS_LIMIT_BYTES = 32 * 1024

SERVICE: Final = "v2.KeyManagementService"
_TABLE: Final = """
StatusRequest:
StatusResponse: version=1/string healthz=2/string key_id=3/string
DecryptRequest: ciphertext=1/bytes uid=2/string key_id=3/string annotations=4/bytesmap
DecryptResponse: plaintext=1/bytes
EncryptRequest: plaintext=1/bytes uid=2/string
EncryptResponse: ciphertext=1/bytes key_id=2/string annotations=3/bytesmap
EncryptedObject: data=1/bytes key_id=2/string source=3/bytes annotations=4/bytesmap type=5/int32
"""
MESSAGES: Final = declare_messages(_TABLE, "v2")

CacheKey = tuple[int, bytes, str, tuple[tuple[str, bytes], ...]]


@dataclass(frozen=True, slots=True)
class Source:
    """A key or seed as the plugin has sealed it."""

    type: int
    key_id: str
    """Of the plugin's key."""
    sealed: bytes
    annotations: Mapping[str, bytes]

    @property
    def cache_key(self) -> CacheKey:
        return self.type, self.sealed, self.key_id, tuple(sorted(self.annotations.items()))

    @property
    def fault(self) -> str:
        """What keeps it from being stored; "" when nothing does."""
        if self.type not in (KEY, SEED):
            return f"unknown encryptedDEKSourceType: {self.type}"
        if not self.sealed:
            return "failed to validate encrypted DEK source: encrypted DEK source is empty"
        if len(self.sealed) > SOURCE_LIMIT_BYTES:
            return (
                f"failed to validate encrypted DEK source: encrypted DEK source is {len(self.sealed)} bytes, "
                f"which exceeds the max size of {SOURCE_LIMIT_BYTES}"
            )
        _, fault = key_id_fault(self.key_id)
        if fault:
            return f"failed to validate key id: {fault}"
        fault = _annotations_fault(self.annotations)
        return f"failed to validate annotations: {fault}" if fault else ""


def encode(source: Source, data: bytes) -> bytes:
    message = MESSAGES["EncryptedObject"](
        data=data, key_id=source.key_id, source=source.sealed, annotations=source.annotations, type=source.type
    )
    encoded: bytes = message.SerializeToString()
    return encoded


def decode(stored: bytes) -> tuple[Source, bytes]:
    """Raises Undecipherable."""
    try:
        message: Any = MESSAGES["EncryptedObject"].FromString(stored)
    except DecodeError as error:
        raise Undecipherable(f"proto: {error}") from None
    if not message.data:
        raise Undecipherable("encrypted data is empty")
    source = Source(message.type, message.key_id, message.source, dict(message.annotations))
    if source.fault:
        raise Undecipherable(source.fault)
    return source, message.data


def key_id_fault(key_id: str) -> tuple[str, str]:
    """(code for metrics, words); the words are "" for a good one."""
    size = len(key_id.encode())
    if not size:
        return "empty", "keyID is empty"
    if size > KEY_ID_LIMIT_BYTES:
        return "too_long", f"keyID is {size} bytes, which exceeds the max size of {KEY_ID_LIMIT_BYTES}"
    return "ok", ""


def digest(text: str) -> str:
    """How keys' names appear in messages and metrics; "" of nothing."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" if text else ""


def _annotations_fault(annotations: Mapping[str, bytes]) -> str:
    faults = [fault for name in annotations if (fault := _domain_fault(name))]
    size = sum(len(name.encode()) + len(value) for name, value in annotations.items())
    if size > ANNOTATIONS_LIMIT_BYTES:
        faults.append(f"total size of annotations is {size}, which exceeds the max size of {ANNOTATIONS_LIMIT_BYTES}")
    return faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]" if faults else ""


def _domain_fault(name: str) -> str:
    """Of an annotation's name, which must be a fully qualified domain name."""
    if not name:
        return "annotations: Required value"
    name = name.removesuffix(".")
    if words := dns_subdomain(name):
        return f'annotations: Invalid value: "{name}": {",".join(words)}'
    labels = name.split(".")
    if len(labels) < 2:
        return f'annotations: Invalid value: "{name}": should be a domain with at least two segments separated by dots'
    for label in labels:
        if words := dns_label(label):
            return f'annotations: Invalid value: "{label}": {",".join(words)}'
    return ""
