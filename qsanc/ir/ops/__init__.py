"""The operations of the model language as a table: for each its types, its value and its reverse-mode derivative.

`circuit` alone is no row of it: it needs a module for its types and an executable for its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from qsanc.ir.circuit import CircuitModule
from qsanc.ir.model import Attribute, Type
from qsanc.ir.ops.circuit import infer_circuit
from qsanc.ir.ops.definition import Array, Call, OpDef, ShapeError, array_shape, is_batch_axis, text
from qsanc.ir.ops.elementwise import ELEMENTWISE
from qsanc.ir.ops.lookup import LOOKUP
from qsanc.ir.ops.places import PLACES
from qsanc.ir.ops.reduce import REDUCE
from qsanc.ir.ops.static import STATIC
from qsanc.ir.ops.tokens import TOKENS

__all__ = [
    "CIRCUIT",
    "OPS",
    "Array",
    "Call",
    "OpDef",
    "ShapeError",
    "array_shape",
    "infer",
    "infer_circuit",
    "is_batch_axis",
]

OPS: Mapping[str, OpDef] = MappingProxyType({**ELEMENTWISE, **STATIC, **REDUCE, **TOKENS, **PLACES, **LOOKUP})
CIRCUIT = "circuit"


def infer(
    name: str,
    types: Sequence[Type],
    attributes: Mapping[str, Attribute] | Iterable[tuple[str, Attribute]] = (),
    *,
    modules: Mapping[str, CircuitModule] | None = None,
) -> tuple[Type, ...]:
    """The result types of an operation on values of these types; `modules` by name, for circuit calls.

    Raises `ShapeError`, with a message in plain words, where they do not fit.
    """
    given = dict(attributes)
    if name == CIRCUIT:
        module = text(name, given, "module")
        if modules is None or module not in modules:
            raise ShapeError(f"there is no circuit {module}")
        return infer_circuit(modules[module], types)
    if name not in OPS:
        raise ShapeError(f"there is no operation `{name}`")
    return OPS[name].infer(types, given)
