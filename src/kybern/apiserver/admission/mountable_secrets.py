"""Which secrets a Pod may use where its ServiceAccount is held to those that it names. Pure.

Source: https://kubernetes.io/docs/concepts/security/service-accounts/#enforce-mountable-secrets
"""

from kybern.api.resource import Object

ENFORCE = "kubernetes.io/enforce-mountable-secrets"
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_LABELS = (
    ("initContainers", "init container"),
    ("containers", "container"),
    ("ephemeralContainers", "ephemeral container"),
)


def enforces(account: Object) -> bool:
    return (account["metadata"].get("annotations") or {}).get(ENFORCE) in _TRUE


def unlisted_secret(account: Object, spec: Object) -> str:
    """Why a Pod may not run as this account; "" where it may."""
    name = account["metadata"]["name"]
    listed = {each.get("name") for each in account.get("secrets") or ()}
    tail = f"is not allowed because service account {name} does not reference that"
    for volume in spec.get("volumes") or ():
        secret = (volume.get("secret") or {}).get("secretName")
        if secret is not None and secret not in listed:
            return f'volume with secret.secretName="{secret}" {tail} secret'
    for key, label in _LABELS:
        for container in spec.get(key) or ():
            for variable in container.get("env") or ():
                reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
                if reference is not None and reference.get("name") not in listed:
                    where = f"{label} {container['name']} with envVar {variable['name']}"
                    return f'{where} referencing secret.secretName="{reference.get("name")}" {tail} secret'
    pulled = {each.get("name") for each in account.get("imagePullSecrets") or ()}
    for index, reference in enumerate(spec.get("imagePullSecrets") or ()):
        if reference.get("name") not in pulled:
            return f'imagePullSecrets[{index}].name="{reference.get("name")}" {tail} imagePullSecret'
    return ""
