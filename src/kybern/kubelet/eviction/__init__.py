"""When the node, or a Pod's share of its disk, runs out: who has to go, and what is told of it."""
