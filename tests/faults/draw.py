"""Draws faults at random with cosmic-ray: every mutant it knows for the modules below, in an order fixed by a seed.

    python -m venv /tmp/mutants && /tmp/mutants/bin/pip install cosmic-ray==8.7.0
    /tmp/mutants/bin/python tests/faults/draw.py --count 24 --out /tmp/drawn

run from the checkout, prints what was drawn and writes a patch for each. Mutants inside annotations change nothing that
is executed (annotations are never evaluated here) and are left out before the draw. What else was left out of
`drawn/` is named in the README, each with its reason; that a mutant survives is none.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import random
from pathlib import Path

from cosmic_ray.commands.init import _all_work_items
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

SEED = 20_261_122

MODULES = (
    "backends/qsanc_numpy/*.py",
    "qsanc/ir/**/*.py",
    "qsanc/passes/**/*.py",
    "qsanc/grad/*.py",
    "qsanc/target/*.py",
    *(
        f"qsanc/elaborate/{name}.py"
        for name in ["circuits", "attention", "models", "blocks", "signature", "measure", "indexing", "functions"]
    ),
    *(
        f"qsanc/train/{name}.py"
        for name in [
            "loop",
            "optimizers",
            "metrics",
            "data",
            "encoding",
            "checkpoint",
            "parameters",
            "progress",
            "splits",
            "labels",
            "words",
            "draws",
            "spsa",
            "records",
            "objective",
        ]
    ),
)
TEXT_FORMS = {"qsanc/ir/text.py", "qsanc/ir/model_text.py", "qsanc/ir/draw.py"}


def files() -> list[Path]:
    found = {path for pattern in MODULES for path in Path().glob(pattern)}
    return sorted(path for path in found if path.as_posix() not in TEXT_FORMS and path.stat().st_size)


def annotations(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(start, end) of every annotation and type alias, each (line, column)."""
    nodes: list[ast.AST | None] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.AnnAssign | ast.arg):
            nodes.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            nodes.append(node.returns)
    return [
        ((n.lineno, n.col_offset), (n.end_lineno, n.end_col_offset))  # type: ignore[attr-defined]
        for n in nodes
        if n is not None
    ]


def mutants() -> list[tuple[Path, str, int, tuple[int, int], dict[str, object]]]:
    found = []
    for path in files():
        spans = annotations(path.read_text())
        for item in _all_work_items([path], {}):
            (mutation,) = item.mutations
            at = tuple(mutation.start_pos)
            if not any(start <= at < end for start, end in spans):
                found.append((path, mutation.operator_name, mutation.occurrence, at, mutation.operator_args))
    return sorted(found, key=lambda entry: (entry[0].as_posix(), entry[3], entry[1], entry[2]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    every = mutants()
    print(f"{len(every)} mutants in {len(files())} files, seed {SEED}")
    for number, (path, operator, occurrence, (line, _), arguments) in enumerate(
        random.Random(SEED).sample(every, options.count), 1
    ):
        before = path.read_text()
        after = mutate_code(before, get_operator(operator)(**arguments), occurrence)
        name = f"a/{path.as_posix()}", f"b/{path.as_posix()}"
        diff = "".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), *name, n=1))
        (options.out / f"{number:02d}.patch").write_text(f"{operator} at {path.as_posix()}:{line}\n\n{diff}")
        print(f"{number:3d}  {path.as_posix()}:{line}  {operator}")


if __name__ == "__main__":
    main()
