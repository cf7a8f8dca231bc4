"""Reads from upstream's Go sources what its OpenAPI lacks: fields' order, which Go always encodes, protobuf numbers.

A tool for whoever moves Kybern to another version of Kubernetes, not a part of the build:
`python -m schema_build.go_types DIRECTORY > schema_build/go_types.txt`, where DIRECTORY holds the
repositories `api`, `apimachinery`, `apiextensions-apiserver` and `kube-aggregator`, with the release checked out. The
table has facts only: names, order, marks and numbers. `schema_build.source` reads it.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from schema_build.source import LETTERS, load

_APIS = {
    "api": ("*/v[12]/*types.go", "io.k8s.api.{}."),
    "apimachinery": ("pkg/apis/meta/v1/*types.go", "io.k8s.apimachinery.pkg.apis.{}."),
    "apiextensions-apiserver": (
        "pkg/apis/apiextensions/v1/types*.go",
        "io.k8s.apiextensions-apiserver.pkg.apis.{}.",
    ),
    "kube-aggregator": ("pkg/apis/apiregistration/v1/types.go", "io.k8s.kube-aggregator.pkg.apis.{}."),
}
_STRUCT = re.compile(r"^type (\w+) struct ?\{(\}|\n.*?^\})", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r'^\t(?:(\w+)[ \t]+)?(\S+)[ \t]+`([^`]*json:"([^"]*)"[^`]*)`', re.MULTILINE)
_NUMBER = re.compile(r'protobuf:"\w+,(\d+)')
_BASIC = {"string", "bool", "int32", "int64", "float64", "byte"}
_OWN_FORM = {name.rpartition(".")[2] for name in LETTERS}


class Package:
    """The types of one Go package."""

    all_structs: ClassVar[set[str]] = set()
    """Of every package read."""

    def __init__(self, prefix: str, version: str, text: str) -> None:
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
        self.prefix = prefix
        self.version = version
        self.structs = dict(_STRUCT.findall(text))
        self.all_structs.update(self.structs)

    def rows(self) -> Iterator[str]:
        for name in sorted(self.structs):
            fields = list(self._fields(name))
            if fields and self.prefix + name not in LETTERS:
                yield " ".join([self.prefix + name, *fields])

    def _fields(self, struct: str, outer: str = "") -> Iterator[str]:
        """`outer` is the number of the message that holds an embedded struct's fields: `2.`."""
        for name, kind, tags, tag in _FIELD.findall(self.structs[struct]):
            wire, _, options = tag.partition(",")
            if wire == "-":
                continue
            found = _NUMBER.search(tags)
            number = outer + found[1] if found else ""
            if not name and not wire:
                embedded = kind.rpartition(".")[2]
                if embedded == "TypeMeta":
                    yield from ("kind", "apiVersion")
                else:
                    yield from self._fields(embedded, number and number + ".")
            else:
                yield wire + self._mark(kind, options) + (number and "#" + number) + self._type(kind)

    def _mark(self, kind: str, options: str) -> str:
        omitted = "omitempty" in options
        if kind.startswith("*"):
            return "*" if omitted else "*!"
        if "omitzero" in options:
            return ""
        by_value = not kind.startswith(("[", "map[")) and self._is_struct(kind)
        return "!" if by_value or not omitted else ""

    def _is_struct(self, kind: str) -> bool:
        package, _, name = kind.rpartition(".")
        if name in _OWN_FORM:
            return True
        return name in self.all_structs if package else name in self.structs

    def _type(self, kind: str) -> str:
        """`:v1.PullPolicy` where Go has a name that the definitions have not."""
        element = re.sub(r"^\*?(\[\]|map\[[\w.]+\])*\*?", "", kind)
        keys = set(re.findall(r"map\[([\w.]+)\]", kind))
        if keys <= {"string"} and (element in _BASIC or self._is_struct(element)):
            return ""
        return f":{self._go(kind)}" if re.fullmatch(r"[\w.*\[\]]+", kind) else ""

    def _go(self, kind: str) -> str:
        def spelt(match: re.Match[str]) -> str:
            word = match[0]
            if "." in word:
                return re.sub(r"^(metav1|corev1|core)\.", "v1.", word)
            return word if word in _BASIC or word == "map" else f"{self.version}.{word}"

        return re.sub(r"[\w.]*\w", spelt, kind.lstrip("*"))


def packages(directory: Path) -> Iterator[Package]:
    for repository, (pattern, prefix) in _APIS.items():
        grouped: dict[Path, list[str]] = {}
        for path in sorted((directory / repository).glob(pattern)):
            grouped.setdefault(path.parent, []).append(path.read_text())
        for folder, texts in grouped.items():
            name = f"{folder.parent.name}.{folder.name}"
            yield Package(prefix.format(name), folder.name, "\n".join(texts))


if __name__ == "__main__":
    defined = load().keys()
    for package in list(packages(Path(sys.argv[1]))):
        for row in package.rows():
            if row.split()[0] in defined:
                print(row)
