"""NumPy as a backend: exact and sampled execution in memory, for every gate of the table."""

from __future__ import annotations

from qsanc.diagnostics import Diagnostic, Severity
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import Channel, CircuitModule, State
from qsanc.ir.gates import GATES
from qsanc.target import Capabilities, ResultKind
from qsanc_numpy.executable import NumpyExecutable
from qsanc_numpy.memory import available, needed, too_large

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


class NumpyBackend:
    """The backend `numpy`. It has no targets."""

    def __init__(self, target: str | None = None) -> None:
        self._target = target

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        found: list[Diagnostic] = []
        if self._target is not None:
            found.append(_error("QS801", f"the backend `numpy` has no target `{self._target}`", help="use `numpy`"))
        if (too_large := _size(module)) is not None:
            found.append(too_large)
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
        return NumpyExecutable(module, tier)


def _size(module: CircuitModule) -> Diagnostic | None:
    if module.wires > MAX_WIRES:
        return _error(
            "QS307",
            f"the state of `{module.name}` is too large: {module.wires} qubits, and `numpy` simulates {MAX_WIRES}",
            expected=f"at most {MAX_WIRES} qubits",
        )
    need, have = needed(module), available()
    return None if need <= have else too_large(module, "the state", need, have)


def _error(code: str, title: str, *, expected: str = "", help: str = "") -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, title, expected=expected, help=help)
