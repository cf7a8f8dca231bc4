"""Sets of completion indexes, as a Job's status writes them: `1,3-5,7`."""

from collections.abc import Iterable


def parse(text: str, completions: int) -> set[int]:
    """The indexes below `completions`. Raises ValueError for what is no such list."""
    indexes: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        indexes.update(range(int(first), min(int(last or first), completions - 1) + 1))
    return {index for index in indexes if index < completions}


def render(indexes: Iterable[int]) -> str:
    """In order, runs of three and more as intervals (two in a row are written one by one, as upstream does)."""
    runs: list[list[int]] = []
    for index in sorted(set(indexes)):
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    parts = []
    for run in runs:
        if len(run) > 2:
            parts.append(f"{run[0]}-{run[-1]}")
        else:
            parts += map(str, run)
    return ",".join(parts)
