"""Ownership of fields: who wrote what (managedFields) and server-side apply. Pure functions on JSON objects.

`atom` says what shapes values have and how custom resources plug in; `sets` are the field sets; `update` follows
creates, updates and patches, `apply` applies. Objects and sets are never changed in place.
Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/, sigs.k8s.io/structured-merge-diff.
"""
