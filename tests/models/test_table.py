"""The table in models/README.md says what the files say; `make golden` writes it again."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from qsanc.check.imports import load
from qsanc.elaborate import elaborate
from qsanc.ir.program import Model, Program
from qsanc.syntax import ast

START, END = "<!-- table -->\n", "<!-- end -->\n"


def row(path: Path) -> str:
    module = load(path)
    item = next(item for item in module.file.items if isinstance(item, ast.Model))
    program: Program = elaborate(module, entry=item.name)[0]
    model = program.models[0]
    qubits = max(circuit.wires for circuit in program.modules)
    sentence = (item.doc or "").replace("\n", " ").split(". ")[0].rstrip(".")
    cells = (f"`{path.name}`", sentence, data(model), str(qubits), numbers(model), sizes(model))
    return f"| {' | '.join(cells)} |\n"


def data(model: Model) -> str:
    roles = {field.role: field for field in model.fields}
    label = roles.get("label")
    kind = "sentences" if "tokens" in roles else "numbers" if "numbers" in roles else "none"
    waits = any(size.name == "classes" and size.origin == "placeholder" for size in model.sizes)
    return kind if label is None else f"{kind}, {'any number of' if waits else label.classes} classes"


def numbers(model: Model) -> str:
    vocab = next((size.value for size in model.sizes if size.name == "vocab"), None)
    words = [p for p in model.parameters if p.shape[:1] == (vocab,)]
    rest = sum(math.prod(p.shape) for p in model.parameters if p not in words)
    each = sum(math.prod(p.shape[1:]) for p in words)
    return f"{rest} + {each} a word" if words else str(rest)


def sizes(model: Model) -> str:
    return ", ".join(f"{size.name} = {size.value:g}" for size in model.sizes if size.origin == "default") or "-"


def test_the_table_is_true(root: Path, golden: Callable[[Path, str], None]) -> None:
    readme = root / "models" / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    head = "| file | what it is | data | qubits | trained numbers | sizes and settings |\n" + "| --- " * 6 + "|\n"
    table = head + "".join(row(path) for path in sorted((root / "models").glob("*.qsan")))
    golden(readme, before + START + table + END + after)
