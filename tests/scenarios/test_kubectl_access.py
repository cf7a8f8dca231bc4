"""Who may do what, how the cluster is reached, and what kubectl says of itself."""

import base64
import subprocess

from tests.scenarios.vocabulary import User


def test_auth(user: User) -> None:
    here = user.namespace
    bob = f"--as=system:serviceaccount:{here}:bob"
    user.kubectl("create sa bob").succeeds()
    user.kubectl("create role reader --verb=get,list --resource=pods").succeeds()
    user.kubectl(f"create rolebinding rb --role=reader --serviceaccount={here}:bob").succeeds()
    user.kubectl("auth can-i create pods").prints("yes")
    user.kubectl("auth can-i '*' '*'").prints("yes")
    user.kubectl(f"auth can-i get pods {bob}").prints("yes")
    user.kubectl(f"auth can-i list pods {bob} -n default").fails("", code=1)
    user.kubectl("auth can-i get nosuch").prints("yes").warns(
        "Warning: the server doesn't have a resource type 'nosuch'"
    )
    user.kubectl(f"auth can-i --list {bob}").mentions(
        "Resources Non-Resource URLs Resource Names Verbs",
        "selfsubjectreviews.authentication.k8s.io [] [] [create]",
        "pods [] [] [get list]",
        " [/healthz] [] [get]",
    )
    user.kubectl("auth whoami").prints("""
        ATTRIBUTE                                           VALUE
        Username                                            kubernetes-admin
        Groups                                              [system:masters system:authenticated]
        Extra: authentication.kubernetes.io/credential-id   [X509SHA256=…]
    """)
    user.kubectl("auth whoami --as=bob --as-group=devs --as-user-extra=a=b").prints("""
        ATTRIBUTE   VALUE
        Username    bob
        Groups      [devs system:authenticated]
        Extra: a    [b]
    """)
    user.kubectl(f"get nodes {bob}").fails(
        f'Error from server (Forbidden): nodes is forbidden: User "system:serviceaccount:{here}:bob" cannot list resource '
        '"nodes" in API group "" at the cluster scope'
    )
    user.kubectl("get pods --as=mallory").fails(
        'Error from server (Forbidden): pods is forbidden: User "mallory" cannot list resource "pods" in API group "" '
        f'in the namespace "{here}"'
    )


def test_a_token_is_a_way_in(user: User) -> None:
    user.kubectl("create sa bob").succeeds()
    token = user.kubectl("create token bob --duration=10m").out.strip()
    server = user.kubectl("config view --minify -o jsonpath={.clusters[0].cluster.server}").out
    asked = f"auth whoami --token={token} --server={server} --insecure-skip-tls-verify --kubeconfig=/dev/null"
    user.kubectl(asked).mentions(
        f"Username system:serviceaccount:{user.namespace}:bob",
        f"Groups [system:serviceaccounts system:serviceaccounts:{user.namespace} system:authenticated]",
        "Extra: authentication.kubernetes.io/credential-id [JTI=…]",
    )
    user.kubectl(asked.replace(token, "nonsense")).fails("error: You must be logged in to the server (Unauthorized)")


def test_reconcile(user: User) -> None:
    role = user.file(
        "role.yaml",
        f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: rec, namespace: {user.namespace}}}
rules: [{{apiGroups: [""], resources: [pods], verbs: [get]}}]
""",
    )
    user.kubectl(f"auth reconcile -f {role}").prints("role.rbac.authorization.k8s.io/rec reconciled").warns(
        "reconciliation required create"
    )
    user.kubectl(f"auth reconcile -f {role}").prints("role.rbac.authorization.k8s.io/rec reconciled")


def test_certificates_are_approved(user: User) -> None:
    made = subprocess.run(
        [
            "openssl",
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "/dev/null",
            "-subj",
            "/CN=alice/O=devs",
        ],
        capture_output=True,
        check=True,
    )
    encoded = base64.b64encode(made.stdout).decode()
    user.applies(f"""
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {{name: {user.namespace}}}
spec: {{request: {encoded}, signerName: example.com/other, usages: ["client auth"], expirationSeconds: 3600}}
""")
    row = f"{user.namespace} …s example.com/other kubernetes-admin 60m"
    user.kubectl(f"get csr {user.namespace}").mentions(
        "NAME AGE SIGNERNAME REQUESTOR REQUESTEDDURATION CONDITION", f"{row} Pending"
    )
    request = f"certificatesigningrequest.certificates.k8s.io/{user.namespace}"
    user.kubectl(f"certificate approve {user.namespace}").prints(f"{request} approved")
    user.kubectl(f"get csr {user.namespace}").mentions(f"{row} Approved")
    user.kubectl(f"describe csr {user.namespace}").mentions(
        "Status: Approved", " Common Name: alice", " Organization: devs"
    )
    user.kubectl(f"certificate deny {user.namespace}").fails(
        f'error: certificate signing request "{user.namespace}" is already Approved'
    )


def test_the_cluster_and_its_addresses(resident: User) -> None:
    resident.kubectl("cluster-info -n kube-system").prints("""
        Kubernetes control plane is running at https://127.0.0.1:…
        CoreDNS is running at https://127.0.0.1:…/api/v1/namespaces/kube-system/services/kube-dns:dns/proxy

        To further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.
    """)
    dump = resident.kubectl("cluster-info dump").succeeds().out
    assert '"kind": "NodeList"' in dump
    assert (
        "==== START logs for container" in resident.kubectl(f"cluster-info dump --namespaces={resident.namespace}").out
    )
    resident.kubectl("get --raw /readyz?verbose").mentions("[+]etcd ok", "readyz check passed")
    resident.kubectl("get --raw /.well-known/openid-configuration").mentions('"jwks_uri":"https://…/openid/v1/jwks"')


def test_kubectl_of_itself(resident: User) -> None:
    resident.kubectl("version").prints("""
        Client Version: v1.36.…
        Kustomize Version: …
        Server Version: v1.36.…
    """)
    resident.kubectl("config current-context").prints("kybern")
    resident.kubectl("config get-contexts").mentions("* kybern kybern kybern-admin")
    resident.kubectl("config view").mentions("    certificate-authority-data: DATA+OMITTED")
    pod = resident.kubectl("get pods -o jsonpath={.items[0].metadata.name}").out
    for words, completion in {
        "get pods ''": pod,
        "get deployment w": "web",
        "get po": "poddisruptionbudgets.policy",
        f"exec {pod} -c ''": "api-server",
    }.items():
        resident.types(f"kubectl __complete -n {resident.namespace} {words}").mentions(completion)
