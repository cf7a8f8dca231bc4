"""kubectl logs with every option."""

import pytest

from tests.scenarios.vocabulary import CRASHING, WEB, Cluster, User

LINES = """
    line 1
    line 2
    line 3
    err
"""


@pytest.fixture(scope="module")
def talker(cluster: Cluster) -> User:
    """A user whose Pod `talker` has said its lines and ended."""
    user = cluster.newcomer()
    # Its two outputs are two pipes: what is said at once on both has no order.
    script = "for i in 1 2 3; do echo line $i; done; sleep 1; echo err >&2; exit 3"
    user.kubectl(f"run talker --image={WEB} --restart=Never -- sh -c '{script}'").prints("pod/talker created")
    user.kubectl("wait --for=jsonpath={.status.phase}=Failed pod/talker --timeout=180s").prints(
        "pod/talker condition met"
    )
    return user


def test_what_was_said(talker: User) -> None:
    talker.kubectl("logs talker").prints(LINES)
    talker.kubectl("logs -f talker").prints(LINES)
    talker.kubectl("logs talker --tail=2").prints("line 3\nerr")
    talker.kubectl("logs talker --tail=0").prints("")
    talker.kubectl("logs talker --limit-bytes=9").prints("line 1\nli")
    talker.kubectl("logs talker --since=1h --timestamps --tail=1").prints("20…-…-…T…:…:….…Z err")
    talker.kubectl("logs talker --since-time=2020-01-01T00:00:00Z --tail=1").prints("err")
    talker.kubectl("logs talker --since-time=2120-01-01T00:00:00Z").prints("")
    talker.kubectl("logs pod/talker --prefix --tail=1").prints("[pod/talker/talker] err")


def test_what_cannot_be_read(talker: User, cluster: Cluster) -> None:
    talker.kubectl("logs nosuch").fails(
        f'error: error from server (NotFound): pods "nosuch" not found in namespace "{talker.namespace}"'
    )
    talker.kubectl("logs talker -c nosuch").fails("error: container nosuch is not valid for pod talker out of: talker")
    talker.kubectl("logs talker --previous").fails(
        'Error from server (BadRequest): previous terminated container "talker" in pod "talker" not found'
    )
    talker.kubectl("logs talker --tail=-5").fails("error: --tail must be greater than or equal to -1")
    talker.kubectl("run pending --image=localhost/nosuch:1 --image-pull-policy=Never").succeeds()
    cluster.eventually(
        lambda: talker.kubectl("logs pending").fails(
            'Error from server (BadRequest): container "pending" in pod "pending" is waiting to start: ErrImageNeverPull'
        )
    )


def test_following_until_the_end(user: User) -> None:
    script = "for i in 1 2 3; do echo said $i; sleep 0.4; done"
    user.kubectl(f"run slow --image={WEB} --restart=Never -- sh -c '{script}'").succeeds()
    user.kubectl("wait --for=condition=Ready pod/slow --timeout=180s").succeeds()
    user.kubectl("logs -f slow").prints("said 1\nsaid 2\nsaid 3")


def test_the_life_before_this_one(user: User, cluster: Cluster) -> None:
    user.kubectl(f"run crash --image={CRASHING}").prints("pod/crash created")
    words = "v1.4.4: cannot read the new configuration"
    cluster.eventually(lambda: user.kubectl("logs crash --previous").prints(words))
    user.kubectl("logs crash").prints(words)
    cluster.eventually(lambda: user.kubectl("get pod crash --no-headers").prints("crash 0/1 CrashLoopBackOff … …"))


def test_many_containers(resident: User, user: User) -> None:
    listening = "v1.4.2: listening on 8080"
    resident.kubectl("logs deploy/web").prints(listening).warns("Found 2 pods, using pod/web-…")
    resident.kubectl("logs -l app=web --prefix").prints(
        f"[pod/web-…/api-server] {listening}\n[pod/web-…/api-server] {listening}"
    )
    resident.kubectl("logs deploy/web --all-pods").prints(
        f"[pod/web-…/api-server] {listening}\n[pod/web-…/api-server] {listening}"
    )
    user.applies(f"""
apiVersion: v1
kind: Pod
metadata: {{name: two}}
spec:
  restartPolicy: Never
  initContainers: [{{name: first, image: "{WEB}", command: [echo, before]}}]
  containers:
  - {{name: a, image: "{WEB}", command: [echo, from a]}}
  - {{name: b, image: "{WEB}", command: [echo, from b]}}
""").prints("pod/two created")
    user.kubectl("wait --for=jsonpath={.status.phase}=Succeeded pod/two --timeout=180s").succeeds()
    user.kubectl("logs two").prints("from a").warns('Defaulted container "a" out of: a, b, first (init)')
    user.kubectl("logs two -c first").prints("before")
    # kubectl asks for them in the order of a map, which is none.
    told = user.kubectl("logs two --all-containers --prefix").succeeds().out
    assert sorted(told.splitlines()) == ["[pod/two/a] from a", "[pod/two/b] from b", "[pod/two/first] before"]
