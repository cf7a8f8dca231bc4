"""Decisions, recorded where they are taken: a write-only vocabulary that every component shares.

`record` never blocks, never fails and never does I/O: it appends to the ring of this process. Shipping the ring's
contents to the API server is `client/trace_shipper.py`'s; nobody in a component reads the ring back to decide.
"""

from kybern.trace.decision import Decision, Verdict
from kybern.trace.ring import Ring, record, ring

__all__ = ["Decision", "Ring", "Verdict", "record", "ring"]
