"""What an update would have changed, for messages of fields that are for ever (apimachinery util/diff)."""

import difflib
import json
from collections.abc import Mapping
from typing import Any

from kybern.api.validation.field import html_escaped, with_sorted_maps
from kybern.api.validation.internal_form import internal_form


def unified_diff(old: Any, new: Any) -> str:
    """Lines of the JSON forms that differ, with three lines around each."""
    before, after = (
        html_escaped(json.dumps(with_sorted_maps(one), indent=1, ensure_ascii=False)).splitlines() for one in (old, new)
    )
    lines = difflib.unified_diff(before, after, n=3, lineterm="")
    return "".join(f"{line}\n" for line in list(lines)[2:])


def internal_diff(definition: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Of upstream's internal forms of a definition."""
    return unified_diff(internal_form(definition, old), internal_form(definition, new))
