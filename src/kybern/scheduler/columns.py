"""numpy's one front door in this package.

Importing it costs 100 ms (350 ms from a cold disk) and 16 MB of proportional memory; only the process that schedules
imports this room, so only that process pays.
"""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
"""One truth value for each row of the node table."""
Ints = NDArray[np.int64]
"""One integer for each row: amounts, counts, scores."""
Ids = NDArray[np.int32]
"""One interned value for each row; 0 stands for absent."""
Floats = NDArray[np.float64]

__all__ = ["Floats", "Ids", "Ints", "Mask", "np"]
