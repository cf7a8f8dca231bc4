"""The compiled schema: decodes, checks, prunes and defaults objects of upstream's kinds as upstream does.

`codec(api_version, kind)` is the door. The way of a body: parsed (`codec`), then one generated function per definition
(`compiler`) checks, prunes and defaults in a single pass; where that pass meets anything odd it gives up, and the slow
exact walk (`inspection`) finds upstream's words for it. Nothing here does I/O but for reading the package's own data.
"""

from kybern.api.schema.codec import Codec, codec

__all__ = ["Codec", "codec"]
