"""Ports (clock, randomness, identifiers), errors and limits: what every room may use and none owns."""
