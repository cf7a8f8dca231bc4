"""One reconcile loop per file, each with a pure `decide`; `run.py` is the table of them.

No controller imports another, none sees an event: a key and the state of the world are all they get. What several
share (`pods.py`, `claims.py`, `conditions.py`) decides nothing by itself.
"""
