"""Manifests into the API: create what is missing, patch what differs, as `kubectl apply` on the client's side does.

What was applied last is kept in kubectl's own annotation, so that both may be used by turns. The patch is made of
three: what the last manifest said and this one no longer does is removed; what this one says and the live object does
not is set; everything else is left to those who set it. A list counts as one value, and is sent only if the manifest
changed it.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kybern.base.errors import KybernError, NotFound
from kybern.client.client import Client

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
EXTENSIONS = (".json", ".yaml", ".yml")
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json", "Accept": "application/json"}
Manifest = Mapping[str, Any]


class BadManifest(KybernError):
    """The text is no list of Kubernetes objects; the message says where and why."""


@dataclass(frozen=True)
class Applied:
    """What became of one manifest."""

    kind: str
    name: str
    namespace: str
    verb: str
    """created, configured or unchanged."""
    resource: str
    """`deployment.apps/api-server`, as kubectl names it."""


def read(files: Sequence[str]) -> list[Manifest]:
    """All objects of all files; of a directory those that kubectl would read, of `-` the standard input.

    Raises BadManifest, OSError.
    """
    found: list[Manifest] = []
    for file in files:
        path = Path(file)
        if file == "-":
            found += parse(sys.stdin.read(), "standard input")
            continue
        is_directory = path.is_dir()
        each = sorted(entry for entry in path.iterdir() if entry.suffix in EXTENSIONS) if is_directory else [path]
        if not each:
            raise BadManifest(f"{file} holds no manifest ({', '.join(EXTENSIONS)})")
        for one in each:
            try:
                found += parse(one.read_text(), str(one))
            except UnicodeDecodeError as error:
                raise BadManifest(f"{one} is no text") from error
    if files and not found:
        raise BadManifest(f"no objects in {', '.join(files)}")
    return found


def parse(text: str, source: str) -> list[Manifest]:
    """The objects of a YAML or JSON text; a List is taken apart. Raises BadManifest."""
    import yaml

    class Loader(yaml.CSafeLoader):
        """YAML without dates: Kubernetes' times are strings."""

    resolvers = yaml.CSafeLoader.yaml_implicit_resolvers.items()
    Loader.yaml_implicit_resolvers = {
        first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"] for first, entries in resolvers
    }
    try:
        documents = [document for document in yaml.load_all(text, Loader=Loader) if document is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise BadManifest(f"{where}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise BadManifest(f"{source}: {' '.join(str(error).split())}") from error
    return [manifest for number, document in enumerate(documents, 1) for manifest in _objects(document, source, number)]


def _objects(document: Any, source: str, number: int) -> Iterable[Manifest]:
    where = f"{source}: document {number}"
    if not isinstance(document, dict):
        raise BadManifest(f"{where} is no object")
    if not all(document.get(field) and isinstance(document[field], str) for field in ("kind", "apiVersion")):
        raise BadManifest(f"{where} has no apiVersion or no kind")
    if document["kind"].endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _objects(item, source, number)
        return
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not (metadata.get("name") or metadata.get("generateName")):
        raise BadManifest(f"{where}: {document['kind']} has no metadata.name")
    yield document


class Applier:
    """Applies manifests to one API server; remembers which resource a kind is."""

    def __init__(self, client: Client, namespace: str = "default") -> None:
        self._client = client
        self._namespace = namespace
        self._resources: dict[str, list[Mapping[str, Any]]] = {}

    async def apply(self, manifest: Manifest) -> Applied:
        """Create or update one object. Raises the server's errors, and NotFound for a kind that it does not know."""
        collection, resource, namespace = await self._place(manifest)
        name = manifest["metadata"].get("name", "")
        group = manifest["apiVersion"].rpartition("/")[0]
        singular = str(resource.get("singularName") or manifest["kind"].lower())

        def result(verb: str, name: str) -> Applied:
            qualified = f"{singular}.{group}/{name}" if group else f"{singular}/{name}"
            return Applied(manifest["kind"], name, namespace, verb, qualified)

        wanted = annotated(manifest, namespace if resource["namespaced"] else "")
        live = await self._get(f"{collection}/{name}") if name else None
        if live is None:
            body = json.dumps(wanted).encode()
            created = json.loads(await self._client.call("POST", collection, body=body, headers=JSON))
            return result("created", created["metadata"]["name"])
        patch = three_way_patch(live, wanted)
        if not patch:
            return result("unchanged", name)
        body = json.dumps(patch).encode()
        await self._client.call("PATCH", f"{collection}/{name}", body=body, headers=MERGE_PATCH)
        return result("configured", name)

    async def _get(self, path: str) -> dict[str, Any] | None:
        try:
            live: dict[str, Any] = await self._client.get_json(path)
        except NotFound:
            return None
        return live

    async def _place(self, manifest: Manifest) -> tuple[str, Mapping[str, Any], str]:
        """Path of the collection, description of the resource, namespace."""
        version = manifest["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if version not in self._resources:
            try:
                self._resources[version] = (await self._client.get_json(root))["resources"]
            except NotFound:
                self._resources[version] = []
        for resource in self._resources[version]:
            if resource["kind"] == manifest["kind"] and "/" not in resource["name"]:
                namespace = manifest["metadata"].get("namespace") or self._namespace
                if not resource["namespaced"]:
                    return f"{root}/{resource['name']}", resource, ""
                return f"{root}/namespaces/{namespace}/{resource['name']}", resource, namespace
        del self._resources[version]
        raise NotFound(f'no matches for kind "{manifest["kind"]}" in version "{version}"')


def annotated(manifest: Manifest, namespace: str) -> dict[str, Any]:
    """The manifest with its namespace, and with itself in kubectl's annotation."""
    metadata = {**manifest["metadata"], **({"namespace": namespace} if namespace else {})}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != LAST_APPLIED}
    bare = {**manifest, "metadata": {**metadata, "annotations": annotations}}
    last = json.dumps(bare, separators=(",", ":"), sort_keys=True) + "\n"
    return {**manifest, "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: last}}}


def three_way_patch(live: Manifest, wanted: Manifest) -> dict[str, Any]:
    """The merge patch from `live` to `wanted`; {} when nothing but the annotation's spelling would change."""
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = json.loads(text) if text else {}
    except ValueError:
        last = {}
    patch = _difference(live, wanted, last if isinstance(last, dict) else {})
    note = wanted["metadata"]["annotations"][LAST_APPLIED]
    if patch.get("metadata") == {"annotations": {LAST_APPLIED: note}} and patch.keys() == {"metadata"}:
        same = last == json.loads(note)
        return {} if same else patch
    return patch


def _difference(live: Manifest, wanted: Manifest, last: Manifest) -> dict[str, Any]:
    patch: dict[str, Any] = {key: None for key in last.keys() - wanted.keys() if live.get(key) is not None}
    for key, value in wanted.items():
        had = live.get(key)
        if isinstance(value, dict) and isinstance(had, dict):
            before = last.get(key)
            inner = _difference(had, value, before if isinstance(before, dict) else {})
            if inner:
                patch[key] = inner
        elif isinstance(value, list) and value == last.get(key) and had is not None:
            continue
        elif value != had and value is not None:
            patch[key] = value
    return patch
