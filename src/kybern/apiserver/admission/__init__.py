"""Admission: a visible list of plugins, each of which may change an object (mutate) or refuse it (validate)."""
