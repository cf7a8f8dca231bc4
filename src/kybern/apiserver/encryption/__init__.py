"""Encryption at rest: what the store keeps of chosen resources can be read only with the keys of a configuration."""
