"""Who shows nothing: let in as system:anonymous, everywhere or on some paths only.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#anonymous-requests
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Anonymous:
    """`paths`: where, exactly; None: everywhere."""

    enabled: bool = True
    paths: frozenset[str] | None = None

    def lets_in(self, path: str) -> bool:
        return self.enabled and (self.paths is None or path in self.paths)
