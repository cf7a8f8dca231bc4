"""Ranges of keys. Keys order by code point, which is also the order of their UTF-8 bytes (SQLite's, etcd's)."""

_LAST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def end_of_prefix(prefix: str) -> str:
    """The first key after all keys that start with `prefix`; "" when there is none: the range has no end."""
    while prefix:
        code = ord(prefix[-1])
        if code < _LAST:
            following = code + 1
            return prefix[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)
        prefix = prefix[:-1]
    return ""
