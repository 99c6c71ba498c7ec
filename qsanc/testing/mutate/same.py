"""Whether a mutated definition still does the same: an ansatz by its unitary, everything else by its values.

A definition is compiled at small sizes, before and after, and compared on random numbers. One difference is a proof.
That all agree is evidence, which is said: at how many sizes, and on how many random bindings each.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from qsanc.check.module import Definition, Module
from qsanc.diagnostics import QsanError
from qsanc.driver import compile_program
from qsanc.elaborate import elaborate
from qsanc.grad.reverse import evaluate, prepare
from qsanc.ir.layout import Layout
from qsanc.ir.model import Input
from qsanc.ir.ops import Array, array_shape
from qsanc.ir.program import Program
from qsanc.passes.equal import difference
from qsanc.syntax import ast
from qsanc.target import Backend, Context, Floats
from qsanc.testing.strategies.fitting import Shape, elaborated, shapes_at

Sizes = Mapping[str, int | float]

_VALUES = (2, 3, 1, 4, 6)
_MOST_TRIED = 40
_ENOUGH = 8
_MOST_WIRES = 10
_TOLERANCE = 1e-9
_LENGTHS = (3, 1, 2)
"""Tokens of the sentences that attention blocks and models are compared on; as many bindings of a circuit."""
_SEEDS = (0, 1)
"""Of the random numbers: everything is compared on both."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Whether two definitions do the same, as far as was found out, and how that was found out."""

    same: bool
    how: str


def compare(before: Module, after: Module, name: str, backend: Backend) -> Compared:
    """Compare the definitions `name` of two modules.

    They are the same where no difference is found at two sizes or more, where there are sizes, and at least two random
    bindings each.
    """
    definition = before.names[name]
    assert isinstance(definition, Definition)
    declared = _sizes(definition.item)
    agreed: list[Sizes] = []
    unitary = isinstance(definition.item, ast.Ansatz)
    chances = frozenset(param.name for param in getattr(definition.item, "params", ()) if param.type.kind == "prob")
    for sizes in itertools.islice(_choices(declared), _MOST_TRIED):
        old = _compiled(before, name, sizes)
        if old is None or any(module.wires > _MOST_WIRES for module in old.modules):
            continue
        new = _compiled(after, name, sizes)
        if new is None:
            return Compared(False, f"it cannot be compiled{_at(sizes)}")
        found = _unitaries(definition, after.names[name], sizes) if unitary else _values(old, new, chances, backend)
        if found:
            return Compared(False, f"{found}{_at(sizes)}")
        if found is not None:
            agreed.append(sizes)
        if len(agreed) == _ENOUGH:
            break
    if len(agreed) < (2 if declared else 1):
        return Compared(False, "it could not be compared at enough sizes")
    shared = unitary or isinstance(definition.item, ast.Model)
    bindings = f"{len(_SEEDS) * (1 if shared else len(_LENGTHS))} random bindings"
    where = f"at {len(agreed)} sizes, on {bindings} each" if declared else f"on {bindings}"
    return Compared(True, f"the same {'unitary' if unitary else 'values'} {where}")


def _sizes(item: ast.Item) -> tuple[tuple[str, bool], ...]:
    """The integers that a definition can be compiled for, and whether each is a bit."""
    if isinstance(item, ast.Model):
        return tuple((p.name, False) for p in item.parts if isinstance(p, ast.Size) and p.value is not None)
    assert isinstance(item, ast.Ansatz | ast.Circuit | ast.Attention)
    found = [(g.name, "nat" if g.type is None else g.type.kind) for g in item.generics]
    found += [(param.name, param.type.kind) for param in item.params if not param.type.dims]
    kinds = ("nat", "int", "bit", "bool")
    return tuple((name, kind in ("bit", "bool")) for name, kind in found if kind in kinds)


def _choices(declared: tuple[tuple[str, bool], ...]) -> Iterator[Sizes]:
    """Values for all of them, near the usual ones first, no size favoured."""
    places = [range(2 if bit else len(_VALUES)) for _, bit in declared]
    for chosen in sorted(itertools.product(*places), key=lambda at: (sum(at), at)):
        yield {name: place if bit else _VALUES[place] for (name, bit), place in zip(declared, chosen, strict=True)}


def _compiled(module: Module, name: str, sizes: Sizes) -> Program | None:
    try:
        return elaborate(module, entry=name, sizes=sizes)[0]
    except QsanError:
        return None


