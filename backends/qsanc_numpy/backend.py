"""NumPy as a backend: exact and sampled execution in memory, for every gate of the table."""

from __future__ import annotations

from typing import ClassVar

from qsanc.diagnostics import Diagnostic, Severity
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import Channel, CircuitModule, State
from qsanc.ir.gates import GATES
from qsanc.target import Capabilities, ResultKind
from qsanc.target.memory import available, too_large
from qsanc_numpy.executable import NumpyExecutable
from qsanc_numpy.memory import needed

MAX_WIRES = 26
_MAX_SHOTS = 1 << 30

CAPABILITIES = Capabilities(
    name="numpy",
    gates=frozenset(GATES),
    max_wires=MAX_WIRES,
    results=frozenset(ResultKind),
    exact=True,
    shots=(1, _MAX_SHOTS),
    gradients=frozenset({"adjoint"}),
    overlaps=("gram",),
)


SINGLE = "complex64"
"""The target that keeps states in single precision."""


class NumpyBackend:
    """The backend `numpy`; as `numpy:complex64` states of 11 qubits and more take half the memory.

    In complex64 a value is off by at most the sum of the observable's coefficients (in magnitude) times 2^-17 for each
    group of up to four or five wires that acted; what is seen is some 1e-6. Shifts are executed in complex128.
    """

    targets: ClassVar = {SINGLE: "states of 11 qubits and more in half the memory"}

    def __init__(self, target: str | None = None) -> None:
        self._target = target

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        found: list[Diagnostic] = []
        if self._target not in (None, SINGLE):
            title = f"the backend `numpy` has no target `{self._target}`"
            found.append(_error("QS801", title, help=f"use `numpy` or `numpy:{SINGLE}`"))
        if (refused := _size(module, single=self._target == SINGLE)) is not None:
            found.append(refused)
        for segment in module.segments:
            for instruction in segment.body:
                if isinstance(instruction, Channel):
                    found.append(
                        Diagnostic(
                            "QS505",
                            Severity.ERROR,
                            f"the backend `numpy` cannot honour the noise channel `{instruction.kind}`",
                            instruction.span,
                        )
                    )
        if shots is not None and any(isinstance(result, State) for result in module.results):
            found.append(_error("QS801", f"shots cannot give the state of `{module.name}`", help="leave out the shots"))
        if shots is not None and not 1 <= shots <= _MAX_SHOTS:
            found.append(_error("QS801", f"the backend `numpy` takes 1 to {_MAX_SHOTS} shots, not {shots}"))
        return tuple(found)

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> NumpyExecutable:
        return NumpyExecutable(module, tier, single=self._target == SINGLE)


def _size(module: CircuitModule, *, single: bool) -> Diagnostic | None:
    if module.wires > MAX_WIRES:
        return _error(
            "QS307",
            f"the state of `{module.name}` is too large: {module.wires} qubits, and `numpy` simulates {MAX_WIRES}",
            expected=f"at most {MAX_WIRES} qubits",
        )
    need, have = needed(module, single=single), available()
    return None if need <= have else too_large(module, "the state", need, have)


def _error(code: str, title: str, *, expected: str = "", help: str = "") -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, title, expected=expected, help=help)
