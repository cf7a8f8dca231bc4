"""Labels of Nodes that nothing should select by any more. Source: pkg/api/node/util.go."""

from collections.abc import Iterator

from kybern.api.resource import Object
from kybern.api.validation import names

DEPRECATED = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}


def node_term_warnings(term: Object, path: str, *, checks_values: bool = False) -> Iterator[str]:
    """Of a term of a node selector; values are checked where nothing refuses them."""
    for index, requirement in enumerate(term.get("matchExpressions") or ()):
        at, key = f"{path}.matchExpressions[{index}]", requirement.get("key")
        if key in DEPRECATED:
            yield f"{at}.key: {key} is {DEPRECATED[key]}"
        for place, value in enumerate(requirement.get("values") or () if checks_values else ()):
            for message in names.label_value(value):
                yield f"{at}.values[{place}]: {value} is invalid, {message}"
