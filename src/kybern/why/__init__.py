"""Answers "why?" about an object: pure functions from objects and decisions to lines; one module fetches."""
