"""kubectl exec at a terminal and in pipes."""

from tests.scenarios.vocabulary import Cluster, User


def test_a_terminal_has_its_size_and_its_exit_code(cluster: Cluster, user: User) -> None:
    user.kubectl("create deployment web --image=registry.example.com/shop/api-server:v1.4.2").prints(
        "deployment.apps/web created"
    )
    cluster.eventually(
        lambda: user.kubectl("get deployment web").prints("""
        NAME   READY   UP-TO-DATE   AVAILABLE   AGE
        web    1/1     1            1           …s
    """)
    )
    with user.at_terminal("exec -it deploy/web -- sh", 33, 101) as terminal:
        terminal.types("stty size\r").shows("33 101")
        terminal.resizes(40, 90)
        terminal.types("stty size\r").shows("40 90")
        terminal.types("exit 3\r").ends(3)
