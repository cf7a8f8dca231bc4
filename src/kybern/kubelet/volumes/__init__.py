"""Volumes of Pods on this node."""
