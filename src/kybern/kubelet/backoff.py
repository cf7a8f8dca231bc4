"""Exponential waits between tries, by key. Pure but for its own table; time comes in.

The rules are those of client-go's flowcontrol.Backoff: the first failure costs nothing, the next waits `initial`,
then twice as long each time up to `ceiling`; after twice the ceiling without a try, it starts anew.
"""

from dataclasses import dataclass

INITIAL_SECONDS = 10.0
CEILING_SECONDS = 300.0
"""Upstream's MaxContainerBackOff and image back-off."""
KEYS_LIMIT = 10_000
"""Keys remembered; the longest untouched ones are forgotten first."""


@dataclass(slots=True)
class _Entry:
    seconds: float
    updated: float
    note: str = ""


class Backoff:
    """Waits by key. All times are seconds since the epoch."""

    def __init__(self, initial_seconds: float = INITIAL_SECONDS, ceiling_seconds: float = CEILING_SECONDS) -> None:
        self._initial = initial_seconds
        self._ceiling = ceiling_seconds
        self._entries: dict[str, _Entry] = {}

    def seconds(self, key: str) -> float:
        """The wait that holds now; 0 for an unknown key."""
        entry = self._entries.get(key)
        return entry.seconds if entry else 0.0

    def next(self, key: str, event: float, now: float) -> None:
        """Note a try after the failure at `event`: the next one waits longer."""
        entry = self._entries.pop(key, None)
        if entry is None or self._expired(entry, event):
            seconds = self._initial
        else:
            seconds = min(entry.seconds * 2, self._ceiling)
        self._entries[key] = _Entry(seconds, now)
        if len(self._entries) > KEYS_LIMIT:
            del self._entries[next(iter(self._entries))]

    def remaining_since(self, key: str, event: float, now: float) -> float:
        """Seconds until a try is due, counted from the failure at `event`; 0 when it is."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, event):
            return 0.0
        return max(0.0, event + entry.seconds - now)

    def remaining(self, key: str, now: float) -> float:
        """Seconds until a try is due, counted from the last try."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, now):
            return 0.0
        return max(0.0, entry.updated + entry.seconds - now)

    def note(self, key: str, text: str) -> None:
        """Keep with a known key why the last try failed."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.note = text

    def noted(self, key: str) -> str:
        """Why the last try failed."""
        entry = self._entries.get(key)
        return entry.note if entry else ""

    def forget(self, prefix: str) -> None:
        """Drop all keys that begin with `prefix` (a Pod's uid)."""
        for key in [key for key in self._entries if key.startswith(prefix)]:
            del self._entries[key]

    def _expired(self, entry: _Entry, event: float) -> bool:
        return event - entry.updated > 2 * self._ceiling


def format_duration(seconds: float) -> str:
    """As Go prints a duration of whole milliseconds: `10s`, `1m20s`, `5m0s`, `1.5s`, `250ms`, `0s`."""
    milliseconds = round(seconds * 1000)
    if milliseconds == 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{tail}"
    return f"{minutes}m{tail}" if minutes else tail
