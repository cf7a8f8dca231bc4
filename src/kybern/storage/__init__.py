"""The store: etcd's contract (`backend`), kept in memory, in SQLite and by etcd itself.

Seen by the API server alone.
"""
