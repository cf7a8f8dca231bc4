"""Answers "why?" about an object: pure functions from objects and decisions to lines, and one module that fetches them."""
