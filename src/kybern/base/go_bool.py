"""Truth as Go's strconv.ParseBool reads it: upstream's flags and query parameters are read so."""

TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


def go_bool(text: str) -> bool | None:
    """None: neither true nor false."""
    if text in TRUE:
        return True
    return False if text in FALSE else None
