"""Loading a file with everything it imports: read, parsed and checked, each file once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from qsanc.check import block_errors
from qsanc.check.check import check, imported_names
from qsanc.check.module import Definition, Module
from qsanc.collector import put_off
from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.syntax.parse import parse
from qsanc.syntax.read import read_source

DEEPEST_IMPORTS = 50
"""How long a chain of files that import each other may be."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@put_off
def load(path: Path, *, texts: Mapping[Path, str] = MappingProxyType({})) -> Module:
    """The checked file at `path` with its imports, which lie below its own folder or in `std`.

    `texts` are read in the place of files, by their resolved paths. Raises `QsanError` with the errors and warnings of
    all files, those of `path` first.
    """
    loader = _Loader({str(file): text for file, text in texts.items()})
    return loader.finish(loader.file(path, str(path.resolve())))


@put_off
def load_text(source: Source, root: Path | None) -> Module:
    """The same for a text. Its imports lie below the folder `root`; where that is None, it can import `std` alone."""
    loader = _Loader()
    return loader.finish(loader.text(source, root, ""))


@dataclass(frozen=True, slots=True)
class _Open:
    """A file whose imports are being loaded: what it is, and how messages call it."""

    key: str
    name: str


@dataclass(slots=True)
class _Loader:
    """`found` holds the findings of each file, in the order in which the files were first named; `texts` stand for what
    the files of these keys hold."""

    texts: Mapping[str, str] = field(default_factory=dict)
    modules: dict[str, Module | None] = field(default_factory=dict)
    open: list[_Open] = field(default_factory=list)
    found: list[list[Diagnostic]] = field(default_factory=list)

    def finish(self, module: Module | None) -> Module:
        everything = [diagnostic for findings in self.found for diagnostic in findings]
        if module is None or any(diagnostic.is_error for diagnostic in everything):
            raise QsanError(everything)
        return module

    def file(self, path: Path, key: str) -> Module | None:
        if key in self.modules:
            return self.modules[key]
        self.modules[key] = None
        try:
            source = Source(str(path), self.texts[key]) if key in self.texts else read_source(path)
        except QsanError as error:
            self.found.append(list(error.diagnostics))
            return None
        self.modules[key] = self.text(source, path.parent, key)
        return self.modules[key]

    def text(self, source: Source, folder: Path | None, key: str) -> Module | None:
        """The module of a text, also of one with errors, so that its importers are checked; None if it has no tree."""
        findings: list[Diagnostic] = []
        self.found.append(findings)
        try:
            file = parse(source)
        except QsanError as error:
            findings.extend(error.diagnostics)
            return None
        self.open.append(_Open(key, source.name))
        imports = [item for item in file.items if isinstance(item, ast.Import)]
        modules = [self._imported(item, folder, findings) for item in imports]
        self.open.pop()
        checked = check(file, modules)
        findings.extend(checked)
        names: dict[str, Definition | Module] = {}
        module = Module(file, MappingProxyType(names), tuple(d for d in checked if not d.is_error))
        for item, target in zip(imports, modules, strict=True):
            for visible, _, meaning in imported_names(item, target):
                if meaning is not None:
                    names.setdefault(visible, meaning)
        for declared in file.items:
            if not isinstance(declared, ast.Import):
                names.setdefault(declared.name, Definition(declared, module))
        return module

    def _imported(self, item: ast.Import, folder: Path | None, findings: list[Diagnostic]) -> Module | None:
        """The module that an import names; None after QS104, or where that file has no tree."""
        visible = imported_names(item, None)[0][0]
        if item.names is None and not _NAME.fullmatch(visible):
            findings.append(block_errors.import_unnamed(item, visible, re.sub(r"\W", "_", f"m_{visible}")))
        if item.is_file:
            return self._beside(item, folder, findings)
        return self._shipped(item, findings)

    def _beside(self, item: ast.Import, folder: Path | None, findings: list[Diagnostic]) -> Module | None:
        refused = _refused(item.target, folder)
        if refused or folder is None:
            findings.append(block_errors.import_missing(item, refused))
            return None
        path = folder / item.target
        key = str(path.resolve())
        if not path.resolve().is_relative_to(folder.resolve()):
            findings.append(block_errors.import_missing(item, "it is a link that leads out of the folder of this file"))
            return None
        if not path.is_file():
            why = "this is a folder" if path.is_dir() else f"there is no file {path}"
            findings.append(block_errors.import_missing(item, why, _files_in(path.parent, item.target)))
            return None
        if not self._enter(item, key, str(path), findings):
            return None
        return self.file(path, key)

    def _shipped(self, item: ast.Import, findings: list[Diagnostic]) -> Module | None:
        package, _, name = item.target.partition(".")
        shipped = resources.files("qsanc") / "std"
        known = sorted(entry.name.removesuffix(".qsan") for entry in shipped.iterdir() if entry.name.endswith(".qsan"))
        if package != "std":
            meant = f"std.{item.target}" if item.target in known else f'"{item.target}.qsan"'
            why = "only files of `std` are named without quotes"
            findings.append(block_errors.import_missing(item, why, help=f"write `{meant}`"))
            return None
        if name not in known:
            why = "there is no such file in `std`"
            findings.append(block_errors.import_missing(item, why, [f"std.{entry}" for entry in known]))
            return None
        if not self._enter(item, item.target, f"std/{name}.qsan", findings):
            return None
        if item.target not in self.modules:
            source = Source(f"std/{name}.qsan", (shipped / f"{name}.qsan").read_text(encoding="utf-8"))
            self.modules[item.target] = self.text(source, None, item.target)
        return self.modules[item.target]

    def _enter(self, item: ast.Import, key: str, name: str, findings: list[Diagnostic]) -> bool:
        """Whether a file may be imported here: QS104 for one that is being loaded, and for too long a chain."""
        keys = [file.key for file in self.open]
        if key in keys:
            cycle = [file.name for file in self.open[keys.index(key) :]]
            findings.append(block_errors.import_cycle(item, [*cycle, name]))
            return False
        if len(self.open) > DEEPEST_IMPORTS:
            findings.append(
                block_errors.import_missing(item, f"files import each other more than {DEEPEST_IMPORTS} deep")
            )
            return False
        return True


def _refused(target: str, folder: Path | None) -> str:
    """Why a file name cannot be imported; empty where it can."""
    path = PurePosixPath(target)
    if folder is None:
        return "this text lies in no folder; only `std` can be imported"
    if "\\" in target:
        return "folders are separated by `/`"
    if path.is_absolute() or re.match(r"[A-Za-z]:", target):
        return "files are named from the folder of this one"
    if ".." in path.parts:
        return "`..` is refused: imports lie below the folder of this file"
    if not target or "\0" in target:
        return "a file name is wanted"
    return ""


def _files_in(folder: Path, target: str) -> Iterable[str]:
    """The program files that lie where `target` was looked for, by the names an import would give them."""
    if not folder.is_dir():
        return ()
    before = target.rpartition("/")[0]
    names = sorted(path.name for path in folder.iterdir() if path.suffix == ".qsan")
    return [f"{before}/{name}" if before else name for name in names]
