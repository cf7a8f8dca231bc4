"""Durations as Go prints them."""


def go_duration(seconds: float) -> str:
    """90 is `1m30s`, 3600 `1h0m0s`, 0.5 `500ms`, 0 `0s`."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    told = f"{hours:.0f}h" if hours else ""
    return told + (f"{minutes:.0f}m" if hours or minutes else "") + f"{left:g}s"
