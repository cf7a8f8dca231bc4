"""How well each node suits a Pod, 0 to 100 for each score, with upstream's weights and normalisation.

Scores that depend on one row alone take `rows`; those that are normalised take the mask of feasible nodes.
"""

MAX_SCORE = 100
