"""CustomResourceDefinition; the rules of its schemas are in `api.structural`.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kybern.api.resource import FieldError, Object
from kybern.api.structural.definition import (
    STRICT,
    Strictness,
    schema_of,
    strictness_after,
    unrecognized_formats,
    validate_schema,
    validate_selectable_fields,
)
from kybern.api.structural.internal_schema import internal_version
from kybern.api.structural.rule_checks import check_rules
from kybern.api.structural.rules import why_inconvertible
from kybern.api.structural.schema import walk
from kybern.api.validation import names
from kybern.api.validation.api_approval import fault_of_approval, validate_approval
from kybern.api.validation.certificate_bundle import NO_BUNDLE, is_bundle
from kybern.api.validation.custom_resource_parts import (
    deprecation_faults,
    validate_all_names,
    validate_names,
    validate_shown,
)
from kybern.api.validation.field import forbidden, go_json, immutable, invalid, not_supported, quote, required
from kybern.api.validation.webhooks import validate_client_config, validate_review_versions

_SCOPES = ("Cluster", "Namespaced")
_STRATEGIES = ("None", "Webhook")
_REVIEWS = ("v1", "v1beta1")

_PARTS = ("schema", "subresources", "additionalPrinterColumns", "selectableFields")
"""Of a version; what all versions have alike upstream keeps, and checks, once for all."""


def _validate_spec(spec: Object, strict: Strictness = STRICT) -> Iterator[FieldError]:
    group = spec.get("group") or ""
    yield from _group_and_scope(spec, group)
    versions = spec.get("versions") or []
    yield from _schemas_there(versions)
    if spec.get("preserveUnknownFields") and _has_defaults(versions):
        detail = "must be false in order to use defaults in the schema"
        yield invalid("spec.preserveUnknownFields", True, detail)
    shared = {key: _shared(versions, key) for key in _PARTS}
    for index, version in enumerate(versions):
        own = {key: value for key, value in version.items() if shared.get(key) is None}
        has_status = _has_status(version)
        yield from _version(own, f"spec.versions[{index}]", strict, has_status=has_status)
    yield from _version_list(spec.get("versions"))
    yield from _first_version(versions)
    yield from validate_all_names(spec.get("names") or {}, "spec.names")
    yield from _whole(shared, versions, strict)
    yield from _conversion(spec, "spec.conversion")


def validate_new_definition(obj: Object) -> Iterator[FieldError]:
    """What more is asked of definitions that are created."""
    spec = obj.get("spec") or {}
    wanted = f"{(spec.get('names') or {}).get('plural') or ''}.{spec.get('group') or ''}"
    for key in ("generateName", "name"):
        given = obj["metadata"].get(key)
        if given and given != wanted:
            yield invalid(f"metadata.{key}", given, 'must be spec.names.plural+"."+spec.group')
    yield from _validate_spec(spec)
    yield from _stored_versions(obj, spec)
    yield from validate_approval(obj)
    yield from _no_preserving(spec)


def warn_of_formats(new: Object, old: Object | None) -> list[str]:
    """Formats that are newly written and never checked."""
    known = set() if old is None else set(unrecognized_formats((old.get("spec") or {}).get("versions") or ()))
    found = unrecognized_formats((new.get("spec") or {}).get("versions") or ())
    return [f"unrecognized format {quote(each)}" for each in found if each not in known]


def _whole(shared: Mapping[str, Any], versions: Sequence[Object], strict: Strictness) -> Iterator[FieldError]:
    """What all versions have alike."""
    schema = (shared["schema"] or {}).get("openAPIV3Schema")
    if schema is not None:
        yield from validate_schema(
            schema,
            "spec.validation.openAPIV3Schema",
            strict,
            has_status=any(map(_has_status, versions)),
            version=versions[0].get("name") or "",
            check_rules=check_rules,
        )
    yield from validate_shown(shared, "spec")
    if shared["selectableFields"]:
        if schema is None:
            yield invalid("spec.selectableFields", "", "may only be set when validations.schema is included")
        else:
            yield from _convertible(schema, "spec.schema.openAPIV3Schema")
            many = (versions[0].get("name") or "") in strict.too_many_selectable
            yield from validate_selectable_fields(
                shared["selectableFields"], schema, "spec.selectableFields", may_be_many=many
            )


def _convertible(schema: Object, path: str) -> Iterator[FieldError]:
    """Selectable fields are looked up in the structural form of the schema, if it has one."""
    if why := why_inconvertible(schema):
        yield invalid(path, "", why)


def _has_defaults(versions: Sequence[Object]) -> bool:
    schemas = [schema for version in versions if (schema := schema_of(version)) is not None]
    return any(each.get("default") is not None for schema in schemas for each in walk(schema))


def _has_status(version: Object) -> bool:
    return (version.get("subresources") or {}).get("status") is not None


def _no_preserving(spec: Object) -> Iterator[FieldError]:
    if spec.get("preserveUnknownFields"):
        detail = (
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        )
        yield invalid("spec.preserveUnknownFields", True, detail)


def _shared(versions: Sequence[Object], key: str) -> Any:
    """What all versions have alike: upstream checks it once, under `spec`."""
    return versions[0].get(key) if versions and _are_alike(versions, key) else None


def _are_alike(versions: Sequence[Object], key: str) -> bool:
    """An empty list counts as none."""
    given = [None if version.get(key) == [] else version.get(key) for version in versions]
    return all(each == given[0] for each in given)


def _version_list(versions: Sequence[Object] | None) -> Iterator[FieldError]:
    given = [version.get("name") for version in versions or ()]
    if len(set(given)) != len(given):
        yield invalid("spec.versions", _internal(versions), "must contain unique version names")
    if sum(bool(version.get("storage")) for version in versions or ()) != 1:
        detail = "must have exactly one version marked as storage version"
        yield invalid("spec.versions", _internal(versions), detail)


def _first_version(versions: Sequence[Object]) -> Iterator[FieldError]:
    """Upstream keeps the first one's name where v1beta1 had the only one."""
    name = versions[0].get("name") or "" if versions else ""
    if name and (messages := names.dns_1035_label(name)):
        yield invalid("spec.version", name, ",".join(messages))


