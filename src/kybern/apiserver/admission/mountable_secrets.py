"""Which secrets a Pod may use where its ServiceAccount is held to those that it names. Pure.

Source: https://kubernetes.io/docs/concepts/security/service-accounts/#enforce-mountable-secrets
"""

from collections.abc import Iterator

from kybern.api.resource import Object

ENFORCE = "kubernetes.io/enforce-mountable-secrets"
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))


def enforces(account: Object) -> bool:
    return (account["metadata"].get("annotations") or {}).get(ENFORCE) in _TRUE


def unlisted_secret(account: Object, spec: Object, *, ephemeral: bool) -> str:
    """Why a Pod may not run as this account; "" where it may. `ephemeral`: only ephemeral containers are looked at."""
    return next(_faults(account, spec, ephemeral=ephemeral), "")


def _faults(account: Object, spec: Object, *, ephemeral: bool) -> Iterator[str]:
    listed = {each.get("name") for each in account.get("secrets") or ()}
    tail = f"is not allowed because service account {account['metadata']['name']} does not reference that"
    if ephemeral:
        yield from _variables(spec, "ephemeralContainers", "ephemeral container", listed, tail)
        return
    for volume in spec.get("volumes") or ():
        secret = (volume.get("secret") or {}).get("secretName")
        if secret is not None and secret not in listed:
            yield f'volume with secret.secretName="{secret}" {tail} secret'
    yield from _variables(spec, "initContainers", "init container", listed, tail)
    yield from _variables(spec, "containers", "container", listed, tail)
    pulled = {each.get("name") for each in account.get("imagePullSecrets") or ()}
    for index, reference in enumerate(spec.get("imagePullSecrets") or ()):
        if reference.get("name") not in pulled:
            yield f'imagePullSecrets[{index}].name="{reference.get("name")}" {tail} imagePullSecret'


def _variables(spec: Object, key: str, label: str, listed: set[str | None], tail: str) -> Iterator[str]:
    for container in spec.get(key) or ():
        for variable in container.get("env") or ():
            reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
            if reference is not None and reference.get("name") not in listed:
                where = f"{label} {container['name']} with envVar {variable['name']}"
                yield f'{where} referencing secret.secretName="{reference.get("name")}" {tail} secret'
        for source in container.get("envFrom") or ():
            reference = source.get("secretRef")
            if reference is not None and reference.get("name") not in listed:
                where = f"{label} {container['name']} with envFrom"
                yield f'{where} referencing secret.secretName="{reference.get("name")}" {tail} secret'
