"""The model graph on the watch: its operations one by one, or stretches of native code.

Counted are, for the numbers of a result, one flop for each function or arithmetic operation; for sums one for each
number that is summed; for products of matrices and attention two for each pair of numbers that meet; none for what only
moves numbers. A derivative counts as its operation does; where that moves numbers, one for each number added. Bytes are
those of the arrays that go in and come out, each once; a lookup reads what it takes of its table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from qsanc.fast import OFF, Kernels, Library, Tier
from qsanc.grad.reverse import Prepared
from qsanc.ir.layout import Layout
from qsanc.ir.model import Operation
from qsanc.ir.ops import Array, Call
from qsanc.target.profile import Part, Work
from qsanc.train.profile.watch import Section, Stopwatch

ELEMENTWISE = frozenset(
    {"neg", "exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu", "abs", "add", "sub", "mul", "div", "pow"}
)
BY_INPUT: Mapping[str, int] = MappingProxyType(
    {
        "sum": 1,
        "mean": 1,
        "softmax": 4,
        "layernorm": 7,
        "normalize_rows": 2,
        "sigmoid_cross_entropy": 4,
        "softmax_cross_entropy": 4,
    }
)
"""Flops for each number of the first input."""
VIEWS = frozenset({"reshape", "constant"})


def watched(prepared: Prepared, watch: Stopwatch, threads: int) -> Prepared:
    """The same function with every operation on the watch, by levels, its products with so many threads.

    What was made for native code is left out, and an evaluation of many records in parts.
    """
    body = {operation.first: operation for operation in prepared.function.body}
    levels = []
    for number, level in enumerate(prepared.levels):
        section = watch.section(level_name(number))
        steps = []
        for step in level.steps:
            one = _Watched(section, body[step.first], threads)
            op = replace(
                step.op,
                evaluate=one.evaluate(step.op.evaluate),
                pullback=None if step.op.pullback is None else one.pullback(step.op.pullback),
            )
            steps.append(replace(step, op=op))
        levels.append(replace(level, steps=tuple(steps)))
    found = replace(prepared, levels=tuple(levels))
    found.parts.append(None)
    return found


def level_name(number: int) -> str:
    return f"model graph, level {number}"


Evaluate = Callable[[Call, Layout, Sequence[Array]], tuple[Array, ...]]
Pullback = Callable[[int, Call, Layout, Sequence[Array], Array, Array], Array]


class _Watched:
    """One operation of the graph, timed."""

    def __init__(self, section: Section, operation: Operation, threads: int) -> None:
        self._section, self._operation = section, operation
        name = f"%{operation.first} {operation.name}"
        spans = () if operation.span is None else (operation.span,)
        self._forward = Part("forward", name, spans=spans, threads=threads)
        self._backward = Part("backward", name, spans=spans, threads=threads)

    def evaluate(self, inner: Evaluate) -> Evaluate:
        section, part = self._section, self._forward

        def evaluate(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
            with section.time(part):
                y = inner(call, layout, x)
            if section.counting:
                section.count(part, forward_work(self._operation.name, x, y))
            return y

        return evaluate

    def pullback(self, inner: Pullback) -> Pullback:
        section, part = self._section, self._backward

        def pullback(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
            with section.time(part):
                x_bar = inner(k, call, layout, x, y, y_bar)
            if section.counting:
                section.count(part, backward_work(self._operation.name, k, x, y, x_bar))
            return x_bar

        return pullback


def forward_work(name: str, x: Sequence[Array], y: Sequence[Array]) -> Work:
    if name in VIEWS:
        return Work()
    given = x[1:] if name == "gather" else x
    moved = sum(array.nbytes for array in (*given, *y)) + (y[0].nbytes if name == "gather" else 0)
    return Work(_flops(name, x, y[0]), moved, reach=moved)


def backward_work(name: str, k: int, x: Sequence[Array], y: Array, x_bar: Array) -> Work:
    """Of the derivative by input k."""
    if name in VIEWS:
        return Work()
    others = sum(array.nbytes for at, array in enumerate(x) if at != k)
    moved = y.nbytes + x_bar.nbytes + others
    flops = _flops(name, x, y)
    return Work(flops if flops else max(0, y.size - x_bar.size) if name != "gather" else y.size, moved, reach=moved)


def _flops(name: str, x: Sequence[Array], y: Array) -> float:
    if name in ELEMENTWISE:
        return float(y.size)
    if name in BY_INPUT:
        return float(BY_INPUT[name] * x[0].size)
    if name == "matmul":
        return 2.0 * y.size * (x[0].shape[-1] if x[0].ndim else 1)
    if name == "attend":
        return 2.0 * x[0].size * (x[1].size / max(1, len(x[1])))
    return 0.0


@dataclass(frozen=True, slots=True)
class WatchedTier(Tier):
    """The same native code, each call of it on the watch."""

    inner: Tier = OFF
    section: Section | None = None

    def kernels(self, library: Library) -> Kernels | None:
        found, section = self.inner.kernels(library), self.section
        if found is None or section is None:
            return found
        return {name: _timed(section, library.name, name, kernel) for name, kernel in found.items()}

    def settle(self) -> bool:
        return self.inner.settle()


def _timed(section: Section, library: str, name: str, kernel: Callable[..., None]) -> Callable[..., None]:
    def timed(*given: object) -> None:
        numbers = [value for value in given[:3] if isinstance(value, int)]
        where = f" {numbers[0]} to {numbers[1] - 1}" if len(numbers) > 1 else ""
        with section.time(Part("step", f"{library}: {name}{where}", "native code")):
            kernel(*given)

    return timed
