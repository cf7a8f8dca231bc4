"""The context `kybern` in the user's kubeconfig: written by `up`, taken away by `down`, as kind and k3d do."""

import json
import os
import pwd
from pathlib import Path
from typing import Any

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


def merge(config: dict[str, Any], admin: dict[str, Any]) -> dict[str, Any]:
    """Pure: the user's kubeconfig with our context in it and chosen; `admin` is the cluster's own kubeconfig."""
    merged = remove(config)
    entries = {
        "clusters": {"name": CONTEXT, "cluster": admin["clusters"][0]["cluster"]},
        "users": {"name": USER, "user": admin["users"][0]["user"]},
        "contexts": {"name": CONTEXT, "context": {"cluster": CONTEXT, "user": USER}},
    }
    for section, entry in entries.items():
        merged[section] = [*(merged.get(section) or []), entry]
    return {"apiVersion": "v1", "kind": "Config", **merged, "current-context": CONTEXT}


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
    """Put the context into the user's file; where that is."""
    path = user_kubeconfig()
    config = _read(path)
    note = data_directory / NOTE
    chosen = config.get("current-context") or ""
    if chosen != CONTEXT:
        note.write_text(json.dumps({"path": str(path), "former": chosen}) + "\n")
    _write(path, merge(config, json.loads(admin_kubeconfig.read_text())))
    return path


def remove_context(data_directory: Path) -> None:
    """Take the context out of the file that it was written to; a file that then says nothing goes too."""
    note = data_directory / NOTE
    known = json.loads(note.read_text()) if note.exists() else {}
    path = Path(known.get("path") or user_kubeconfig())
    if not path.exists():
        return
    config = _read(path)
    if not any(entry.get("name") == CONTEXT for entry in config.get("contexts") or []):
        return
    rest = remove(config, known.get("former") or "")
    if any(rest[section] for section in SECTIONS):
        _write(path, rest)
    else:
        path.unlink()
    note.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    import yaml

    if not path.exists():
        return {}
    config = yaml.safe_load(path.read_text())
    return config if isinstance(config, dict) else {}


def _write(path: Path, config: dict[str, Any]) -> None:
    import yaml

    created = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".kybern")
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
