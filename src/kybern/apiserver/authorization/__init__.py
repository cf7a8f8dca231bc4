"""Whether a user may do what is asked: superusers, the Node authoriser, RBAC; compiled and remembered."""
