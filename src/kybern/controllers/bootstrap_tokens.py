"""Bootstrap tokens: signs the ConfigMap that joining nodes read, and deletes tokens that are over
(pkg/controller/bootstrap). Off unless they are asked for, as upstream's."""

from base64 import b64decode
from collections.abc import Iterable, Sequence

from joserfc import jws
from joserfc.jwk import OctKey

from kybern.api.types.core_v1 import ConfigMap, Secret
from kybern.base.clock import parse_time
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Delete, Done, Outcome, Patch, Plan
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.trace import Verdict

SIGNER, CLEANER = "bootstrap-signer-controller", "token-cleaner-controller"
TYPE = "bootstrap.kubernetes.io/token"
INFO = Key("kube-public", "cluster-info")
SIGNATURE = "jws-kubeconfig-"
SYSTEM = "kube-system"


def _info(secret: Secret, cluster: Cluster) -> Iterable[Key]:
    return (INFO,) if secret.type == TYPE else ()


def signer() -> Controller:
    return Controller("bootstrap-signer", watch(ConfigMap).also(Secret, _info), sign)


def cleaner() -> Controller:
    return Controller("token-cleaner", watch(Secret), clean)


async def sign(cluster: Cluster, key: Key) -> Outcome:
    """Bring the signatures in the ConfigMap to the tokens that may sign."""
    info = cluster.get(ConfigMap, key) if key == INFO else None
    if info is None:
        return Done()
    return await cluster.apply(decide_signatures(info, cluster.list(Secret, SYSTEM), cluster.now()))


def decide_signatures(info: ConfigMap, secrets: Sequence[Secret], now: float) -> Plan:
    """Pure: one detached JWS of the kubeconfig for each token."""
    plan = Plan(info)
    content = info.data.get("kubeconfig", "")
    wanted = {
        f"{SIGNATURE}{value(each, 'token-id')}": signature(
            content, value(each, "token-id"), value(each, "token-secret")
        )
        for each in secrets
        if content and signs(each, now)
    }
    known = {key: text for key, text in info.data.items() if key.startswith(SIGNATURE)}
    if wanted != known:
        gone = dict.fromkeys(known.keys() - wanted.keys())
        meta = {"resourceVersion": info.metadata.resource_version}
        plan.patches.append(Patch(info, {"metadata": meta, "data": {**wanted, **gone}}))
        plan.decide(Verdict.ACTED, "Signed", f"signed for {len(wanted)} tokens")
    return plan


def signs(secret: Secret, now: float) -> bool:
    """Whether the Secret is a token that holds and may sign."""
    if secret.type != TYPE or secret.metadata.deletion_timestamp or ends_at(secret) <= now:
        return False
    identity = value(secret, "token-id")
    named = secret.metadata.name == f"bootstrap-token-{identity}"
    return named and bool(value(secret, "token-secret")) and value(secret, "usage-bootstrap-signing") == "true"


def signature(content: str, identity: str, token: str) -> str:
    """HMAC with SHA-256, the payload left out (RFC 7515, appendix F)."""
    header = {"alg": "HS256", "kid": identity}
    whole = jws.serialize_compact(header, content.encode(), OctKey.import_key(token), algorithms=["HS256"])
    head, _, tail = whole.split(".")
    return f"{head}..{tail}"


async def clean(cluster: Cluster, key: Key) -> Outcome:
    secret = cluster.get(Secret, key)
    if secret is None or key.namespace != SYSTEM or secret.type != TYPE:
        return Done()
    return await cluster.apply(decide_end(secret, cluster.now()))


def decide_end(secret: Secret, now: float) -> Plan:
    """Pure: delete a token that is over, or look again when it is."""
    plan = Plan(secret)
    end = ends_at(secret)
    if end <= now:
        plan.deletes.append(Delete(secret))
        plan.decide(Verdict.ACTED, "Expired", "the token is over")
    elif end < float("inf"):
        plan.requeue(end - now)
    return plan


def ends_at(secret: Secret) -> float:
    """Seconds since the epoch; one that cannot be read is over."""
    text = value(secret, "expiration")
    try:
        return parse_time(text) if text else float("inf")
    except ValueError:
        return 0.0


def value(secret: Secret, key: str) -> str:
    return b64decode(secret.data.get(key, "")).decode(errors="replace")
