"""RBAC: who is bound to which roles, read from the caches and compiled when first asked.

Invariant: what is compiled here follows from the caches as they are now; a change of a role or binding drops it all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kybern.api.resource import Object
from kybern.apiserver.authorization.rules import Rule, compile_rules
from kybern.apiserver.cache.cache import Cache
from kybern.apiserver.cache.change import Change
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import SERVICE_ACCOUNT_PREFIX, User

GROUP = "rbac.authorization.k8s.io"
_SUBJECT_USER, _SUBJECT_GROUP = "u", "g"

Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role gives."""

    rules: tuple[Rule, ...]
    raw: tuple[Object, ...]
    missing: str
    """What is said of the role where it does not exist."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A role for a subject, and by which binding."""

    grant: Grant
    source: str
    """`ClusterRoleBinding "b" of ClusterRole "r" to User "u"`."""


Index = dict[str, dict[Subject, list[Bound]]]


class Rbac:
    """`changed` is called whenever decisions may have changed."""

    def __init__(self, cache: Cache, changed: Callable[[], None]) -> None:
        self._cluster_roles = cache[f"clusterroles.{GROUP}"]
        self._roles = cache[f"roles.{GROUP}"]
        self._cluster_bindings = cache[f"clusterrolebindings.{GROUP}"]
        self._bindings = cache[f"rolebindings.{GROUP}"]
        self._changed = changed
        self._index: Index | None = None
        for each in (self._cluster_roles, self._roles, self._cluster_bindings, self._bindings):
            each.listen(self._forget)

    def allows(self, user: User, info: RequestInfo) -> bool:
        namespace = info.namespace if info.is_resource else ""
        return any(rule.allows(info) for rule in self.rules_for(user, namespace))

    def reason(self, user: User, info: RequestInfo) -> str:
        namespace = info.namespace if info.is_resource else ""
        missing = list(dict.fromkeys(grant.missing for grant in self._grants(user, namespace) if grant.missing))
        if not missing:
            return ""
        return f"RBAC: {missing[0] if len(missing) == 1 else '[' + ', '.join(missing) + ']'}"

    def allowed_by(self, user: User, info: RequestInfo) -> str:
        """By which binding something is allowed, for reviews and the audit; "" where none allows it."""
        for bound in self._bounds(user, info.namespace if info.is_resource else ""):
            if any(rule.allows(info) for rule in bound.grant.rules):
                return f"RBAC: allowed by {bound.source}"
        return ""

    def remembers(self, user: User, info: RequestInfo) -> bool:
        return True

    def allows_any_name(self, user: User, info: RequestInfo) -> bool:
        return any(not rule.names and rule.allows(info) for rule in self.rules_for(user, info.namespace))

    def rules_for(self, user: User, namespace: str) -> Iterator[Rule]:
        """All rules that hold for a user in a namespace ("": cluster-wide ones only)."""
        for grant in self._grants(user, namespace):
            yield from grant.rules

    def raw_rules_for(self, user: User, namespace: str) -> Iterator[Object]:
        """The same in JSON form."""
        for grant in self._grants(user, namespace):
            yield from grant.raw

    def rules_of(self, kind: str, name: str, namespace: str) -> list[Object] | None:
        """The rules of a Role or ClusterRole in JSON form; None where there is no such role."""
        cache = self._cluster_roles if kind == "ClusterRole" else self._roles
        version = cache.objects.get(name if kind == "ClusterRole" else f"{namespace}/{name}")
        return None if version is None else version.parse(cache.head).get("rules") or []

    def _grants(self, user: User, namespace: str) -> Iterator[Grant]:
        for bound in self._bounds(user, namespace):
            yield bound.grant

    def _bounds(self, user: User, namespace: str) -> Iterator[Bound]:
        index = self._index if self._index is not None else self._build()
        subjects = [(_SUBJECT_USER, user.name), *((_SUBJECT_GROUP, group) for group in user.groups)]
        for scope in ("", namespace) if namespace else ("",):
            of_scope = index.get(scope)
            if of_scope:
                for subject in subjects:
                    yield from of_scope.get(subject, ())

    def _forget(self, change: Change) -> None:
        self._index = None
        self._changed()

    def _build(self) -> Index:
        index: Index = {}
        compiled: dict[tuple[str, str, str], Grant] = {}
        for cache in (self._cluster_bindings, self._bindings):
            for version in cache.objects.values():
                self._add(index, compiled, version.parse(cache.head))
        self._index = index
        return index

    def _add(self, index: Index, compiled: dict[tuple[str, str, str], Grant], binding: Object) -> None:
        namespace = binding["metadata"].get("namespace", "")
        ref = binding["roleRef"]
        key = (ref["kind"], ref["name"], namespace if ref["kind"] == "Role" else "")
        grant = compiled.get(key)
        if grant is None:
            rules = self.rules_of(*key)
            unknown = f'{ref["kind"].lower()}.{GROUP} "{ref["name"]}" not found' if rules is None else ""
            grant = Grant(compile_rules(rules), tuple(rules or ()), unknown)
            compiled[key] = grant
        name = binding["metadata"]["name"]
        by = f'RoleBinding "{name}/{namespace}"' if namespace else f'ClusterRoleBinding "{name}"'
        for subject in binding.get("subjects") or ():
            of_scope = index.setdefault(namespace, {})
            source = f'{by} of {ref["kind"]} "{ref["name"]}" to {_described(subject, namespace)}'
            of_scope.setdefault(_subject(subject, namespace), []).append(Bound(grant, source))


def _subject(subject: Object, namespace: str) -> Subject:
    kind, name = subject["kind"], subject["name"]
    if kind == "ServiceAccount":
        return _SUBJECT_USER, f"{SERVICE_ACCOUNT_PREFIX}{subject.get('namespace') or namespace}:{name}"
    return (_SUBJECT_GROUP if kind == "Group" else _SUBJECT_USER), name


def _described(subject: Object, namespace: str) -> str:
    kind, name = subject["kind"], subject["name"]
    if kind == "ServiceAccount":
        return f'{kind} "{name}/{subject.get("namespace") or namespace}"'
    return f'{kind} "{name}"'
