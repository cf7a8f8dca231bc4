"""What expressions of policies can name. Source: k8s.io/apiserver pkg/admission/plugin/cel/compile.go."""

from collections.abc import Mapping
from functools import lru_cache

from kybern.api.cel import AUTHORIZER, DYN, NAMESPACE, REQUEST, RESOURCE_CHECK, CelType, Environment, object_type

VARIABLES = "kubernetes.variables"


class Names:
    """The environments of one policy, which grow with its variables."""

    def __init__(
        self,
        *,
        params: CelType | None = None,
        composes: bool = True,
        objects: Mapping[str, CelType] | None = None,
    ) -> None:
        """`params`: their type, None where a policy has none; `objects`: types of object and oldObject, where known."""
        self._params = params
        self._composes = composes
        self._objects = dict(objects or {})
        self._variables: dict[str, CelType] = {}

    def add(self, variable: str, kind: CelType) -> None:
        """A variable that later expressions can use."""
        self._variables[variable] = kind

    def environment(self, *, authorizer: bool = True, mutation: bool = False) -> Environment:
        named: dict[str, CelType] = {}
        if authorizer:
            named |= {"authorizer": AUTHORIZER, "authorizer.requestResource": RESOURCE_CHECK}
        if self._params is not None:
            named["params"] = self._params
        if self._composes:
            named["variables"] = object_type(VARIABLES, self._variables)
        return _base(mutation).with_variables(named | self._objects)


@lru_cache(maxsize=2)
def _base(mutation: bool) -> Environment:
    named = {"object": DYN, "oldObject": DYN, "request": REQUEST, "namespaceObject": NAMESPACE}
    return Environment(named, mutation=mutation)
