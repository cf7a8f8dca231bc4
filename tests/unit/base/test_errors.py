"""One class for each reason."""

from kybern.base import errors


def test_every_reason_has_one_class() -> None:
    assert errors.BY_REASON["NotFound"] is errors.NotFound
    own = [each for each in errors.StatusError.__subclasses__() if each.__module__ == errors.__name__]
    assert len(errors.BY_REASON) == len(own)


def test_causes_come_from_the_details() -> None:
    cause = {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.selector"}
    assert errors.Invalid("d is invalid", details={"causes": [cause]}).causes == [cause]
    assert errors.NotFound('pods "p" not found').causes == ()
