"""The list of admission plugins, in their order."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kybern.apiserver.admission.chain import Plugin

if TYPE_CHECKING:
    from kybern.apiserver.server import ApiServer


def plugins(server: "ApiServer") -> Sequence[Plugin]:
    return ()
