"""How long a story waits: what it takes on a machine of one's own, and longer where others work."""

import os


def patience(seconds: float) -> float:
    """Where more wants to run than there are processors, as many times more."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
