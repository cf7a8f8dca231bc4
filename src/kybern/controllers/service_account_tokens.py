"""Fills Secrets of type service-account-token, and deletes those whose ServiceAccount is gone
(pkg/controller/serviceaccount/tokens_controller.go)."""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from kybern.api.types.core_v1 import Secret, ServiceAccount
from kybern.base.errors import NotFound
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, key_of
from kybern.client.plan import Delete, Done, Outcome, Patch, Plan
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "serviceaccount-token-controller"
TYPE = "kubernetes.io/service-account-token"
ACCOUNT_NAME = "kubernetes.io/service-account.name"
ACCOUNT_UID = "kubernetes.io/service-account.uid"
CLAIM = "kubernetes.io/serviceaccount/"
ISSUER = "kubernetes/serviceaccount"


def _secrets_of(account: ServiceAccount, cluster: Cluster) -> Iterable[Key]:
    meta = account.metadata
    return [
        key_of(each)
        for each in cluster.list(Secret, meta.namespace)
        if each.type == TYPE and each.metadata.annotations.get(ACCOUNT_NAME) == meta.name
    ]


WATCHES = watch(Secret).also(ServiceAccount, _secrets_of, changed=lambda new, old: new.metadata.uid != old.metadata.uid)


def controller(private_key: str, root_ca: str) -> Controller:
    """Raises OSError, ValueError for a key that is none. `root_ca`: PEM, or ""."""
    return Controller(NAME, WATCHES, Tokens(Signer.read(Path(private_key)), root_ca).reconcile)


@dataclass(frozen=True, slots=True)
class Signer:
    key: ECKey | RSAKey
    algorithm: str

    @classmethod
    def read(cls, path: Path) -> "Signer":
        """A private key, PEM. Raises OSError, ValueError."""
        data = path.read_bytes()
        private = serialization.load_pem_private_key(data, password=None)
        if isinstance(private, ec.EllipticCurvePrivateKey):
            algorithm = {256: "ES256", 384: "ES384", 521: "ES512"}[private.curve.key_size]
            return cls(ECKey.import_key(data), algorithm)
        return cls(RSAKey.import_key(data), "RS256")

    def token(self, account: ServiceAccount, secret: Secret) -> str:
        """A legacy token: it has no end, it holds as long as the Secret has it."""
        meta = account.metadata
        claims = {
            "iss": ISSUER,
            f"{CLAIM}namespace": meta.namespace,
            f"{CLAIM}secret.name": secret.metadata.name,
            f"{CLAIM}service-account.name": meta.name,
            f"{CLAIM}service-account.uid": meta.uid,
            "sub": f"system:serviceaccount:{meta.namespace}:{meta.name}",
        }
        header = {"alg": self.algorithm}
        return jws.serialize_compact(header, orjson.dumps(claims), self.key, algorithms=[self.algorithm])


@dataclass(frozen=True, slots=True)
class Tokens:
    signer: Signer
    root_ca: str

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """Fill what is missing, or delete the Secret of an account that is gone; the server is asked for it first."""
        secret = cluster.get(Secret, key)
        if secret is None or secret.type != TYPE or secret.metadata.deletion_timestamp:
            return Done()
        name = secret.metadata.annotations.get(ACCOUNT_NAME, "")
        wanted_uid = secret.metadata.annotations.get(ACCOUNT_UID, "")
        account = cluster.get(ServiceAccount, Key(key.namespace, name)) if name else None
        if account is None or wanted_uid not in ("", account.metadata.uid):
            try:
                account = await cluster.client.get(ServiceAccount, name, key.namespace) if name else None
            except NotFound:
                account = None
        plan = Plan(secret)
        if account is None or wanted_uid not in ("", account.metadata.uid):
            plan.deletes.append(Delete(secret))
            plan.decide(Verdict.ACTED, "AccountGone", f"the ServiceAccount {name!r} that it is for is not there")
        else:
            self._fill(plan, secret, account)
        return await cluster.apply(plan)

    def _fill(self, plan: Plan, secret: Secret, account: ServiceAccount) -> None:
        data: dict[str, str] = {}
        if self.root_ca and secret.data.get("ca.crt") != _encoded(self.root_ca):
            data["ca.crt"] = _encoded(self.root_ca)
        if not secret.data.get("namespace"):
            data["namespace"] = _encoded(secret.metadata.namespace)
        if not secret.data.get("token"):
            data["token"] = _encoded(self.signer.token(account, secret))
        meta: dict[str, Any] = {"resourceVersion": secret.metadata.resource_version}
        if secret.metadata.annotations.get(ACCOUNT_UID) != account.metadata.uid:
            meta["annotations"] = {ACCOUNT_UID: account.metadata.uid}
        if data or "annotations" in meta:
            plan.patches.append(Patch(secret, {"metadata": meta, **({"data": data} if data else {})}))
            plan.decide(Verdict.ACTED, "Filled", f"it gets {', '.join(data) or 'its account'}")


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()
