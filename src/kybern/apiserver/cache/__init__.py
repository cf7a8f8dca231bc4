"""The watch cache: every object's newest bytes, a window of changes, and the watchers. All reads come from here."""
