"""The context `kybern` in the user's kubeconfig: written by `up`, taken away by `down`, as kind and k3d do."""

import json
import os
import pwd
from pathlib import Path
from typing import Any

from kybern.client.kubeconfig import KubeconfigError

CONTEXT = "kybern"
USER = "kybern-admin"
SECTIONS = ("clusters", "users", "contexts")
NOTE = "kubeconfig.json"


def user_kubeconfig() -> Path:
    """The file that kubectl of the person at the keyboard writes: $KUBECONFIG's first, else ~/.kube/config.

    Under sudo that is the file of the person who called sudo.
    """
    named = [part for part in os.environ.get("KUBECONFIG", "").split(":") if part]
    if named:
        return Path(named[0])
    caller = os.environ.get("SUDO_USER")
    home = Path(pwd.getpwnam(caller).pw_dir) if caller and os.geteuid() == 0 else Path.home()
    return home / ".kube" / "config"


def merge(config: dict[str, Any], admin: dict[str, Any], namespace: str = "") -> dict[str, Any]:
    """Pure: the user's kubeconfig with our context in it and chosen; `admin` is the cluster's own kubeconfig.

    `namespace` is what the user set in our context before; "": what is set in it now stays.
    """
    merged = remove(config)
    namespace = chosen_namespace(config) or namespace
    context = {"cluster": CONTEXT, "user": USER, **({"namespace": namespace} if namespace else {})}
    entries = {
        "clusters": {"name": CONTEXT, "cluster": admin["clusters"][0]["cluster"]},
        "users": {"name": USER, "user": admin["users"][0]["user"]},
        "contexts": {"name": CONTEXT, "context": context},
    }
    for section, entry in entries.items():
        merged[section] = [*(merged.get(section) or []), entry]
    return {"apiVersion": "v1", "kind": "Config", **merged, "current-context": CONTEXT}


def chosen_namespace(config: dict[str, Any]) -> str:
    """Pure: the namespace that the user has set in our context."""
    contexts = (entry.get("context") or {} for entry in config.get("contexts") or [] if entry.get("name") == CONTEXT)
    return next((str(context.get("namespace") or "") for context in contexts), "")


def remove(config: dict[str, Any], former: str = "") -> dict[str, Any]:
    """Pure: the user's kubeconfig without anything of ours; if ours was chosen, `former` is again, where it exists."""
    names = {"clusters": CONTEXT, "users": USER, "contexts": CONTEXT}
    rest = dict(config)
    for section in SECTIONS:
        rest[section] = [entry for entry in config.get(section) or [] if entry.get("name") != names[section]]
    if rest.get("current-context") == CONTEXT:
        known = {entry.get("name") for entry in rest["contexts"]}
        rest["current-context"] = former if former in known else ""
    return rest


def write_context(admin_kubeconfig: Path, data_directory: Path) -> Path:
    """Put the context into the user's file; where that is. Raises OSError, KubeconfigError."""
    admin = json.loads(admin_kubeconfig.read_text())
    path = user_kubeconfig()
    config = _read(path)
    note = data_directory / NOTE
    known = _read_note(note)
    chosen = config.get("current-context") or ""
    if chosen != CONTEXT:
        note.write_text(json.dumps({**known, "path": str(path), "former": chosen}) + "\n")
    _write(path, merge(config, admin, known.get("namespace", "")))
    return path


def remove_context(data_directory: Path) -> None:
    """Take the context out of the file that it was written to; a file that then says nothing goes too.

    What the user chose in it is kept for the next time. Raises OSError, KubeconfigError.
    """
    note = data_directory / NOTE
    known = _read_note(note)
    path = Path(known.get("path") or user_kubeconfig())
    config = _read(path)
    if not any(entry.get("name") == CONTEXT for entry in config.get("contexts") or []):
        return
    rest = remove(config, known.get("former", ""))
    if any(rest[section] for section in SECTIONS):
        _write(path, rest)
    else:
        path.unlink()
    namespace = chosen_namespace(config)
    if namespace and data_directory.is_dir():
        note.write_text(json.dumps({"namespace": namespace}) + "\n")
    else:
        note.unlink(missing_ok=True)


def _read_note(path: Path) -> dict[str, str]:
    """What we know of the user's file; nothing where that is not there, or was cut off by a power cut."""
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {name: value for name, value in known.items() if isinstance(value, str)} if isinstance(known, dict) else {}


def _read(path: Path) -> dict[str, Any]:
    import yaml

    if not path.exists():
        return {}
    try:
        config = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"{path} is no YAML; mend it, or name another file in $KUBECONFIG") from error
    return config if isinstance(config, dict) else {}


def _write(path: Path, config: dict[str, Any]) -> None:
    import yaml

    created = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.kybern-{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(yaml.safe_dump(config, sort_keys=False))
    owner = path.stat() if path.exists() else _caller()
    if owner is not None:
        os.chown(partial, owner.st_uid, owner.st_gid)
        if created:
            os.chown(path.parent, owner.st_uid, owner.st_gid)
    partial.rename(path)


def _caller() -> os.stat_result | None:
    """The owner that a new file gets: under sudo the person who called it."""
    caller = os.environ.get("SUDO_USER")
    return Path(pwd.getpwnam(caller).pw_dir).stat() if caller and os.geteuid() == 0 else None
