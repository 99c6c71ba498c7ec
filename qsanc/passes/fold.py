"""Folding of constant gates.

    exp(-i 0 G) = 1,   rx(2 pi) = -1,   rz(pi) = -i Z,   phaseshift(pi/2) = S

A gate whose angles are all constant is a number: where its matrix is that of the identity it vanishes, and where it is
that of a gate without angles it becomes that gate, which other passes know more about. Global phases are dropped, as
they appear in no result but `State`: a segment that a state is asked of, of itself or of its descendants, folds only
what is equal in phase too.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from qsanc.ir.circuit import CircuitModule, Gate, Instruction, State
from qsanc.ir.gates import GATES, Matrix

_CLOSE = 1e-15


def fold(module: CircuitModule) -> CircuitModule:
    """`module` with constant gates replaced by simpler ones or by nothing. States stay equal in phase."""
    strict: set[int] = set()
    for result in module.results:
        if isinstance(result, State):
            strict.update(module.path(result.segment))
    return replace(
        module,
        segments=tuple(
            replace(segment, body=tuple(g for step in segment.body for g in _folded(step, strict=s in strict)))
            for s, segment in enumerate(module.segments)
        ),
    )


def _folded(step: Instruction, *, strict: bool) -> tuple[Instruction, ...]:
    if not isinstance(step, Gate) or not all(angle.is_constant for angle in step.angles):
        return (step,)
    name = _simpler(step.name, tuple(angle.constant for angle in step.angles), strict)
    if name is None:
        return ()
    return (step if name == step.name else Gate(name, step.wires, (), step.span),)


@functools.lru_cache(maxsize=4096)
def _simpler(name: str, angles: tuple[float, ...], strict: bool) -> str | None:
    """The gate without angles that equals gate `name` at `angles`; None for the identity; else `name` itself."""
    matrix = GATES[name].matrix(angles)
    if _equal(matrix, np.eye(len(matrix), dtype=np.complex128), strict):
        return None
    for gate in GATES.values() if angles else ():
        if not gate.angles and gate.wires == GATES[name].wires and _equal(matrix, gate.matrix(), strict):
            return gate.name
    return name


def _equal(a: Matrix, b: Matrix, strict: bool) -> bool:
    """Whether two unitaries are equal to rounding, where not `strict` up to a phase."""
    if not strict:
        overlap = complex(np.vdot(b, a))
        if abs(overlap) < len(a) / 2:
            return False
        a = a * (abs(overlap) / overlap)
    return bool(np.abs(a - b).max() <= _CLOSE)
