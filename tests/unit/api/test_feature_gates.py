"""Feature gates: what may be named, what is refused, and in whose words."""

import pytest

from kybern.api.feature_gates import InvalidFeatureGates, parse
from kybern.api.feature_table import ELSEWHERE, GATES, INWARD, NEEDS


def refusal(*flags: str) -> str:
    with pytest.raises(InvalidFeatureGates) as caught:
        parse(flags)
    return str(caught.value)


def test_nothing_told_is_upstreams_default() -> None:
    gates = parse(())
    assert gates.enabled("WatchList")
    assert not gates.enabled("CBORServingAndStorage")


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        ("NoSuch=true", "unrecognized feature gate: NoSuch"),
        ("WatchList", "missing bool value for WatchList"),
        ("WatchList=", 'invalid value of WatchList=, err: strconv.ParseBool: parsing "": invalid syntax'),
        ("WatchList=yes", 'invalid value of WatchList=yes, err: strconv.ParseBool: parsing "yes": invalid syntax'),
        ("JobSuccessPolicy=false", "cannot set feature gate JobSuccessPolicy to false, feature is locked to true"),
        ("GitRepoVolumeDriver=true", "cannot set feature gate GitRepoVolumeDriver to true, feature is locked to false"),
        ("mine:WatchList=true", "component not registered: mine"),
        (
            "APIServerIdentity=false",
            "UnknownVersionInteroperabilityProxy is enabled, but depends on features that are disabled: "
            "[APIServerIdentity]",
        ),
        ("OpenAPIEnums=false", "cannot set feature gate OpenAPIEnums to false: Kybern has it as true only"),
    ],
)
def test_what_is_refused(flag: str, why: str) -> None:
    assert refusal(flag) == why


def test_faults_are_told_together() -> None:
    assert refusal("A=true,B=true") == "[unrecognized feature gate: A, unrecognized feature gate: B]"


def test_the_prefix_of_kube_is_for_all_gates_or_none() -> None:
    assert not parse(("kube:ComponentFlagz=false", "kube:ComponentStatusz=true")).enabled("ComponentFlagz")
    assert "do not mix use" in refusal("ComponentFlagz=false", "kube:ComponentStatusz=true")


def test_a_later_value_counts() -> None:
    assert not parse(("ComponentStatusz=true,WatchList=true", "ComponentStatusz=f")).enabled("ComponentStatusz")


def test_other_programs_gates_may_be_anything() -> None:
    gates = parse(
        (
            "LogarithmicScaleDown=true,NFTablesProxyMode=1,NodeLogQuery=true,KubeletPSI=true,SchedulerQueueingHints=true,WinDSR=t,EventedPLEG=true",
        )
    )
    assert gates.enabled("EventedPLEG")


def test_all_of_a_stage_means_what_is_not_named_alone() -> None:
    told = refusal("AllAlpha=true", "CBORServingAndStorage=false", "GangScheduling=true,GenericWorkload=true")
    assert "ShardedListAndWatch" in told
    assert "CBORServingAndStorage" not in told


def test_gates_that_go_are_warned_of() -> None:
    warnings = [*parse(("JobSuccessPolicy=true", "KMSv1=false", "WatchList=true")).warnings()]
    assert warnings == [
        "setting GA feature gate JobSuccessPolicy=true: it will be removed in a future release",
        "setting deprecated feature gate KMSv1=false: it will be removed in a future release",
    ]


def test_tables_name_only_gates() -> None:
    named = {*NEEDS, *(each for needed in NEEDS.values() for each in needed), *ELSEWHERE, *INWARD}
    assert named <= GATES.keys()


def test_metrics_are_told_of_every_gate() -> None:
    stages = {name: (stage, on) for name, stage, on in parse(("ComponentFlagz=false",)).stages()}
    assert stages.keys() == GATES.keys() | {"AllAlpha", "AllBeta"}
    assert stages["ComponentFlagz"] == ("BETA", False)
    assert stages["JobSuccessPolicy"] == ("", True)
