"""Rules of resource.k8s.io: what claims ask for, what slices offer, what was allocated.

Source: pkg/apis/resource/validation. Gates that are on in v1.36 count as there; `groups.resource` drops the rest.
"""
