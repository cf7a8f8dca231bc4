"""OpenAPI v3 and v2 documents of what the server serves, made when asked.

`kubectl explain`, `apply` and `diff` read them.

Form and names: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition.
"""

from kybern.api.openapi.document import v2, v3, v3_index

__all__ = ["v2", "v3", "v3_index"]