def _internal(versions: Sequence[Object] | None) -> list[Object] | None:
    """As upstream shows them."""
    if versions is None:
        return None
    common = {key for key in _PARTS if _are_alike(versions, key)}
    return [internal_version(version, common) for version in versions]


def validate_definition_update(new: Object, old: Object) -> Iterator[FieldError]:
    """All rules of a changed definition; what an older one broke it may go on breaking."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    yield from _validate_spec(after, strictness_after(before.get("versions") or (), after.get("versions") or ()))
    conditions = (old.get("status") or {}).get("conditions") or ()
    if any(one.get("type") == "Established" and one.get("status") == "True" for one in conditions):
        yield from immutable("spec.scope", after.get("scope"), before.get("scope"))
        yield from _immutable_name("kind", after, before)
        yield from _bundle(_bundle_of(after), _bundle_of(before))
    yield from immutable("spec.group", after.get("group"), before.get("group"))
    yield from _immutable_name("plural", after, before)
    yield from _stored_versions(new, after)
    if fault_of_approval(new) != fault_of_approval(old):
        yield from validate_approval(new)
    if not before.get("preserveUnknownFields"):
        yield from _no_preserving(after)


def _bundle_of(spec: Object) -> str:
    webhook = (spec.get("conversion") or {}).get("webhook") or {}
    return (webhook.get("clientConfig") or {}).get("caBundle") or ""


def _bundle(new: str, old: str) -> Iterator[FieldError]:
    """What is established keeps a sound bundle; one that was unsound before is tolerated."""
    if new and not is_bundle(new) and (not old or is_bundle(old)):
        yield invalid("spec.conversion.webhookClientConfig.caBundle", new, NO_BUNDLE)


def _immutable_name(key: str, after: Object, before: Object) -> Iterator[FieldError]:
    new, old = ((spec.get("names") or {}).get(key) for spec in (after, before))
    yield from immutable(f"spec.names.{key}", new, old)


def _group_and_scope(spec: Object, group: str) -> Iterator[FieldError]:
    if not group:
        yield required("spec.group")
    elif messages := names.dns_subdomain(group):
        yield invalid("spec.group", group, ",".join(messages))
    elif "." not in group:
        yield invalid("spec.group", group, "should be a domain with at least one dot")
    scope = spec.get("scope") or ""
    if not scope:
        yield required("spec.scope")
    elif scope not in _SCOPES:
        yield not_supported("spec.scope", scope, _SCOPES)


def _schemas_there(versions: Sequence[Object]) -> Iterator[FieldError]:
    for index, version in enumerate(versions):
        if (version.get("schema") or {}).get("openAPIV3Schema") is None:
            yield required(f"spec.versions[{index}].schema.openAPIV3Schema")


def _version(version: Object, path: str, strict: Strictness, *, has_status: bool) -> Iterator[FieldError]:
    name = version.get("name") or ""
    if messages := names.dns_1035_label(name):
        yield invalid(f"{path}.name", name, ",".join(messages))
    warning = version.get("deprecationWarning")
    if warning is not None:
        for message in deprecation_faults(warning, deprecated=bool(version.get("deprecated"))):
            shown = f"Invalid value: {go_json(warning)}: {message}"  # Go holds a pointer here, and shows it as JSON.
            yield FieldError("FieldValueInvalid", f"{path}.deprecationWarning", shown)
    schema = schema_of(version)
    if schema is not None:
        place = f"{path}.schema.openAPIV3Schema"
        yield from validate_schema(schema, place, strict, has_status=has_status, version=name, check_rules=check_rules)
    yield from validate_shown(version, path)
    selectable = version.get("selectableFields") or ()
    if selectable and schema is None:
        detail = "may only be set when `version.schema.openAPIV3Schema` is not included"
        yield invalid(f"{path}.selectableFields", "", detail)
    elif selectable and schema is not None:
        yield from _convertible(schema, f"{path}.schema.openAPIV3Schema")
        many = name in strict.too_many_selectable
        yield from validate_selectable_fields(selectable, schema, f"{path}.selectableFields", may_be_many=many)


def _conversion(spec: Object, path: str) -> Iterator[FieldError]:
    conversion = spec.get("conversion")
    if conversion is None:
        return
    strategy, webhook = conversion.get("strategy") or "", conversion.get("webhook")
    config, versions = (webhook or {}).get("clientConfig"), (webhook or {}).get("conversionReviewVersions") or ()
    if spec.get("preserveUnknownFields") and strategy != "None":
        detail = "must be None if spec.preserveUnknownFields is true"
        yield invalid(f"{path}.strategy", strategy, detail)
    if not strategy:
        yield required(f"{path}.strategy")
    elif strategy not in _STRATEGIES:
        yield not_supported(f"{path}.strategy", strategy, _STRATEGIES)
    if strategy == "Webhook":
        if config is None:
            yield required(f"{path}.webhookClientConfig", "required when strategy is set to Webhook")
        else:
            yield from validate_client_config(config, f"{path}.webhookClientConfig")
        yield from validate_review_versions(versions, f"{path}.conversionReviewVersions", _REVIEWS)
        return
    unwanted = "should not be set when strategy is not set to Webhook"
    if config is not None:
        yield forbidden(f"{path}.webhookClientConfig", unwanted)
    if versions:
        yield forbidden(f"{path}.conversionReviewVersions", unwanted)


def _stored_versions(obj: Object, spec: Object) -> Iterator[FieldError]:
    stored = (obj.get("status") or {}).get("storedVersions") or []
    path = "status.storedVersions"
    if not stored:
        yield invalid(path, stored or None, "must have at least one stored version")
        return
    places = {name: index for index, name in enumerate(stored)}
    for version in spec.get("versions") or ():
        name = version.get("name") or ""
        if places.pop(name, None) is None and version.get("storage"):
            yield invalid(path, stored, f"must have the storage version {name}")
    for name, index in places.items():
        if index is not None:
            detail = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                "spec.versions until a storage migration ensures no data remains persisted in "
                f"{name} and removes {name} from status.storedVersions"
            )
            yield invalid(f"{path}[{index}]", name, detail)


def validate_definition_status(new: Object, old: Object) -> Iterator[FieldError]:
    """Of a status upstream asks only that its names are names."""
    yield from validate_names((new.get("status") or {}).get("acceptedNames") or {}, "status.acceptedNames")
