"""The simulators that run in this process: `braket:sv`, state vectors, and `braket:dm`, density matrices.

Operations go straight into the simulator's own classes (`local_simulator`), a tree of segments is walked so that what
circuits share runs once (`local_walk`), results are read from states (`local_readout`), and shots are drawn by the
generator of the core: the same seed gives the same samples as the backend `numpy`.
"""

from __future__ import annotations

from dataclasses import dataclass

from qsanc.diagnostics import Diagnostic, Severity
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import Channel, CircuitModule, Overlap, State
from qsanc.ir.gates import GATES
from qsanc.target import Capabilities, Executable, ResultKind
from qsanc.target.memory import available, too_large
from qsanc_braket.sdk import missing

_MAX_SHOTS = 1 << 30
_BYTES = 16

NOISE = frozenset(
    {
        "bit_flip",
        "phase_flip",
        "bit_phase_flip",
        "depolarizing",
        "two_qubit_depolarizing",
        "two_qubit_dephasing",
        "amplitude_damping",
        "generalized_amplitude_damping",
        "phase_damping",
        "pauli_channel",
    }
)
"""The channels for which the density-matrix simulator has a class."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """`qubits` is the simulator's own limit; `entries`: a state of n wires has 2^(entries n) numbers, of which
    `working` are held while an operation runs."""

    what: str
    qubits: int
    entries: int
    working: int
    results: frozenset[ResultKind]
    noise: frozenset[str]


_KINDS = {
    "sv": _Kind("the state", 26, 1, 5, frozenset(ResultKind), frozenset()),
    "dm": _Kind("the density matrix", 13, 2, 7, frozenset(ResultKind) - {ResultKind.STATE}, NOISE),
}


class LocalBackend:
    """The backends `braket:sv` and `braket:dm`: every gate of the table, exact values and shots.

    Above 10 qubits (`dm`: above 1) the simulator compiles its kernels when a number of qubits is met for the first
    time, for some seconds; they are kept on disk where its folder can be written.
    """

    def __init__(self, name: str) -> None:
        self._name, self._kind = name, _KINDS[name]

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            name=f"braket:{self._name}",
            gates=frozenset(GATES),
            max_wires=self._kind.qubits,
            results=self._kind.results,
            exact=True,
            shots=(1, _MAX_SHOTS),
            noise=self._kind.noise,
            overlaps=("gram",),
        )

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        found = [refused for refused in (missing(), self._size(module)) if refused is not None]
        found += self._noise(module)
        states = any(isinstance(result, State) for result in module.results)
        if states and ResultKind.STATE not in self._kind.results:
            title = f"the backend `{self._shown}` keeps density matrices and has no state of `{module.name}`"
            found.append(_error("QS801", title, help="use `braket:sv`"))
        elif states and shots is not None:
            found.append(_error("QS801", f"shots cannot give the state of `{module.name}`", help="leave out the shots"))
        if shots is not None and not 1 <= shots <= _MAX_SHOTS:
            found.append(_error("QS801", f"the backend `{self._shown}` takes 1 to {_MAX_SHOTS} shots, not {shots}"))
        return tuple(found)

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> Executable:
        from qsanc_braket.local_executable import LocalExecutable

        return LocalExecutable(module, mixed=self._name == "dm")

    @property
    def _shown(self) -> str:
        return f"braket:{self._name}"

    def _noise(self, module: CircuitModule) -> list[Diagnostic]:
        return [
            Diagnostic(
                "QS505",
                Severity.ERROR,
                f"the backend `{self._shown}` cannot honour the noise channel `{step.kind}`",
                step.span,
                help="use `braket:dm`" if step.kind in NOISE else "",
            )
            for segment in module.segments
            for step in segment.body
            if isinstance(step, Channel) and step.kind not in self._kind.noise
        ]

    def _size(self, module: CircuitModule) -> Diagnostic | None:
        kind = self._kind
        if module.wires > kind.qubits:
            return _error(
                "QS307",
                f"{kind.what} of `{module.name}` is too large: {module.wires} qubits, and `{self._shown}` simulates "
                f"{kind.qubits}",
                expected=f"at most {kind.qubits} qubits",
            )
        need, have = needed(module, mixed=self._name == "dm"), available()
        return None if need <= have else too_large(module, kind.what, need, have)


def needed(module: CircuitModule, *, mixed: bool) -> int:
    """Bytes for one row: a state for each segment on the longest path, those that work on one, and reduced matrices."""
    kind = _KINDS["dm" if mixed else "sv"]
    depth = max((len(module.path(segment)) for segment in range(len(module.segments))), default=1)
    reduced = max((2 * _BYTES << 2 * len(o.wires) for o in module.results if isinstance(o, Overlap)), default=0)
    return (depth + kind.working) * (_BYTES << kind.entries * module.wires) + reduced


def _error(code: str, title: str, *, expected: str = "", help: str = "") -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, title, expected=expected, help=help)
