"""ConfigMap kube-system/extension-apiserver-authentication: by what other API servers may believe this one.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/
"""

from dataclasses import dataclass
from pathlib import Path

import orjson

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.objects.create import create
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import ServedResources
from kybern.base.errors import StatusError

NAMESPACE, NAME = "kube-system", "extension-apiserver-authentication"


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """`--requestheader-…`: whom to believe when they say who asks, and in which headers they say it."""

    client_ca: Path | None = None
    allowed_names: tuple[str, ...] = ()
    username_headers: tuple[str, ...] = ("X-Remote-User",)
    uid_headers: tuple[str, ...] = ("X-Remote-Uid",)
    group_headers: tuple[str, ...] = ("X-Remote-Group",)
    extra_headers_prefixes: tuple[str, ...] = ("X-Remote-Extra-",)


class AuthenticationInfo:
    """Written at the start; what others have put into the ConfigMap besides stays."""

    def __init__(
        self, life: Life, served: ServedResources, client_ca: Path | None, request_header: RequestHeader
    ) -> None:
        self._life = life
        self._maps = served["", "v1", "configmaps"]
        self._data = _data(client_ca, request_header)

    async def settle(self) -> None:
        if not self._data:
            return
        stored = self._maps.find(NAMESPACE, NAME)
        try:
            if stored is None:
                metadata = {"name": NAME, "namespace": NAMESPACE}
                obj: Object = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": self._data}
                await create(self._life, self._maps, obj, Attributes("CREATE", self._maps.resource, NAMESPACE, NAME))
            else:
                attributes = Attributes("UPDATE", self._maps.resource, NAMESPACE, NAME)
                await update(self._life, self._maps, self._edit, attributes)
        except StatusError:
            return  # Another server writes the same at the same moment.

    def _edit(self, stored: Object) -> Object:
        return {**stored, "data": {**(stored.get("data") or {}), **self._data}}


def _data(client_ca: Path | None, told: RequestHeader) -> dict[str, str]:
    data = {}
    if client_ca is not None:
        data["client-ca-file"] = client_ca.read_text()
    if told.client_ca is not None:
        lists = {
            "allowed-names": told.allowed_names,
            "username-headers": told.username_headers,
            "uid-headers": told.uid_headers,
            "group-headers": told.group_headers,
            "extra-headers-prefix": told.extra_headers_prefixes,
        }
        data["requestheader-client-ca-file"] = told.client_ca.read_text()
        data |= {f"requestheader-{key}": orjson.dumps(list(values)).decode() for key, values in lists.items()}
    return data
