"""Conversion of custom resources between versions by a webhook (ConversionReview).

Endpoints read and write without waiting, so what they need in another version is converted ahead: whoever asks for a
form that is not known yet gets Unconverted, `answered` asks the webhook for it and runs the endpoint again.
Source: apiextensions-apiserver pkg/apiserver/conversion/webhook_converter.go,
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from kybern.api.resource import Object
from kybern.api.validation.field import aggregate
from kybern.api.validation.metadata import validate_annotations, validate_labels
from kybern.apiserver.cache.version import Version
from kybern.apiserver.webhooks.client import CallFailed, WebhookClient
from kybern.base.clock import Clock
from kybern.base.errors import InternalError
from kybern.base.ids import Ids

if TYPE_CHECKING:
    from kybern.apiserver.custom.served import CustomServed

TIMEOUT_SECONDS = 30.0
MEMORY_SECONDS = 10.0
MEMORY_LIMIT = 20_000
"""Converted forms that are kept for each resource."""
_SUPPORTED = ("v1", "v1beta1")


class Unconverted(Exception):
    """A form that no webhook was asked for yet."""

    def __init__(self, obj: Object, api_version: str) -> None:
        super().__init__(api_version)
        self.obj = obj
        self.api_version = api_version


class Converter:
    """Of one custom resource whose definition names a webhook."""

    def __init__(self, client: WebhookClient, ids: Ids, clock: Clock, conversion: Object) -> None:
        webhook = conversion.get("webhook") or {}
        self._client = client
        self._ids = ids
        self._clock = clock
        self._config: Object = webhook.get("clientConfig") or {}
        versions: Sequence[str] = webhook.get("conversionReviewVersions") or ()
        self._review = next((each for each in versions if each in _SUPPORTED), "")
        self._known: OrderedDict[tuple[str, bytes], tuple[float, bytes]] = OrderedDict()
        """(apiVersion, an object's bytes) -> (since when, the object in that version), oldest first."""

    def parse(self, version: Version, served: "CustomServed") -> Object:
        """A stored object in a version. Raises Unconverted."""
        stored = served.cache.api_version_of(version)
        obj = version.parse(b'{"kind":"%b","apiVersion":"%b",' % (served.resource.kind.encode(), stored.encode()))
        return served.shape(self.converted(obj, served.resource.api_version))

    def converted(self, obj: Object, api_version: str) -> Object:
        """An object in a version. Raises Unconverted."""
        if obj["apiVersion"] == api_version:
            return obj
        known = self._known.get(_key(obj, api_version))
        if known is None:
            raise Unconverted(obj, api_version)
        found: Object = orjson.loads(known[1])
        if "resourceVersion" in obj["metadata"]:
            found["metadata"]["resourceVersion"] = obj["metadata"]["resourceVersion"]
        return found

    async def convert(self, objects: Sequence[Object], api_version: str) -> list[Object]:
        """Objects in a version, asking the webhook for all that are not known at once. Raises InternalError."""
        self._forget()
        missing = [
            each for each in objects if each["apiVersion"] != api_version and _key(each, api_version) not in self._known
        ]
        if missing:
            for obj, made in zip(missing, await self._ask(missing, api_version), strict=True):
                self._remember(obj, made)
                self._remember(made, obj)
        return [self.converted(each, api_version) for each in objects]

    def _remember(self, obj: Object, made: Object) -> None:
        key = _key(obj, made["apiVersion"])
        self._known.pop(key, None)
        self._known[key] = (self._clock.monotonic(), orjson.dumps(made))

    def _forget(self) -> None:
        """A webhook may come to convert otherwise: what it said serves the requests of a moment."""
        until = self._clock.monotonic() - MEMORY_SECONDS
        while self._known and (len(self._known) > MEMORY_LIMIT or next(iter(self._known.values()))[0] < until):
            self._known.popitem(last=False)

    async def _ask(self, objects: Sequence[Object], api_version: str) -> list[Object]:
        uid = self._ids.uid()
        request = {"uid": uid, "desiredAPIVersion": api_version, "objects": list(objects)}
        review = {"kind": "ConversionReview", "apiVersion": f"apiextensions.k8s.io/{self._review}", "request": request}
        what = f"conversion webhook for {objects[0]['apiVersion']}, Kind={objects[0]['kind']}"
        try:
            answer = orjson.loads(await self._client.post(self._config, orjson.dumps(review), TIMEOUT_SECONDS))
            made = _converted_objects(answer, f"apiextensions.k8s.io/{self._review}", uid)
        except (CallFailed, ValueError) as error:
            raise InternalError(f"{what} failed: {error}") from None
        if len(made) != len(objects):
            raise InternalError(f"{what} returned {len(made)} objects, expected {len(objects)}")
        for index, (obj, each) in enumerate(zip(objects, made, strict=True)):
            fault = _fault(obj, each, api_version)
            if fault:
                raise InternalError(f"{what} returned invalid object at index {index}: {fault}")
            each["metadata"] = _restored(obj["metadata"], each["metadata"])
        return made


def _key(obj: Object, api_version: str) -> tuple[str, bytes]:
    """The revision is no part of what is converted: it is known only when all is stored."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    return api_version, orjson.dumps({**obj, "metadata": metadata}, option=orjson.OPT_SORT_KEYS)


def _converted_objects(answer: Any, review: str, uid: str) -> list[Object]:
    """Raises ValueError in upstream's words."""
    kind, api_version = (answer.get("kind"), answer.get("apiVersion")) if isinstance(answer, dict) else ("", "")
    if (kind, api_version) != ("ConversionReview", review):
        raise ValueError(
            f"expected webhook response of {review}, Kind=ConversionReview, got {api_version}, Kind={kind}"
        )
    response = answer.get("response")
    if not isinstance(response, dict):
        raise ValueError("no response provided")
    if response.get("uid") != uid and not review.endswith("beta1"):
        raise ValueError(f'expected response.uid="{uid}", got "{response.get("uid") or ""}"')
    result = response.get("result") or {}
    if result.get("status") != "Success":
        state = result.get("status") or ""
        raise ValueError(result.get("message") or f"response.result.status was '{state}', not 'Success'")
    found: list[Object] = response.get("convertedObjects") or []
    return found


def _fault(obj: Object, made: Any, api_version: str) -> str:
    """Why a converted object cannot be taken; "" for nothing."""
    if not isinstance(made, dict):
        return "invalid type"
    if made.get("apiVersion") != api_version:
        return f"invalid groupVersion (expected {api_version}, received {made.get('apiVersion') or ''})"
    if made.get("kind") != obj["kind"]:
        return f"invalid kind (expected {obj['kind']}, received {made.get('kind') or ''})"
    metadata = made.get("metadata")
    if not isinstance(metadata, dict):
        return "missing metadata in converted object"
    for key, word in (("name", "name"), ("namespace", "namespace"), ("uid", "UID")):
        if (metadata.get(key) or "") != (obj["metadata"].get(key) or ""):
            return f"must have the same {word}: {obj['metadata'].get(key) or ''} != {metadata.get(key) or ''}"
    for key, check in (("labels", validate_labels), ("annotations", validate_annotations)):
        given = metadata.get(key) or {}
        if not isinstance(given, dict) or any(not isinstance(value, str) for value in given.values()):
            return f"invalid metadata.{key} in converted object"
        faults = list(check(given, f"metadata.{key}"))
        if faults:
            return aggregate(faults)
    return ""


def _restored(original: Object, made: Object) -> Object:
    """A webhook may change labels and annotations, nothing else of the metadata."""
    metadata = {key: value for key, value in original.items() if key not in ("labels", "annotations")}
    return metadata | {key: made[key] for key in ("labels", "annotations") if made.get(key)}
