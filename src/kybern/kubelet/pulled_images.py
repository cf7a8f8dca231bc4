"""Who may use an image that a registry gave only for a credential (KEP-2535).

An image that no kubelet of this node has pulled was put there by its owner, and everybody may use it; one that was
pulled with a credential is for those who can show that credential, others have to ask the registry themselves.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path

from kybern.kubelet.runtime.views import Auth

RECORDS_LIMIT = 10_000
"""Images remembered; the longest known are forgotten first, and then open to all as before."""
ANONYMOUS = ""
"""In the place of a credential: the registry gives the image to everybody."""


class PulledImages:
    """Kept in one file, over restarts of the kubelet. Holds no credential, only what one can be recognised by."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: dict[str, list[str]] = _read(path)

    def may_use(self, image: str, credentials: Iterable[Auth]) -> bool:
        """Whether a Pod that can show these may use the image of this id without asking the registry."""
        known = self._records.get(image)
        return known is None or ANONYMOUS in known or any(_print(each) in known for each in credentials)

    def pulled(self, image: str, credential: Auth | None) -> None:
        """The registry gave the image for this. Blocking. Raises OSError."""
        shown = ANONYMOUS if credential is None else _print(credential)
        known = self._records.setdefault(image, [])
        if shown in known:
            return
        known.append(shown)
        if len(self._records) > RECORDS_LIMIT:
            del self._records[next(iter(self._records))]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".tmp")
        partial.write_text(json.dumps(self._records))
        partial.rename(self._path)


def _print(credential: Auth) -> str:
    return hashlib.sha256(json.dumps(astuple(credential)).encode()).hexdigest()


def _read(path: Path) -> dict[str, list[str]]:
    try:
        plain = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {str(image): [str(each) for each in shown] for image, shown in plain.items()}
