"""How long a story waits: what it takes on a machine of one's own, and longer where others work."""

import os

PAUSE_SECONDS = 20.0
"""So long a shared machine may stand still, or its disk, before its load shows it."""


def patience(seconds: float) -> float:
    """Where more wants to run than there are processors, as many times more, and a pause besides."""
    return PAUSE_SECONDS + seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
