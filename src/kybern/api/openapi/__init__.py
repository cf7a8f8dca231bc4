"""OpenAPI v3 and v2 documents of what the server serves, made when asked.

`kubectl explain`, `apply` and `diff` read them.

Form and names: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition.
"""

from kybern.api.openapi.document import V2_PROTOBUF, V2_PROTOBUF_ASKED, in_protobuf, v2, v2_protobuf, v3, v3_index

__all__ = ["V2_PROTOBUF", "V2_PROTOBUF_ASKED", "in_protobuf", "v2", "v2_protobuf", "v3", "v3_index"]
