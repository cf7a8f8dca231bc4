"""Picks a node for every Pod. `loop.py` does the I/O; everything else here is pure, on tables of columns.

Invariant: no filter, score, queue or table of this room reads a clock, a socket or the API.
"""
