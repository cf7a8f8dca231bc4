"""`kybern.dev/v1 decisions`: what components decided, kept in a bounded window in memory and served read-only.

Components POST batches; the newest WINDOW_LIMIT decisions are kept, a repeated one only gets its newest time and a
count. Nothing here is durable: it is the record of why, not of what.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import orjson

from kybern.api.resource import Object, Resource
from kybern.apiserver import answer, negotiate, status
from kybern.apiserver.call import Call
from kybern.base.clock import format_time
from kybern.base.errors import BadRequest
from kybern.transport.exchange import Response

GROUP, VERSION = "kybern.dev", "v1"
WINDOW_LIMIT = 50_000
"""Decisions kept; at about 1 kB each, 50 MB at most."""
MESSAGE_LIMIT = 4096
"""Characters of a message that are kept."""

RESOURCE = Resource(
    GROUP, VERSION, "Decision", "decisions", True, singular="decision", verbs=("create", "list"), stored=False
)

Key = tuple[str, str, str, str, str]
_TEXTS = ("component", "subject", "verdict", "reason", "message")


class Decisions:
    """The window, indexed by subject. Discovery tells of it once there is something to see."""

    def __init__(self, now: Callable[[], float], limit: int = WINDOW_LIMIT) -> None:
        self._now = now
        self._limit = limit
        self._window: OrderedDict[Key, Object] = OrderedDict()
        self._by_subject: dict[str, dict[Key, None]] = {}
        self._sequence = 0

    @property
    def resources(self) -> Sequence[Resource]:
        """What discovery tells: a server to which no component reports has no such group."""
        return (RESOURCE,) if self._sequence else ()

    def answer(self, call: Call) -> Response:
        """Raises NotFound, MethodNotAllowed, BadRequest."""
        info = call.info
        if info.resource != RESOURCE.plural or info.name or info.subresource:
            raise status.no_such_path()
        if info.verb == "list":
            return self._list(call)
        if info.verb == "create":
            return self._create(call)
        raise status.method_not_allowed()

    def _list(self, call: Call) -> Response:
        subject, namespace = call.request.parameter("subject"), call.info.namespace
        items = [item for item in self._of(subject) if not namespace or item["metadata"]["namespace"] == namespace]
        body = {
            "kind": "DecisionList",
            "apiVersion": f"{GROUP}/{VERSION}",
            "metadata": {"resourceVersion": str(self._sequence)},
            "items": items,
        }
        return answer.encoded(call, body, negotiate.shape_of(call.request.headers.get("accept", "")).media)

    def _create(self, call: Call) -> Response:
        try:
            body = orjson.loads(call.request.body)
            items = body["items"]
        except (ValueError, KeyError, TypeError):
            raise BadRequest('a batch of decisions is expected: {"items": […]}') from None
        for item in items:
            if not isinstance(item, dict) or not all(isinstance(item.get(name), str) for name in _TEXTS):
                raise BadRequest(f"a decision has {', '.join(_TEXTS)}")
        for item in items:
            self._add(item)
        return Response(status.CREATED, orjson.dumps({"accepted": len(items)}))

    def _of(self, subject: str) -> Iterator[Object]:
        if not subject:
            return iter(list(self._window.values()))
        return iter([self._window[key] for key in self._by_subject.get(subject, ())])

    def _add(self, item: Object) -> None:
        item["message"] = item["message"][:MESSAGE_LIMIT]
        key = (item["component"], item["subject"], item["verdict"], item["reason"], item["message"])
        known = self._window.pop(key, None)
        time = item.get("time")
        moment = float(time) if isinstance(time, int | float) else self._now()
        self._sequence += 1
        stored = {name: item[name] for name in (*_TEXTS, "revision", "uid", "seen") if item.get(name)}
        stored |= {name: "" for name in _TEXTS if name not in stored}
        stored |= {"time": moment, "count": known["count"] + 1 if known else 1}
        stored["metadata"] = known["metadata"] if known else _metadata(item["subject"], self._sequence, moment)
        self._window[key] = {"kind": "Decision", "apiVersion": f"{GROUP}/{VERSION}", **stored}
        self._by_subject.setdefault(item["subject"], {})[key] = None
        if len(self._window) > self._limit:
            self._drop(self._window.popitem(last=False)[0])

    def _drop(self, key: Key) -> None:
        keys = self._by_subject[key[1]]
        del keys[key]
        if not keys:
            del self._by_subject[key[1]]


def _metadata(subject: str, sequence: int, moment: float) -> Object:
    """`Pod/default/web-0` is about the namespace `default`, `Node/a` about none."""
    parts = subject.split("/")
    namespace = parts[1] if len(parts) == 3 else ""
    name = f"{parts[0].lower()}.{parts[-1]}.{sequence}"
    return {"name": name, "namespace": namespace, "creationTimestamp": format_time(moment)}
