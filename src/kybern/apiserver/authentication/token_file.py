"""Static tokens: `--token-auth-file`, CSV of `token,user,uid,"group1,group2"`.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
"""

import csv
from collections.abc import Mapping
from pathlib import Path

from kybern.apiserver.user import User, authenticated


class TokenFile:
    """Tokens read once, at start."""

    def __init__(self, users: Mapping[str, User]) -> None:
        self._users = users

    def authenticate(self, token: str) -> User | None:
        return self._users.get(token)


def read_token_file(path: Path) -> TokenFile:
    """Raises OSError, ValueError."""
    users: dict[str, User] = {}
    with path.open(newline="") as file:
        for number, row in enumerate(csv.reader(file, skipinitialspace=True), 1):
            if not row:
                continue
            if len(row) < 3:
                raise ValueError(f"{path}:{number}: expected at least 3 columns (token, user, uid), found {len(row)}")
            token, name, uid = (column.strip() for column in row[:3])
            groups = tuple(group.strip() for group in row[3].split(",") if group.strip()) if len(row) > 3 else ()
            users[token] = authenticated(name, groups, uid)
    return TokenFile(users)
