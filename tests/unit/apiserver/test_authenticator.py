"""Who is believed: tokens, certificates, nobody, and those who speak for others."""

from pathlib import Path

import pytest

from kybern.apiserver.authentication.authenticator import REMEMBERED_SECONDS, Authenticator
from kybern.apiserver.authentication.impersonation import impersonated
from kybern.apiserver.authentication.token_file import read_token_file
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import ANONYMOUS_USER, User, authenticated
from kybern.base.errors import BadRequest, Forbidden, Unauthorized
from kybern.transport.exchange import Request


class Clock:
    time = 0.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


class Tokens:
    def __init__(self, **users: User) -> None:
        self.users = users

    def authenticate(self, token: str) -> User | None:
        return self.users.get(token)


class Certificate:
    def authenticate(self, der: bytes) -> User | None:
        return authenticated("cert", ()) if der == b"good" else None


def request(certificate: bytes | None = None, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/", {}, named, b"", "", client_certificate=certificate)


def name_of(authenticator: Authenticator, asked: Request) -> str:
    try:
        user = authenticator.authenticate(asked)
        assert isinstance(user, User)
        return user.name
    except Unauthorized:
        return "401"


def test_the_first_that_knows_decides() -> None:
    authenticator = Authenticator(Clock(), [Tokens(a=User("one")), Tokens(b=User("two"))], Certificate())
    assert name_of(authenticator, request(authorization="Bearer a")) == "one"
    assert name_of(authenticator, request(authorization="bearer b")) == "two"
    assert name_of(authenticator, request(authorization="Bearer c")) == "401"
    assert name_of(authenticator, request(authorization="Basic a")) == ANONYMOUS_USER.name
    assert name_of(authenticator, request(b"good", authorization="Bearer c")) == "cert"
    assert name_of(authenticator, request(b"bad", authorization="Bearer a")) == "one"
    assert authenticator.authenticate(request()) is ANONYMOUS_USER


def test_without_anonymous_everyone_shows_something() -> None:
    assert name_of(Authenticator(Clock(), [], anonymous=False), request()) == "401"


def test_a_token_is_remembered_for_a_while() -> None:
    clock, tokens = Clock(), Tokens(a=User("one"))
    authenticator = Authenticator(clock, [tokens])
    assert name_of(authenticator, request(authorization="Bearer a")) == "one"
    tokens.users.clear()
    assert name_of(authenticator, request(authorization="Bearer a")) == "one"
    clock.time += REMEMBERED_SECONDS + 1
    assert name_of(authenticator, request(authorization="Bearer a")) == "401"


def test_token_files(tmp_path: Path) -> None:
    path = tmp_path / "tokens.csv"
    path.write_text('T,admin,u1,"system:masters,devs"\nU,bob,u2\n\n')
    tokens = read_token_file(path)
    assert tokens.authenticate("T") == User("admin", ("system:masters", "devs", "system:authenticated"), "u1")
    assert tokens.authenticate("U") == User("bob", ("system:authenticated",), "u2")
    assert tokens.authenticate("V") is None
    path.write_text("T,admin\n")
    with pytest.raises(ValueError, match="at least 3 columns"):
        read_token_file(path)


INFO = RequestInfo(True, "list", "/api/v1/pods", "", "v1", "", "pods")


def check_impersonation(expected: User | None, *rights: str, **headers: str) -> None:
    """`rights`: `verb resource name`, all others are refused; none: everything is allowed."""

    def allow(user: User, info: RequestInfo) -> None:
        if rights and f"{info.verb} {info.resource} {info.name}" not in rights:
            raise Forbidden(f"{info.verb} {info.resource} {info.name}")

    def refuse(user: User, info: RequestInfo, why: str) -> Forbidden:
        return Forbidden(why)

    assert impersonated(request(**headers), INFO, User("me"), allow, refuse) == expected


def test_impersonation() -> None:
    everyone = "system:authenticated"
    check_impersonation(None)
    check_impersonation(User("bob", (everyone,)), impersonate_user="bob")
    check_impersonation(User("bob", ("a, b", everyone)), impersonate_user="bob", impersonate_group="a, b")
    account = "system:serviceaccount:ns:sa"
    groups = ("system:serviceaccounts", "system:serviceaccounts:ns", everyone)
    check_impersonation(User(account, groups), "impersonate serviceaccounts sa", impersonate_user=account)
    check_impersonation(User("bob", (everyone,)), "impersonate users bob", impersonate_user="bob")
    with pytest.raises(BadRequest) as refused:
        check_impersonation(None, impersonate_group="a")
    info = '&user.DefaultInfo{Name:"", UID:"", Groups:[]string{"a"}, Extra:map[string][]string(nil)}'
    assert str(refused.value) == f"requested {info} without impersonating a user name"


def test_constrained_impersonation() -> None:
    everyone = "system:authenticated"
    both = ("impersonate-on:user-info:list pods ", "impersonate:user-info users bob")
    check_impersonation(User("bob", (everyone,)), *both, impersonate_user="bob")
    for rights in (both[:1], both[1:]):
        with pytest.raises(Forbidden):
            check_impersonation(None, *rights, impersonate_user="bob")
    with pytest.raises(Forbidden, match="impersonate-on:user-info:list pods"):
        check_impersonation(None, "nothing", impersonate_user="bob")
    with pytest.raises(Forbidden, match="impersonate:user-info groups a"):
        check_impersonation(None, *both, impersonate_user="bob", impersonate_group="a")
    with pytest.raises(Forbidden, match="system:masters group is not allowed"):
        check_impersonation(None, *both, impersonate_user="bob", impersonate_group="system:masters")
    node = ("impersonate-on:arbitrary-node:list pods ", "impersonate:arbitrary-node nodes n1")
    check_impersonation(User("system:node:n1", ("system:nodes", everyone)), *node, impersonate_user="system:node:n1")
