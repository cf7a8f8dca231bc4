"""Who asks: name, groups and what the authenticator knows besides."""

from dataclasses import dataclass
from typing import Any

ANONYMOUS = "system:anonymous"
ALL_AUTHENTICATED = "system:authenticated"
ALL_UNAUTHENTICATED = "system:unauthenticated"
SUPERUSERS = "system:masters"
NODES = "system:nodes"
NODE_USER_PREFIX = "system:node:"
SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"
SERVICE_ACCOUNTS = "system:serviceaccounts"


@dataclass(frozen=True, slots=True)
class User:
    """Immutable and hashable: decisions are cached by it."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def info(self) -> dict[str, Any]:
        """authentication.k8s.io `UserInfo`."""
        info: dict[str, Any] = {"username": self.name}
        if self.uid:
            info["uid"] = self.uid
        if self.groups:
            info["groups"] = list(self.groups)
        if self.extra:
            info["extra"] = {key: list(values) for key, values in self.extra}
        return info

    @property
    def node_name(self) -> str:
        """The node that this user is the kubelet of; "" for everyone else."""
        if self.name.startswith(NODE_USER_PREFIX) and NODES in self.groups:
            return self.name[len(NODE_USER_PREFIX) :]
        return ""


def authenticated(
    name: str, groups: tuple[str, ...], uid: str = "", extra: dict[str, tuple[str, ...]] | None = None
) -> User:
    """A user that proved who it is: the group of all such is added."""
    if ALL_AUTHENTICATED not in groups:
        groups = (*groups, ALL_AUTHENTICATED)
    return User(name, groups, uid, tuple(sorted((extra or {}).items())))


ANONYMOUS_USER = User(ANONYMOUS, (ALL_UNAUTHENTICATED,))


def service_account_user(
    namespace: str, name: str, uid: str = "", extra: dict[str, tuple[str, ...]] | None = None
) -> User:
    groups = (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}")
    return authenticated(f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}", groups, uid, extra)
