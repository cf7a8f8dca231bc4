"""How far tests of properties search: through all their examples, or the share of them that EFFORT names."""

import os

SHARE = float(os.environ.get("EFFORT", "1"))


def examples(count: int) -> int:
    """So many of `count`, at least one."""
    return max(1, round(count * SHARE))
