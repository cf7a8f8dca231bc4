"""What an update would have changed, for messages of fields that are for ever (apimachinery util/diff)."""

import difflib
import json
from typing import Any


def unified_diff(old: Any, new: Any) -> str:
    """Lines of the JSON forms that differ, with three lines around each."""
    before, after = (json.dumps(one, indent=1, ensure_ascii=False).splitlines() for one in (old, new))
    lines = difflib.unified_diff(before, after, n=3, lineterm="")
    return "".join(f"{line}\n" for line in list(lines)[2:])
