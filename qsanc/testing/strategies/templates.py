"""Calls of the templates of a file: legal sizes, and arrays that fit them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from hypothesis import strategies as st

from qsanc.api.names import module_of
from qsanc.check.module import Module
from qsanc.ir.bound import Bound
from qsanc.syntax import ast
from qsanc.target import Floats
from qsanc.testing.strategies.fitting import Fitting, Number, ansatz_of, definition_of, elaborated, legal, sized


@dataclass(frozen=True, slots=True, eq=False)
class AnsatzCall:
    """The ansatz `name` at `sizes` (generics and integer parameters), with `arguments` float64[...] by parameter."""

    module: Module
    name: str
    sizes: Mapping[str, Number]
    arguments: Mapping[str, Floats]

    def bound(self) -> Bound:
        """The circuit with these numbers, registers one after the other on wires 0, 1, ...

        Raises QsanError where the ansatz does not take them, as one that divides by an argument does not take 0.
        """
        return Bound.of(elaborated(definition_of(self.module, self.name), self.sizes, self.arguments), 0, np.empty(0))

    def __repr__(self) -> str:
        return f"<{self} of {self.module.file.source.name}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """For Hypothesis, which would print the whole syntax tree of the module."""
        printer.text(repr(self))

    def __str__(self) -> str:
        """As it would be written in a file: `entangler[n = 2, depth = 1](th = [[0.0, 0.5], ...])`."""
        item = ansatz_of(definition_of(self.module, self.name))
        generics = [f"{g.name} = {_literal(self.sizes[g.name])}" for g in item.generics]
        given = [
            f"{p.name} = {_literal(self.sizes[p.name] if p.name in self.sizes else self.arguments[p.name].tolist())}"
            for p in item.params
        ]
        sizes = f"[{', '.join(generics)}]" if generics else ""
        return f"{self.name}{sizes}({', '.join(given)})"


def ansatz_calls(
    source: str | Path | Module,
    *,
    name: str | None = None,
    max_wires: int = 5,
    max_gates: int = 200,
    sizes: Mapping[str, Number] | None = None,
) -> st.SearchStrategy[AnsatzCall]:
    """Calls of an ansatz of a `.qsan` file with sizes that it allows and arrays of the shapes that follow from them.

    `source` is a file, program text (a `str` with a line break) or a checked module. Without a `name` all of its
    ansaetze are called, except those that no small sizes fit. `sizes` fixes generics and integer parameters by name, in
    those that have them; the others have small values at which the ansatz elaborates, obeys its `require`s and stays
    within `max_wires` and `max_gates`. Arguments float64[*declared shape] lie in the declared ranges, or are angles of
    up to two turns. Shrinks to the ansatz written first, at its smallest sizes, with arguments 0.

    Raises QsanError for a file with errors, ValueError where there is no such ansatz, where it takes a list of
    integers, or where no small size is legal.

    >>> @given(ansatz_calls("models/qsann.qsan", name="entangler"))
    ... def test_entangler(call): assert_unitary(call.bound())
    """
    module = source if isinstance(source, Module) else module_of(source)
    names = [item.name for item in module.file.items if isinstance(item, ast.Ansatz)] if name is None else [name]
    if not names:
        raise ValueError(f"{module.file.source.name} has no ansatz")
    fixed = dict(sizes or {})
    known = {p.name for n in names for p in sized(ansatz_of(definition_of(module, n)))}
    if unknown := [size for size in fixed if size not in known]:
        raise ValueError(f"no ansatz has the size {unknown[0]!r}; there are: {', '.join(sorted(known)) or 'none'}")
    found: list[list[Fitting]] = []
    reasons: list[str] = []
    for each in names:
        try:
            found.append(legal(module, each, fixed, max_wires, max_gates))
        except ValueError as reason:
            reasons.append(str(reason))
    if not found:
        raise ValueError("; ".join(reasons))
    return st.one_of(*(st.sampled_from(fitting) for fitting in found)).flatmap(lambda fit: _calls(module, fit))


@st.composite
def _calls(draw: st.DrawFn, module: Module, fit: Fitting) -> AnsatzCall:
    drawn = {name: draw(shape.arrays()) for name, shape in fit.shapes.items()}
    return AnsatzCall(module, fit.name, fit.sizes, MappingProxyType(drawn))


def _literal(value: object) -> str:
    """A number or nested list as the language writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return str(value).lower() if isinstance(value, bool) else repr(value)
