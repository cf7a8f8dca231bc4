"""Bootstrap tokens: signatures of the cluster's information, and the end of tokens."""

from base64 import b64encode

from joserfc import jws
from joserfc.jwk import OctKey

from kybern.api.types.core_v1 import ConfigMap, Secret
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import format_time
from kybern.client.plan import Patch
from kybern.controllers.bootstrap_tokens import TYPE, decide_end, decide_signatures
from kybern.controllers.run import ON_DEMAND, chosen

NOW = 1_800_000_000.0


def token(identity: str = "abcdef", **data: str) -> Secret:
    plain = {"token-id": identity, "token-secret": "s" * 16, "usage-bootstrap-signing": "true", **data}
    encoded = {key: b64encode(value.encode()).decode() for key, value in plain.items()}
    return Secret(metadata=ObjectMeta(name=f"bootstrap-token-{identity}"), type=TYPE, data=encoded)


def info(**data: str) -> ConfigMap:
    return ConfigMap(
        metadata=ObjectMeta(name="cluster-info", namespace="kube-public"), data={"kubeconfig": "k", **data}
    )


def changes(subject: ConfigMap, *secrets: Secret) -> dict[str, str | None]:
    patches: list[Patch] = decide_signatures(subject, secrets, NOW).patches
    return patches[0].patch["data"] if patches else {}


def test_signs_with_tokens_that_may_and_forgets_the_others() -> None:
    found = changes(info(**{"jws-kubeconfig-gone00": "x"}), token())
    assert found["jws-kubeconfig-gone00"] is None
    signature = found["jws-kubeconfig-abcdef"]
    assert signature is not None
    head, payload, tail = signature.split(".")
    assert payload == ""
    key = OctKey.import_key("s" * 16)
    whole = f"{head}.{b64encode(b'k').decode().rstrip('=')}.{tail}"
    assert jws.deserialize_compact(whole, key, algorithms=["HS256"]).payload == b"k"
    assert changes(info(**{"jws-kubeconfig-abcdef": signature}), token()) == {}
    for other in (token(expiration=format_time(NOW - 1)), token(**{"usage-bootstrap-signing": "false"})):
        assert changes(info(), other) == {}


def test_tokens_that_are_over_are_deleted() -> None:
    assert decide_end(token(expiration=format_time(NOW - 1)), NOW).deletes
    later = decide_end(token(expiration=format_time(NOW + 60)), NOW)
    assert (later.deletes, later.requeue_after) == ([], 60.0)
    assert decide_end(token(), NOW).requeue_after is None


def test_they_run_only_where_they_are_named() -> None:
    assert not set(ON_DEMAND) & set(chosen(["*"]))
    assert ON_DEMAND[0] in chosen(["*", ON_DEMAND[0]])
    assert chosen(["*", "-job-controller"]).count("job-controller") == 0
