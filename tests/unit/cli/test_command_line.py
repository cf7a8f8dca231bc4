"""What `kybern` says when it is called wrongly: one line, and an exit code that scripts can use."""

import argparse
import socket
from pathlib import Path

import pytest

from kybern.cli.parser import words_for
from kybern.main import VERBS, main
from kybern.supervisor.store import EtcdAccess, add_etcd_flags, etcd_access, refuse_store

NOWHERE = "/nonexistent/kubeconfig"
EXAMPLE = Path(__file__).parents[3] / "examples" / "api-server.yaml"

REFUSED = {
    "no verb": ([], 2, "kybern: error: the following arguments are required: VERB; see kybern --help"),
    "unknown flag": (["up", "--mode"], 2, "kybern up: error: unrecognized arguments: --mode; see kybern up --help"),
    **{
        f"{nodes} nodes": (
            ["up", f"--nodes={nodes}"],
            2,
            f"kybern up: error: argument --nodes: must be a number between 1 and 64, not {nodes}; see kybern up --help",
        )
        for nodes in ("0", "-1", "65", "x", "1.5", "²")
    },
    "no directory": (["up", "--data-dir", ""], 2, "kybern up: error: argument --data-dir: names no directory; see"),
    "no such verb": (["bogus"], 2, "kybern: error: argument VERB: invalid choice: 'bogus'"),
    "no such action": (["image", "bogus"], 2, "kybern image: error: argument ACTION: invalid choice: 'bogus'"),
    "too many words": (["down", "extra"], 2, "kybern down: error: unrecognized arguments: extra; see kybern down"),
    "nothing to apply": (["apply"], 2, "kybern apply: error: the following arguments are required: -f/--filename; see"),
    "no kubeconfig": (["proxy"], 2, "kybern proxy: error: the following arguments are required: --kubeconfig; see"),
    "no kubeconfig to apply with": (
        ["apply", "-f", str(EXAMPLE), "--kubeconfig", NOWHERE],
        1,
        f"error: kubeconfig {NOWHERE}: No such file or directory; kybern up writes one, --kubeconfig names another",
    ),
    "no cluster to take up": (["supervisor", "--data-dir", "/nonexistent"], 1, "error: "),
    "no manifest": (["up", "-f", "/nonexistent.yaml"], 1, "error: /nonexistent.yaml: No such file or directory"),
    "no store": (["up", "--store", "bogus"], 1, "error: --store is sqlite, memory, or the URLs of an etcd"),
    "no file": (["apply", "-f", "/nonexistent.yaml"], 1, "error: /nonexistent.yaml: No such file or directory"),
    "no archive": (["image", "import", "/nonexistent.tar"], 1, "error: no such file: /nonexistent.tar"),
    "no name": (["why", "pod"], 2, "error: ask about KIND/NAME, as in: kybern why pod/web-0"),
    "no cluster": (["why", "pod/x", "--kubeconfig", NOWHERE], 1, f"error: kubeconfig {NOWHERE}: No such file"),
    **{
        f"{verb} without a kubeconfig": (
            [verb, "--kubeconfig", NOWHERE],
            1,
            f"kybern {verb}: error: kubeconfig {NOWHERE}: No such file or directory",
        )
        for verb in ("scheduler", "proxy", "dns", "kubelet")
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, code, line = REFUSED[name]
    try:
        status = main(arguments)
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    said = capsys.readouterr().err
    assert (status, said.count("\n")) == (code, 1)
    assert said.startswith(line)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([verb, "--help"])
    assert leaving.value.code == 0
    assert f"usage: kybern {verb}" in capsys.readouterr().out


def test_bad_yaml_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("a: b: c\n")
    assert main(["up", "-f", str(path)]) == 1
    assert capsys.readouterr().err == f"error: {path}:1:5: mapping values are not allowed in this context\n"


def test_a_defect_keeps_its_traceback() -> None:
    assert words_for(ValueError("a defect")) == ""
    assert words_for(ExceptionGroup("tasks", [OSError(98, "Address already in use"), ValueError()])) == ""
    taken = OSError(98, "Address already in use", "10.89.0.1:53")
    assert words_for(ExceptionGroup("tasks", [taken])) == "10.89.0.1:53: Address already in use"


def test_an_etcd_that_answers_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        refuse_store(f"http://127.0.0.1:1,http://127.0.0.1:{port}", EtcdAccess())
    with pytest.raises(ValueError, match=r"no etcd answers: http://127\.0\.0\.1:1: Connection refused"):
        refuse_store("http://127.0.0.1:1", EtcdAccess())


def test_how_an_etcd_is_reached_is_handed_on() -> None:
    """A supervisor's successor is given flags that say what its predecessor was told."""
    parser = argparse.ArgumentParser()
    add_etcd_flags(parser)
    for access in (EtcdAccess(), EtcdAccess("/else", Path("/ca.crt"), Path("/etcd.crt"), Path("/etcd.key"))):
        assert etcd_access(parser.parse_args(access.flags)) == access


def test_a_file_of_an_etcd_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--etcd-cafile: .*absent: No such file"):
        refuse_store("https://127.0.0.1:1", EtcdAccess(cafile=tmp_path / "absent"))
