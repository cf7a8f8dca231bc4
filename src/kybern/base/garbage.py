"""How often Python looks for cyclic garbage in a process that holds the objects of a whole cluster.

Nearly everything here is freed by its reference count; what the collector finds is little. But it walks what is alive,
which in a cluster of 5,000 nodes is hundreds of thousands of objects, each a miss of the processor's cache: by Python's
own thresholds (700, 10, 10) it took a fifth of the time of binding Pods, in stops of 0.1 s.
"""

import gc

YOUNG = 20_000
"""New containers until the young ones are looked at: more than the requests under way hold, so that those are not taken
for old. As garbage they are a few megabytes at most."""
GENERATIONS = 10
"""Looks at one generation until the next older one is looked at."""


def collect_seldom() -> None:
    """For the rest of this process."""
    gc.set_threshold(YOUNG, GENERATIONS, GENERATIONS)
