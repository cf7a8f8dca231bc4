"""Writes every generated file into the source tree."""

from pathlib import Path

from schema_build import source, structs, structure


def generate(root: Path) -> list[Path]:
    """Write below `root` (the project's top); returns the files. Files that would not change are left alone."""
    definitions = source.load()
    api = root / "src" / "kybern" / "api"
    wanted = {api / "types" / f"{module}.py": text.encode() for module, text in structs.modules(definitions).items()}
    wanted[api / "definitions" / "structure.json.gz"] = structure.structure(definitions)
    wanted[api / "definitions" / "descriptions.json.gz"] = structure.descriptions(definitions)
    for path, content in wanted.items():
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return list(wanted)
