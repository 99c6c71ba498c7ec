"""Random uses of each operation: types that fit, attributes, ragged batches and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from qsanc.ir.layout import Layout
from qsanc.ir.model import Attribute, Type
from qsanc.ir.ops import OPS, Call, array_shape

Draw = Callable[[st.SearchStrategy], object]

ROW_SPACES = ((), ("record",), ("record", "S"), ("record", "T"), ("record", "S", "S"), ("record", "S", "T"))
UNARY = ("neg", "exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu", "abs")
BINARY = ("add", "sub", "mul", "div", "pow")


@dataclass(frozen=True)
class Case:
    """One use of an operation on one batch."""

    name: str
    types: tuple[Type, ...]
    attributes: Mapping[str, Attribute]
    layout: Layout
    arrays: tuple[np.ndarray, ...]

    @property
    def call(self) -> Call:
        return Call(self.types, self.attributes, OPS[self.name].infer(self.types, self.attributes))

    def value(self, arrays: Sequence[np.ndarray] | None = None) -> tuple[np.ndarray, ...]:
        return OPS[self.name].evaluate(self.call, self.layout, arrays or self.arrays)


statics = st.lists(st.integers(1, 3), max_size=2).map(tuple)
some_statics = st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple)


@st.composite
def layouts(draw: Draw, *, shortest: int = 0) -> Layout:
    """Batches of up to four records with lengths for the dims S and T, and sometimes records without tokens."""
    lengths = st.lists(st.integers(shortest, 4), min_size=4, max_size=4)
    records = draw(st.integers(1, 4))
    return Layout(records, {dim: np.array(draw(lengths)[:records]) for dim in ("S", "T")})


def types_for(name: str, draw: Draw) -> tuple[tuple[Type, ...], dict[str, Attribute]]:
    """Types and attributes that fit this operation."""
    rows = draw(st.sampled_from(ROW_SPACES))
    tokens = draw(st.sampled_from([space for space in ROW_SPACES if len(space) > 1]))
    static, more = draw(statics), draw(some_statics)
    value, wide = Type("real", rows + static), Type("real", rows + more)
    place = draw(st.integers(0, len(more) - 1))
    axis = len(rows) + place
    match name:
        case _ if name in UNARY:
            return (value,), {}
        case _ if name in BINARY:
            return (value, value), {}
        case "real":
            return (Type("int", rows + static),), {}
        case "constant":
            numbers = tuple(float(k) - 1.5 for k in range(int(np.prod(more))))
            return (), {"axes": more, "value": numbers}
        case "broadcast":
            cut = draw(st.integers(0, len(rows)))
            kept = draw(st.integers(0, len(more)))
            return (Type("real", rows[:cut] + more[kept:]),), {"axes": rows + more}
        case "sum" | "mean" | "softmax":
            if draw(st.booleans()):
                return (Type("real", tokens + static),), {"axis": len(tokens) - 1}
            return (wide,), {"axis": axis}
        case "layernorm":
            return (wide,), {}
        case "reshape":
            size = int(np.prod(static, dtype=int))
            return (value,), {
                "axes": draw(st.sampled_from([(size,), (1, size), (size, 1, 1), tuple(reversed(static))]))
            }
        case "concat":
            parts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
            return tuple(Type("real", (*rows, *more[:place], n, *more[place + 1 :])) for n in parts), {"axis": axis}
        case "stack":
            return (value,) * draw(st.integers(1, 3)), {"axis": len(rows) + draw(st.integers(0, len(static)))}
        case "select":
            return (wide,), {"axis": axis, "index": draw(st.integers(0, more[place] - 1))}
        case "slice":
            start = draw(st.integers(0, more[place]))
            return (wide,), {"axis": axis, "start": start, "stop": draw(st.integers(start, more[place]))}
        case "token":
            return (Type("real", tokens + static),), {"index": draw(st.sampled_from((0, 1, -1, -2)))}
        case "gather":
            return (Type("real", more), Type("int", rows + draw(st.sampled_from(((), (), (2,)))))), {}
        case "pick":
            return (wide, Type("int", rows)), {}
        case "matmul":
            cut = draw(st.integers(0, len(rows)))
            inner = draw(st.integers(1, 3))
            left, right = draw(st.lists(st.integers(1, 3), max_size=1)), draw(st.lists(st.integers(1, 3), max_size=2))
            return (Type("real", (*rows, *left, inner)), Type("real", (*rows[:cut], inner, *right))), {}
        case "spread":
            return (Type("real", tokens + static),), {"side": draw(st.sampled_from(("left", "right")))}
        case "attend":
            weights, values = draw(
                st.sampled_from(
                    (
                        (("record", "S", "S"), ("record", "S")),
                        (("record", "S", "T"), ("record", "T")),
                        (("record", "T", "S", "T"), ("record", "T", "T")),
                    )
                )
            )
            return (Type("real", weights), Type("real", values + static)), {}
        case "causal":
            return (Type("real", ("record", "S", "S", *static)),), {"fill": draw(st.sampled_from((0.0, -2.5)))}
        case "normalize_rows":
            return (Type("real", tokens + static),), {}
        case "position" | "length" | "pairs":
            return (), {"dim": "S"}
        case "sinusoid":
            return (), {"dim": "S", "axes": static}
        case "distinct":
            return (Type("int", rows),), {"axis": "U0"}
        case "sigmoid_cross_entropy":
            return (value, Type(draw(st.sampled_from(("int", "real"))), value.axes)), {}
        case "softmax_cross_entropy":
            return (wide, Type("int", wide.axes[:-1])), {}
    raise AssertionError(f"the operation {name} has no cases: add some above")


@st.composite
def cases(draw: Draw, name: str, *, shortest: int = 0) -> Case:
    types, attributes = types_for(name, draw)
    shortest = max(shortest, 2 if name == "token" else 1 if name == "causal" else 0)
    layout = draw(layouts(shortest=shortest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    arrays = tuple(numbers(name, types, k, layout, rng) for k in range(len(types)))
    return Case(name, types, attributes, layout, arrays)


def numbers(name: str, types: Sequence[Type], k: int, layout: Layout, rng: np.random.Generator) -> np.ndarray:
    """Numbers away from kinks and poles, and ints below the length of the axis that they look up."""
    shape = array_shape(types[k], layout)
    if types[k].kind == "int":
        places = {"gather": types[0].axes[:1], "pick": types[0].axes[-1:], "softmax_cross_entropy": types[0].axes[-1:]}
        return rng.integers(0, *places.get(name, (2,)), size=shape)
    if name in ("log", "sqrt", "pow", "div", "normalize_rows"):
        return rng.uniform(0.5, 2.0, size=shape)
    if name == "layernorm":
        return rng.uniform(-1.0, 1.0, size=shape) + 3.0 * np.arange(shape[-1])
    return rng.uniform(0.1, 2.0, size=shape) * rng.choice((-1.0, 1.0), size=shape)
