"""Which versions of the API are served: what may be said, and what it comes to."""

import pytest

from kybern.api.runtime_config import InvalidRuntimeConfig, RuntimeConfig, parse

VERSIONS = {("", "v1"), ("apps", "v1"), ("batch", "v1"), ("autoscaling", "v1"), ("autoscaling", "v2")}


def config(*flags: str) -> RuntimeConfig:
    return parse(flags, VERSIONS)


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        ("apps", "runtime-config invalid key apps"),
        ("a/b/c/d=true", "runtime-config invalid key a/b/c/d"),
        ("mine/v1=true,also.mine/v2=false", "unknown api groups also.mine/v2,mine/v1"),
        ("apps/v7=true", "group version apps/v7 that has not been registered"),
        ("apps/v1=no", 'invalid value of apps/v1: no, err: strconv.ParseBool: parsing "no": invalid syntax'),
        ("api/ga=1", "invalid value api/ga=1"),
        ("api/ga=false", "--runtime-config=api/ga=false conflicts with --enable-priority-and-fairness=true"),
        ("api/alpha=true", "cannot set api/alpha=true: Kybern serves no beta and no alpha version of the API"),
        ("batch/v1beta1=true", "cannot enable batch/v1beta1: Kybern does not serve batch/v1beta1"),
        (
            "apps/v1/Deployments=false",
            "invalid key apps/v1/Deployments: group/version/resource and resource is always lowercase plural, not "
            '"Deployments"',
        ),
    ],
)
def test_what_is_refused(flag: str, why: str) -> None:
    with pytest.raises(InvalidRuntimeConfig) as caught:
        config(flag)
    assert str(caught.value) == why


def test_all_is_served_until_told_otherwise() -> None:
    assert config().serves("apps", "v1", "deployments")
    assert config("api/beta=false,api/legacy=true,batch/v1beta1=false").serves("batch", "v1", "jobs")


def test_a_version_goes_and_its_sibling_stays() -> None:
    told = config("autoscaling/v1=false")
    assert not told.serves("autoscaling", "v1", "horizontalpodautoscalers")
    assert told.serves("autoscaling", "v2", "horizontalpodautoscalers")


def test_a_resource_goes_before_its_version() -> None:
    told = config("batch/v1=false", "batch/v1/jobs=true")
    assert told.serves("batch", "v1", "jobs")
    assert not told.serves("batch", "v1", "cronjobs")


@pytest.mark.parametrize("name", ["v1", "/v1", "api/v1"])
def test_the_core_has_several_names(name: str) -> None:
    assert not config(f"{name}=false").serves("", "v1", "pods")
