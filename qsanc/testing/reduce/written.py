"""Failures as whole programs: a head that says what failed, the drawings, and a test that fails again when run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Gate
from qsanc.ir.draw import draw
from qsanc.ir.text import number_text
from qsanc.syntax import ast
from qsanc.testing.reduce.tree import text_of

_HEADER = "qsan 1.0"


def written_pair(a: Bound, b: Bound, *, title: str, seed: int, tol: float, strict: bool) -> str:
    """A program with the ansaetze `left` and `right`, and the test `reproduces`, which asserts that they are equal.

    Equal up to a global phase, or with it where `strict`. Angles read back to the same bits. Raises ValueError where
    the circuits are not on as many wires, or an angle or the tolerance is no finite number.
    """
    if a.wires != b.wires:
        raise ValueError(f"the circuits act on {a.wires} and on {b.wires} wires")
    if not (math.isfinite(tol) and tol >= 0):
        raise ValueError(f"a tolerance is a number that is not negative, not {tol}")
    drawings = [_drawing(name, side) for name, side in (("left", a), ("right", b))]
    claim = f"assert left() ~= right() tol {number_text(float(tol))}{' strict' if strict else ''};"
    parts = [_HEADER, _ansatz("left", a), _ansatz("right", b), f"test reproduces {{\n  {claim}\n}}"]
    return head(title, seed=seed, drawings=drawings) + "\n\n".join(parts) + "\n"


def written_program(file: ast.File, *, title: str, seed: int, drawings: Sequence[str] = ()) -> str:
    """A program with the same head; `drawings` are those of the circuits that it is about."""
    return head(title, seed=seed, drawings=drawings) + text_of(file.items)


def head(title: str, *, seed: int, drawings: Sequence[str] = ()) -> str:
    """Comment lines: what failed, `// seed: N`, and drawings, each set apart."""
    blocks = [title, f"seed: {seed}", *drawings]
    lines = [line for block in blocks for line in ("", *_lines(block))][1:]
    return "".join(f"// {line}".rstrip() + "\n" for line in lines)


def _lines(text: str) -> Iterator[str]:
    """The lines of a text, with a blank for every character that a comment cannot hold."""
    for line in text.rstrip().splitlines():
        yield "".join(character if character.isprintable() else " " for character in line)


def _drawing(name: str, circuit: Bound) -> str:
    """`left: 2 wires`, then the lines of the circuit."""
    return draw(circuit.module(name)).partition("\n\nr0 = ")[0].replace(f"\n\n{name}\n", "\n", 1)


def _ansatz(name: str, circuit: Bound) -> str:
    body = "".join(f"  {_gate_line(gate)}\n" for gate in circuit.body)
    return (
        f"ansatz {name} on q: qubit[{circuit.wires}] {{\n{body}}}"
        if body
        else (f"ansatz {name} on q: qubit[{circuit.wires}] {{}}")
    )


def _gate_line(gate: Gate) -> str:
    """`u3(pi/2, 0, -0.1) q[0];`. Every gate of the table is one of the language."""
    values = [float(angle.constant) for angle in gate.angles]
    if any(not angle.is_constant for angle in gate.angles) or not all(map(math.isfinite, values)):
        raise ValueError(f"the angles of {gate.name} on {gate.wires} are not finite numbers")
    angles = f"({', '.join(_number(value) for value in values)})" if values else ""
    return f"{gate.name}{angles} {', '.join(f'q[{wire}]' for wire in gate.wires)};"


def _number(value: float) -> str:
    """As `number_text`, in the canonical form of the language, which has blanks around `*` and `/`."""
    return number_text(value).replace("*", " * ").replace("/", " / ")
