"""The aggregation layer: groups of the API that other servers serve, behind this one's door.

Source: https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/
"""
