"""The build hook: generates the typed structs and the schema's structure before anything is packed.

`python hatch_build.py` does the same in a checkout.
"""

import compileall
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(_ROOT))

from schema_build.generate import generate  # noqa: E402


class GenerateHook(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "wheel":
            generate(_ROOT)
        if version == "editable":
            # A packed module is compiled when it is installed. Nobody would compile these where Python is told to write
            # no bytecode, and every start would take half a second longer.
            compileall.compile_dir(_ROOT / "src", quiet=1)


if __name__ == "__main__":
    for path in generate(_ROOT):
        print(path.relative_to(_ROOT))