def _at(sizes: Sizes) -> str:
    return f" at {', '.join(f'{name} = {value}' for name, value in sizes.items())}" if sizes else ""


def _unitaries(before: Definition, after: Definition | Module, sizes: Sizes) -> str | None:
    """How an ansatz differs on random arguments, up to a global phase; empty where it does not, None where it takes
    none of them. The arguments are known when it is elaborated, so that every angle is a number."""
    assert isinstance(after, Definition)
    compared = False
    for seed in _SEEDS:
        try:
            arguments = {name: _drawn(name, shape, seed) for name, shape in shapes_at(before, sizes).items()}
            old = elaborated(before, sizes, arguments)
        except QsanError:
            continue
        try:
            new = elaborated(after, sizes, arguments)
        except QsanError:
            return "it cannot be compiled"
        if difference(old, new, keeps="unitaries", seed=seed):
            return "its unitary is another"
        compared = True
    return "" if compared else None


def _drawn(name: str, shape: Shape, seed: int) -> Floats:
    """Numbers for an argument, positive ones where its range allows: a logarithm or an inverse takes them as well."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    low, high = max(shape.within.low, 0.0), min(shape.within.high, np.pi)
    return rng.uniform(*((low, high) if low < high else (shape.within.low, shape.within.high)), size=shape.axes)


def _values(old: Program, new: Program, chances: frozenset[str], backend: Backend) -> str | None:
    """How results and attention weights differ; empty where they do not, None where they are no numbers."""
    before, after = (_evaluated(program, chances, backend) for program in (old, new))
    if before is None:
        return None
    if after is None:
        return "it cannot be compiled"
    finite = False
    for key, wanted in before.items():
        name, got = key[0].rpartition(".")[2], after.get(key)
        if got is None or got.shape != wanted.shape:
            return f"its {name} has another shape"
        if not np.array_equal(np.isfinite(got), np.isfinite(wanted)):
            return f"its {name} is not finite in the same places"
        apart = np.abs(got - wanted, where=np.isfinite(wanted), out=np.zeros(wanted.shape)).max(initial=0.0)
        if apart > _TOLERANCE:
            return f"its {name} is {apart:.2g} away"
        finite = finite or bool(np.isfinite(wanted).any())
    return "" if finite else None


def _evaluated(program: Program, chances: frozenset[str], backend: Backend) -> dict[tuple[str, int], Array] | None:
    """The outputs and attention weights for random inputs, by name and seed; None where the backend cannot run it."""
    try:
        compiled = compile_program(program, backend)
    except QsanError:
        return None
    function = compiled.program.functions[0]
    dims = {axis for value in function.inputs for axis in value.type.rows[1:]}
    layout = Layout(len(_LENGTHS), {dim: np.array(_LENGTHS) for dim in dims})
    outputs = [name for name, _ in function.outputs]
    wanted = [*outputs, *(name for name, _ in function.probes if name.endswith(".weights"))]
    prepared = prepare(function, compiled.program.modules, wanted)
    results = {}
    for seed in _SEEDS:
        inputs = {value.name: _random(value, program, chances, layout, seed) for value in function.inputs}
        found = evaluate(prepared, compiled.executables, inputs, layout, context=Context(seed=0, purpose="inference"))
        results.update({(name, seed): np.asarray(array, np.float64) for name, array in found.items()})
    return results


def _random(value: Input, program: Program, chances: frozenset[str], layout: Layout, seed: int) -> Array:
    """Numbers for an input, the same in every program that has it: in the range that a model declares, probabilities,
    else within half a turn."""
    rng = np.random.default_rng([seed, zlib.crc32(value.name.encode())])
    shape = array_shape(value.type, layout)
    low, high = (0.0, 1.0) if value.name in chances else (-np.pi, np.pi)
    for model in program.models:
        ranges = [(p.name, p.low, p.high) for p in model.parameters]
        ranges += [(f.name, f.low, f.high) if f.classes is None else (f.name, 0, f.classes) for f in model.fields]
        for name, least, most in ranges:
            if name == value.name and least is not None and most is not None:
                low, high = least, most
    if value.type.kind == "int":
        low = max(int(low), 0)
        return rng.integers(low, max(int(high), low + 1), size=shape)
    return rng.uniform(low, high, size=shape)
