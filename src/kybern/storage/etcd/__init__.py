"""A real etcd (v3) as the store: what several API servers share."""

from kybern.storage.etcd.backend import EtcdBackend

__all__ = ["EtcdBackend"]
