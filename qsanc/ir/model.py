"""The model language of the IR: a graph in SSA form of array operations around circuit calls.

    Function  ::= name, inputs, operations, outputs, probes
    Operation ::= name, input values, attributes, result types
    Type      ::= real | int, axes

Axes are run-time ones first (`record`, then dims such as `S`), static ones after them. The run-time axes of a value are
its *row space*: `real[record, S, 3, 4]` holds a 3 by 4 array for each token of each record. In memory the row space
is flat and ragged, without padding: that value is an array [row, 3, 4] with one row for each token of the batch, and
one of type `real[record, S, S]` has one entry for each ordered pair of tokens of one record, pair (s, j) at row-major
place.
An axis named `U0`, `U1`, ... belongs to the batch as a whole (its distinct tokens) and never stands beside `record`.

The vocabulary. Each operation is a row of `ir.ops`: result type, evaluation, reverse-mode derivative.

    constant {value, axes}                    a literal array
    broadcast %x {axes}                       rows of %x are a prefix of the target's, its static axes a suffix
    neg exp log sqrt sin cos tanh sigmoid relu abs real %x        elementwise (`real` converts int)
    add sub mul div pow %x, %y                elementwise on equal types
    sum mean softmax %x {axis}                over one axis of the type: a static one, or the last run-time one
    layernorm %x                              over the last static axis: zero mean, unit variance
    reshape %x {axes}                         new static axes, same row space
    concat %x, %y, ... {axis}                 along a static axis
    stack %x, %y, ... {axis}                  equal types along a new static axis, at this place among the axes
    select %x {axis, index}                   one static place of a static axis, which vanishes
    slice %x {axis, start, stop}              a static stretch of a static axis
    token %x {index}                          one token of the last run-time axis; negative counts from the end
    gather %table, %index                     table[index]: the first axis of %table (static, or U) by int values
    pick %x, %index                           one place of the last static axis, by an int for each row
    matmul %x, %y                             last static axis of %x against first of %y; rows of %y a prefix of %x's
    spread %x {side}                          to real[record, S, S, ...]: the value of s ("left") or of j ("right")
    attend %w, %v                             out[s] = sum_j w[s, j] v[j]
    causal %a {fill}                          entries (s, j) with j > s replaced by `fill`
    normalize_rows %a                         over the last run-time axis; a zero row stays zero, with zero gradient
    position {dim}, length {dim}              real[record, S] from 0, and real[record]
    sinusoid {dim, axes}                      positions as in Vaswani et al. (2017), over the flat static axes
    pairs {dim}                               int row numbers of both tokens of each ordered pair: two results
    distinct %index {axis}                    two results: the distinct values int[U0], each index's place there
    sigmoid_cross_entropy %z, %label          from the logit of class 1
    softmax_cross_entropy %z, %label          from the logits on the last static axis
    circuit %shared, %items [, %left, %right] {module}
                                              runs a circuit module: real[shared slot], real[rows, item slot], and
                                              with overlaps the row numbers of both sides. One result for each
                                              of the module's
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from qsanc.source import Span

Axis: TypeAlias = str | int
Attribute: TypeAlias = "str | int | float | tuple[Attribute, ...]"


@dataclass(frozen=True, slots=True)
class Type:
    """Element kind and axes; the leading str axes are the row space `rows`, and the others are `static`.

    Both parts are found once: evaluation asks for them at every operation of every training step.
    """

    kind: Literal["real", "int"]
    axes: tuple[Axis, ...] = ()
    rows: tuple[str, ...] = field(init=False, compare=False, repr=False)
    static: tuple[int, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(axis for axis in self.axes if isinstance(axis, str)))
        object.__setattr__(self, "static", tuple(axis for axis in self.axes if isinstance(axis, int)))

    def __str__(self) -> str:
        return f"{self.kind}[{', '.join(map(str, self.axes))}]" if self.axes else self.kind


@dataclass(frozen=True, slots=True)
class Input:
    """A value from outside: a trained parameter, a column of the data, or an argument of a circuit."""

    name: str
    role: Literal["parameter", "data", "argument"]
    type: Type


@dataclass(frozen=True, slots=True)
class Operation:
    """Computes values `first`, `first + 1`, ... of `types` from earlier values. `attributes` are sorted by name."""

    name: str
    inputs: tuple[int, ...]
    attributes: tuple[tuple[str, Attribute], ...]
    first: int
    types: tuple[Type, ...]
    span: Span | None = field(default=None, compare=False, repr=False)

    def attribute(self, name: str) -> Attribute:
        for key, value in self.attributes:
            if key == name:
                return value
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Function:
    """Inputs are values 0, 1, ...; operations number theirs on from there. `probes` name values worth looking at
    (`gpqsa.query`, `gpqsa.weights`): they are computed only on demand."""

    name: str
    inputs: tuple[Input, ...]
    body: tuple[Operation, ...]
    outputs: tuple[tuple[str, int], ...]
    probes: tuple[tuple[str, int], ...] = ()

    def types(self) -> list[Type]:
        """The type of every value, by number."""
        types = [value.type for value in self.inputs]
        for operation in self.body:
            types.extend(operation.types)
        return types

    def output(self, name: str) -> int:
        return dict(self.outputs)[name]
