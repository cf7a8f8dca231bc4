"""Audit: who asked for what, and what became of it, as a policy chooses; it never holds a request up."""
