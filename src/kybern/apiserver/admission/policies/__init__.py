"""Admission policies: expressions, stored as objects, that validate or change what is written."""
