"""kubectl exec, attach, run and cp: terminals, pipes, exit codes, over every protocol."""

import hashlib
import os

import pytest

from tests.scenarios.vocabulary import WEB, Cluster, User

PROTOCOLS = pytest.mark.parametrize("websockets", ["true", "false"], ids=["websocket", "spdy"])


def waits_for(rows: int, columns: int) -> str:
    """A shell's line that ends once its terminal has this size, and then prints it, which the line itself does not hold.

    kubectl tells of a size when it is there, and attaches with one that is larger by one at first.
    """
    return f"until stty size | grep '^{rows}[ ]{columns}'; do sleep 0.1; done"


def test_a_terminal_has_its_size_and_its_exit_code(resident: User) -> None:
    with resident.at_terminal("exec -it deploy/web -- sh", rows=33, columns=101) as terminal:
        terminal.shows("/ #")
        terminal.types(f"{waits_for(33, 101)}\r").shows("33 101")
        terminal.resizes(40, 90)
        terminal.types(f"{waits_for(40, 90)}\r").shows("40 90")
        terminal.types("tty; exit 3\r").shows("/dev/pts/0").ends(3)


@PROTOCOLS
def test_exec_in_pipes(resident: User, websockets: str) -> None:
    pod = resident.kubectl("get pods -l app=web -o jsonpath={.items[0].metadata.name}").out
    both = resident.kubectl(
        f"exec {pod} -- sh -c 'echo out; echo err >&2'", KUBECTL_REMOTE_COMMAND_WEBSOCKETS=websockets
    )
    both.prints("out").warns("err")
    resident.kubectl(f"exec -i {pod} -- cat", "x\n", KUBECTL_REMOTE_COMMAND_WEBSOCKETS=websockets).prints("x")
    resident.kubectl(f"exec {pod} -- sh -c 'exit 7'", KUBECTL_REMOTE_COMMAND_WEBSOCKETS=websockets).fails(
        "command terminated with exit code 7", code=7
    )
    resident.kubectl(f"exec {pod} -- nosuch", KUBECTL_REMOTE_COMMAND_WEBSOCKETS=websockets).fails(
        "error: Internal error occurred: error executing command in container: failed to exec in container: "
        'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": '
        "executable file not found in $PATH"
    )


def test_ten_megabytes_go_through_and_come_back(resident: User) -> None:
    resident.file("big", os.urandom(10_000_000))
    resident.types(
        f"kubectl -n {resident.namespace} exec -i deploy/web -- cat <~/big | cmp - ~/big && echo the same"
    ).prints("the same")


def test_exec_where_it_cannot(resident: User, user: User) -> None:
    resident.kubectl("exec nosuch -- ls").fails('Error from server (NotFound): pods "nosuch" not found')
    resident.kubectl("exec deploy/web -c nosuch -- ls").fails(
        "error: container nosuch is not valid for pod web-… out of: api-server"
    )
    user.kubectl(f"run done --image={WEB} --restart=Never -- true").prints("pod/done created")
    user.kubectl("wait --for=jsonpath={.status.phase}=Succeeded pod/done --timeout=180s").succeeds()
    user.kubectl("exec done -- ls").fails(
        "error: cannot exec into a container in a completed pod; current phase is Succeeded"
    )
    url = f"/api/v1/namespaces/{user.namespace}/pods/done/exec?command=ls&stdout=1"
    user.kubectl(f"get --raw '{url}'").fails("Error from server (BadRequest): Upgrade request required")


@PROTOCOLS
def test_run_reads_its_input_to_the_end(user: User, websockets: str) -> None:
    ran = user.kubectl(
        f"run once --image={WEB} --rm -i --restart=Never -- cat", "foo\n", KUBECTL_REMOTE_COMMAND_WEBSOCKETS=websockets
    )
    ran.prints(f"""
        foo
        pod "once" deleted from {user.namespace} namespace
    """)
    user.kubectl(f"run code --image={WEB} --rm -i -q --restart=Never -- sh -c 'sleep 1; exit 4'").fails(
        f"pod {user.namespace}/code terminated (Error)", code=4
    )


def test_run_and_attach_at_a_terminal(user: User) -> None:
    with user.at_terminal(f"run shell --image={WEB} -it --restart=Never -- sh", rows=30, columns=99) as terminal:
        terminal.shows("If you don't see a command prompt, try pressing enter.")
        terminal.types(f"\r{waits_for(30, 99)}\r").shows("30 99")
        terminal.types("echo $((6 * 7))\r").shows("42")
        with user.at_terminal("attach -it shell") as second:
            second.types("\recho from the second\r").shows("from the second")
            terminal.shows("from the second")
        terminal.types("exit 5\r").shows("pod …/shell terminated (Error)").ends(5)
    user.kubectl("attach shell").fails("error: cannot attach a container in a completed pod; current phase is Failed")


def test_cp_both_ways(resident: User) -> None:
    pod = resident.kubectl("get pods -l app=web -o jsonpath={.items[0].metadata.name}").out
    content = os.urandom(3_000_000)
    here = resident.file("up/data/blob", content).parent
    resident.kubectl(f"cp {here} {pod}:/tmp/data").prints("")
    resident.kubectl(f"exec {pod} -- sha256sum /tmp/data/blob").mentions(hashlib.sha256(content).hexdigest())
    resident.kubectl(f"cp {resident.namespace}/{pod}:/tmp/data {here.parent}/back").succeeds()
    assert (here.parent / "back/blob").read_bytes() == content
    resident.kubectl(f"cp nosuch {pod}:/tmp/x").fails("error: nosuch doesn't exist in local filesystem")


def test_debug_adds_a_container_to_a_pod(user: User, cluster: Cluster) -> None:
    user.kubectl(f"run app --image={WEB}").prints("pod/app created")
    user.kubectl("wait --for=condition=Ready pod/app --timeout=180s").prints("pod/app condition met")
    with user.at_terminal(f"debug app -it --image={WEB} -c look --target=app --profile=general -- sh") as terminal:
        terminal.shows('Targeting container "app".', "If you don't see a command prompt, try pressing enter.")
        terminal.types("\rps | grep '[h]ttpd'; exit\r").shows("httpd -f -p 8080").ends(0)
    ended = "{.status.ephemeralContainerStatuses[0].state.terminated.exitCode}"
    cluster.eventually(lambda: user.kubectl(f"get pod app -o jsonpath={ended}").prints("0"))
    user.kubectl("describe pod app").mentions("Ephemeral Containers:", "  look:")
    user.kubectl(f"debug app --image={WEB} --copy-to=copy --share-processes --profile=general -- sleep 99").succeeds()
    user.kubectl("wait --for=condition=Ready pod/copy --timeout=180s").prints("pod/copy condition met")
    user.kubectl("get pod copy").prints("""
        NAME   READY   STATUS    RESTARTS   AGE
        copy   2/2     Running   0          …s
    """)
