"""Names that carry a domain: `example.com/controller`."""

from collections.abc import Iterator

from kybern.api.resource import FieldError
from kybern.api.validation import names
from kybern.api.validation.field import each_invalid, invalid, required


def validate_domain_prefixed_path(text: str, path: str) -> Iterator[FieldError]:
    if not text:
        yield required(path)
        return
    host, _, rest = text.partition("/")
    if not host or not rest:
        yield invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")')
        return
    yield from each_invalid(path, host, names.dns_subdomain(host))
    yield from each_invalid(path, rest, names.http_path(rest))
