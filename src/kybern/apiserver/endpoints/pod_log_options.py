"""What may be asked of a Pod's log, checked as upstream does before anyone looks for the Pod.

Source: ValidatePodLogOptions in pkg/apis/core/validation.
"""

from collections.abc import Callable, Mapping

from kybern.api.resource import FieldError, Resource
from kybern.api.validation.field import forbidden, invalid, not_supported
from kybern.apiserver import status
from kybern.base.clock import parse_time
from kybern.base.errors import BadRequest
from kybern.transport.exchange import Request

OPTIONS = Resource("", "v1", "PodLogOptions", "pods/log", True)
STREAMS = ("All", "Stderr", "Stdout")
_FLAGS = ("follow", "previous", "timestamps")
_NUMBERS = ("limitBytes", "sinceSeconds", "tailLines")


def log_options(request: Request, name: str) -> dict[str, str]:
    """The kubelet's query for the log of the Pod `name`. Raises BadRequest, Invalid."""
    given = {key: values[0] for key, values in request.query.items() if values}
    query = {key: "true" for key in _FLAGS if key in given and given[key].lower() not in ("false", "0")}
    numbers = {key: _integer(given[key]) for key in _NUMBERS if given.get(key)}
    query |= {key: str(number) for key, number in numbers.items()}
    if given.get("sinceTime"):
        query["sinceTime"] = _time(given["sinceTime"])
    if given.get("stream"):
        query["stream"] = given["stream"]
    faults = list(_faults(numbers, query))
    if faults:
        raise status.invalid(OPTIONS, name, faults)
    return query


def _faults(numbers: Mapping[str, int], query: Mapping[str, str]) -> list[FieldError]:
    rows: tuple[tuple[str, Callable[[int], bool], str], ...] = (
        ("tailLines", lambda value: value >= 0, "must be greater than or equal to 0"),
        ("limitBytes", lambda value: value >= 1, "must be greater than 0"),
        ("sinceSeconds", lambda value: value >= 1 or "sinceTime" in query, "must be greater than 0"),
    )
    faults = [invalid(key, numbers[key], why) for key, right, why in rows if key in numbers and not right(numbers[key])]
    if "sinceSeconds" in query and "sinceTime" in query:
        faults.append(forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    stream = query.get("stream", "All")
    if stream not in STREAMS:
        faults.append(not_supported("stream", stream, STREAMS))
    if stream != "All" and "tailLines" in query:
        faults.append(forbidden("", "`tailLines` and specific `stream` are mutually exclusive for now"))
    return faults


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _time(text: str) -> str:
    try:
        parse_time(text)
    except ValueError:
        raise BadRequest(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}"') from None
    return text
