"""Bodies of ansaetze and circuits of generic size as text: gate lines, loops, branches, calls.

A piece of text is a function of the file that it will stand in, because names are chosen there: a reference is drawn as
a number and means one of the items above it. Deleting an item leaves all that was drawn for the others legal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TypeAlias

from hypothesis import strategies as st

from qsanc.ir.gates import GATES


@dataclass(slots=True)
class Names:
    """What has been declared above a place of the file: numbers, and ansaetze, which all have the same signature,
    `[n: nat, depth: nat](th: angle[depth + 1, n]) on q: qubit[n]`."""

    numbers: list[str] = field(default_factory=list)
    ansaetze: list[str] = field(default_factory=list)


Piece: TypeAlias = Callable[[Names], str]

_NUMBERS = ("0", "pi / 4", "pi", "0.3", "90deg", "-2", "1e-3")
_FORMS = (
    ("-", ""),
    ("2 * ", ""),
    ("", " / 3"),
    ("(", " + ", ")"),
    ("(", " - ", ")"),
    ("", " * ", ""),
    ("sin(", ")"),
    ("exp(", ")"),
    ("(", ")^2"),
)
_OPERANDS = {
    1: ("q[i]",),
    2: ("q[i], q[i + 1]", "q[i + 1], q[i]"),
    3: ("q[i], q[i + 1], q[i + 2]", "q[i + 2], q[i], q[i + 1]"),
}


def plain(text: str) -> Piece:
    return lambda names: text


def woven(texts: tuple[str, ...], parts: tuple[Piece, ...]) -> Piece:
    """Texts with the parts between them."""

    def piece(names: Names) -> str:
        inner = [part(names) for part in parts]
        return "".join(a + b for a, b in zip(texts, [*inner, ""], strict=True))

    return piece


def referring(choose: Callable[[Names], list[str]], otherwise: str, form: str = "{}") -> st.SearchStrategy[Piece]:
    """`form` with one of the names that `choose` finds in the file, the last one first; `otherwise` without any."""

    def piece(number: int) -> Piece:
        def text(names: Names) -> str:
            known = choose(names)
            return form.format(known[-1 - number % len(known)]) if known else otherwise

        return text

    return st.integers(0, 7).map(piece)


@cache
def expressions(row: str, depth: int = 2) -> st.SearchStrategy[Piece]:
    """Real expressions over `th[row, i]` and the numbers of the file, at most `depth` operators deep."""
    leaf = (
        st.sampled_from([f"th[{row}, i]", "th[0, i]", "th[depth, 0]"]).map(plain)
        | st.sampled_from(_NUMBERS).map(plain)
        | referring(lambda names: names.numbers, "1", "{}")
    )
    if not depth:
        return leaf
    part = expressions(row, depth - 1)
    forms = (st.tuples(*[part] * (len(form) - 1)).map(partial(woven, form)) for form in _FORMS)
    return leaf | st.one_of(*forms)


@cache
@st.composite
def gate_lines(draw: st.DrawFn, wires: int, row: str) -> Piece:
    """A gate of so many wires on `q[i]` and its right neighbours."""
    gate = draw(st.sampled_from([gate.name for gate in GATES.values() if gate.wires == wires]))
    angles = tuple(draw(expressions(row)) for _ in GATES[gate].angles)
    modifier = draw(st.sampled_from(["", "inv @ ", "pow(2) @ ", "pow(-1) @ inv @ "]))
    operands = draw(st.sampled_from(_OPERANDS[wires]))
    if not angles:
        return plain(f"{modifier}{gate} {operands};")
    return woven((f"{modifier}{gate}(", *[", "] * (len(angles) - 1), f") {operands};"), angles)


@cache
def columns(row: str) -> st.SearchStrategy[Piece]:
    """A loop of gate lines along the register."""

    def loop(over: str, lines: list[Piece]) -> Piece:
        return woven((f"for i in {over} {{ ", *[" "] * (len(lines) - 1), " }"), tuple(lines))

    ranges = {1: "0..n", 2: "0..n - 1", 3: "0..n - 2"}
    return st.one_of(
        *(
            st.lists(gate_lines(wires, row), min_size=1, max_size=2).map(partial(loop, over))
            for wires, over in ranges.items()
        )
    )


@cache
def statements() -> st.SearchStrategy[Piece]:
    """Statements that need no name of their own."""
    whole = [gate.name for gate in GATES.values() if gate.wires == 1 and not gate.angles]
    ring = "for i in 0..n { let j = (i + 1) % n; cx q[i], q[j]; }"
    layers = st.lists(columns("l + 1"), min_size=1, max_size=2).map(
        lambda parts: woven(("for l in 0..depth { ", *[" "] * (len(parts) - 1), " }"), tuple(parts))
    )
    conditions = st.sampled_from(["n % 2 == 0", "depth > 0", "n >= 2 and not (depth == 1)"])
    branch = st.tuples(conditions, columns("0"), columns("depth")).map(
        lambda found: woven((f"if {found[0]} {{ ", " } else { ", " }"), found[1:])
    )
    return st.one_of(
        st.sampled_from(whole).map(lambda name: plain(f"{name} q;")), columns("0"), layers, branch, st.just(plain(ring))
    )


@cache
def calls() -> st.SearchStrategy[Piece]:
    """A call of an ansatz above, or of one that every file imports."""
    forms = ("{}(th) q;", "inv @ {}(th) q;", "pow(2) @ {}[depth = depth](th) q;")
    return st.one_of(*(referring(lambda names: names.ansaetze, "ring_of_cx q;", form) for form in forms))


@st.composite
def bodies(draw: st.DrawFn, most: int) -> Piece:
    """A body of at most `most` statements; it calls one ansatz at most, so that files stay small when unrolled."""
    parts = draw(st.lists(statements(), max_size=most)) + draw(st.lists(calls(), max_size=1))
    parts = [plain('require n >= 2, "two qubits";'), *parts]
    return woven(("  ", *["\n  "] * (len(parts) - 1), "\n"), tuple(parts))
