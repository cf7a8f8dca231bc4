"""Kubernetes' protobuf encoding of objects: kubectl sends its built-in kinds so, and Go's clients ask for it.

`decode` turns such a body into the dict that the client's JSON would have been; the schema judges it after that.
`encode` is its other direction. Pure; the numbers of the fields come from upstream's Go tags by way of the package's
definitions. Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#kubernetes-protobuf-encoding
"""

from kybern.api.protobuf.envelope import (
    MAGIC,
    MEDIA_TYPE,
    decode,
    encode,
    event,
    first_field,
    is_known,
    metadata_message,
    opening,
    wrap,
    wrap_list,
)

__all__ = [
    "MAGIC",
    "MEDIA_TYPE",
    "decode",
    "encode",
    "event",
    "first_field",
    "is_known",
    "metadata_message",
    "opening",
    "wrap",
    "wrap_list",
]
