"""Which nodes can take a Pod: each filter is `(request or shape, table) -> mask`, with the words for those it rejects.

The order, the reasons' words and which of them preemption cannot help are upstream's.
"""
