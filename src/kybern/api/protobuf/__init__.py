"""Kubernetes' protobuf encoding of objects, read only: kubectl sends its built-in kinds so.

`decode` turns such a body into the dict that the client's JSON would have been; the schema judges it after that. Pure;
the numbers of the fields come from upstream's Go tags by way of the package's definitions.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#kubernetes-protobuf-encoding
"""

from kybern.api.protobuf.envelope import MEDIA_TYPE, decode
from kybern.api.protobuf.table import is_known

__all__ = ["MEDIA_TYPE", "decode", "is_known"]
