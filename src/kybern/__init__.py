"""Kybern: a cluster that speaks the Kubernetes API."""

__version__ = "0.1.0"

KUBERNETES_VERSION = "v1.36.0"
"""The Kubernetes release whose API this program speaks."""
