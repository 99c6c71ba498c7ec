"""Circuits in a device's own gates, on its own qubits: what stands in a verbatim box.

    IQM       prx, cz          prx(theta, phi) = rz(phi) rx(theta) rz(-phi)
    Rigetti   rx, rz, cz       rx by pi/2 and pi only
    IonQ      gpi, gpi2, zz    gpi(phi) = prx(pi, phi), gpi2(phi) = prx(pi/2, phi); ms in the place of zz where so named

On the way there every gate becomes turns of one wire and *couplings* exp(-i theta ZZ / 2), by the gate table. Turns are
kept as one matrix a wire until a coupling, or the readout, needs them; then they are written as *pulses*, rotations
about an axis of the equator, and a rotation about Z is left over. That commutes with couplings: it waits for the next
pulses, where it shifts their axes, and does nothing before a readout. So a turn costs one prx, or at most two of the
others' pulses, and no rotation about Z is ever a gate but on Rigetti, where it is a change of frame.

A coupling by pi/2 is one cz, any other two; zz and ms take all angles, which are brought to 0 < theta <= pi/2 by X and
Z on the wires. Swaps of the circuit only rename wires. What no readout can see is left out. All this holds up to a
global phase.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.ir.circuit import Channel, CircuitModule, Gate, Segment
from qsanc.ir.gates import GATES, Matrix
from qsanc.passes.decompose import decompose
from qsanc.source import Span
from qsanc.target.expand import PlainCircuit
from qsanc.target.sampling import basis_change
from qsanc_braket.devices.model import Device
from qsanc_braket.routing import Move, Pair, graph_of, route

_COUPLED = frozenset(name for name, gate in GATES.items() if gate.wires == 1) | {"rzz", "swap"}
_ZERO = 1e-11
"""Angles nearer than this, in radians, are one: beyond the rounding of products of matrices, far below any result."""

_ONE: Matrix = np.eye(2, dtype=np.complex128)
_X, _Z, _H, _V, _VI = (GATES[name].matrix() for name in ("x", "z", "h", "v", "vi"))


@dataclass(frozen=True, slots=True)
class NativeGate:
    """A native gate by Braket's name, on qubits by the device's numbers; angles in radians, from -pi to pi."""

    name: str
    qubits: tuple[int, ...]
    angles: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NativeCircuit:
    """Native gates in the order of time.

    `reads` are the qubits to measure in Z, one for each measured wire in its order: bases are changed by the gates.
    `qubits` are all that are used or read, rising. `placement` is where each wire starts, for people.
    """

    gates: tuple[NativeGate, ...]
    reads: tuple[int, ...]
    qubits: tuple[int, ...]
    placement: tuple[tuple[int, int], ...]


def lowered(circuit: PlainCircuit, device: Device) -> NativeCircuit:
    """`circuit` in the native gates of `device`, placed and routed on its couplers; the same in every process.

    Raises QsanError (QS801) for a device without native gates or with others than the above, for noise channels, for
    angles that are not finite, and for more wires than the device has connected qubits.
    """
    pulses, coupler = _dialect(device)
    shape = _Shape(circuit)
    pairs = tuple(Pair(a, b, _couplings(theta, coupler)) for a, b, theta, _, _ in shape.pairs)
    try:
        found = route(graph_of(device), shape.wires, frozenset(shape.reads), pairs)
    except ValueError as reason:
        raise _refused(f"the device {device.name} cannot hold this circuit: {reason}") from None
    writer = _Writer(pulses, coupler)
    at = dict(found.placement)
    on = {qubit: wire for wire, qubit in found.placement}
    for move in found.moves:
        theta = 0.0
        if move.pair is not None:
            a, b, theta, before_a, before_b = shape.pairs[move.pair]
            writer.turn(at[a], before_a)
            writer.turn(at[b], before_b)
        writer.move(move, theta)
        if move.swap:
            _exchange(at, on, move)
    for wire, turn in shape.ends.items():
        writer.turn(at[wire], turn)
    reads = tuple(at[wire] for wire in shape.reads)
    for qubit in sorted(reads):
        writer.pulse(qubit)
    used = {qubit for gate in writer.gates for qubit in gate.qubits} | set(reads)
    return NativeCircuit(tuple(writer.gates), reads, tuple(sorted(used)), found.placement)


def _exchange(at: dict[int, int], on: dict[int, int], move: Move) -> None:
    p, q = move.qubits
    for wire, qubit in ((on.pop(p, None), q), (on.pop(q, None), p)):
        if wire is not None:
            at[wire], on[qubit] = qubit, wire


def _refused(title: str, span: Span | None = None, help: str = "") -> QsanError:
    return QsanError([Diagnostic("QS801", Severity.ERROR, title, span, help=help)])


class _Shape:
    """A circuit as turns and couplings.

    `pairs` are (a, b, theta, turn of a before, turn of b before), `ends` the turns after the last pair of each wire.
    `wires` are those that some gate or readout needs, `reads` the measured ones in their order, renamed by swaps.
    """

    def __init__(self, circuit: PlainCircuit) -> None:
        body, names = _renamed(_decomposed(circuit))
        body += [Gate(step.name, (names.get(step.wires[0], step.wires[0]),)) for step in basis_change(circuit.measured)]
        self.reads = tuple(names.get(wire, wire) for wire in circuit.measured.wires)
        body = _seen(body, frozenset(self.reads))
        self.wires = tuple(sorted({wire for gate in body for wire in gate.wires} | set(self.reads)))
        self.ends: dict[int, Matrix] = dict.fromkeys(self.wires, _ONE)
        self._pairs: list[tuple[int, int, float, Matrix, Matrix] | None] = []
        self._last: dict[int, int] = {}
        for gate in body:
            if gate.name == "rzz":
                a, b = gate.wires
                self._couple(a, b, gate.angles[0].constant)
            else:
                (wire,) = gate.wires
                turn = _matrix(gate.name, *(angle.constant for angle in gate.angles))
                self.ends[wire] = turn @ self.ends[wire]
        self.pairs = tuple(pair for pair in self._pairs if pair is not None)

    def _couple(self, a: int, b: int, theta: float) -> None:
        """A further pair, or a larger angle of the pair before where only rotations about Z are between."""
        last = self._last.get(a)
        if last is not None and last == self._last.get(b) and _diagonal(self.ends[a]) and _diagonal(self.ends[b]):
            before = self._pairs[last]
            assert before is not None
            self._pairs[last] = None
            del self._last[a], self._last[b]
            first, second, earlier, turn, other = before
            theta += earlier
            kept = {first: turn, second: other}
        else:
            kept = {}
        if abs(math.remainder(theta, math.pi)) < _ZERO:
            for wire in (a, b):
                both = self.ends[wire] @ kept.get(wire, _ONE)
                self.ends[wire] = both if abs(math.remainder(theta, 2 * math.pi)) < _ZERO else _Z @ both
            return
        befores = [kept.get(wire, _ONE) if kept else self.ends[wire] for wire in (a, b)]
        for wire in (a, b):
            self._last[wire] = len(self._pairs)
            self.ends[wire] = self.ends[wire] if kept else _ONE
        self._pairs.append((a, b, theta, befores[0], befores[1]))


def _decomposed(circuit: PlainCircuit) -> list[Gate]:
    for step in circuit.body:
        if isinstance(step, Channel):
            raise _refused(f"native gates hold no noise channel such as `{step.kind}`", step.span)
        if not all(math.isfinite(angle.constant) for angle in step.angles):
            raise _refused(f"an angle of `{step.name}` is not a finite number", step.span)
    module = CircuitModule("plain", circuit.wires, (), (), (Segment("all", None, circuit.body),), ())
    return [step for step in decompose(module, _COUPLED).segments[0].body if isinstance(step, Gate)]


def _renamed(body: list[Gate]) -> tuple[list[Gate], dict[int, int]]:
    """The gates without swaps, each on the wires that bear the names of its own by then; and those names at the end."""
    names: dict[int, int] = {}
    gates = []
    for gate in body:
        wires = tuple(names.get(wire, wire) for wire in gate.wires)
        if gate.name == "swap":
            a, b = gate.wires
            names[a], names[b] = wires[1], wires[0]
        else:
            gates.append(Gate(gate.name, wires, gate.angles, gate.span))
    return gates, names


def _seen(body: list[Gate], read: frozenset[int]) -> list[Gate]:
    """The gates that a readout of `read` in Z can depend on.

    Not those of wires that nothing measured meets later, nor those that are diagonal with only diagonal ones behind.
    """
    met, turned = set(read), set[int]()
    kept = []
    for gate in reversed(body):
        diagonal = GATES[gate.name].diagonal
        if met.isdisjoint(gate.wires) or (diagonal and turned.isdisjoint(gate.wires)):
            continue
        met.update(gate.wires)
        if not diagonal:
            turned.update(gate.wires)
        kept.append(gate)
    return kept[::-1]


@dataclass(frozen=True, slots=True)
class _Pulse:
    """A rotation by `angle` about the axis of the equator at `phase`: rz(phase) rx(angle) rz(-phase)."""

    angle: float
    phase: float


def _prx(qubit: int, pulses: list[_Pulse], rest: float) -> tuple[list[NativeGate], float]:
    return [NativeGate("prx", (qubit,), (_angle(pulse.angle), _angle(pulse.phase))) for pulse in pulses], rest


def _gpi(qubit: int, pulses: list[_Pulse], rest: float) -> tuple[list[NativeGate], float]:
    names = ["gpi2" if _same(pulse.angle, math.pi / 2) else "gpi" for pulse in pulses]
    return [NativeGate(name, (qubit,), (_angle(p.phase),)) for name, p in zip(names, pulses, strict=True)], rest


def _rx_rz(qubit: int, pulses: list[_Pulse], rest: float) -> tuple[list[NativeGate], float]:
    """Axes are turned by frames: the frame after the last pulse goes to the rest."""
    gates, frame = [], 0.0
    for pulse in pulses:
        if turn := _angle(frame - pulse.phase):
            gates.append(NativeGate("rz", (qubit,), (turn,)))
        gates.append(NativeGate("rx", (qubit,), (_angle(pulse.angle),)))
        frame = pulse.phase
    return gates, rest + frame


@dataclass(frozen=True, slots=True)
class _Pulses:
    """How turns are written: by pulses of `any_angle`, or of pi/2 and pi alone, as gates with the rest about Z."""

    any_angle: bool
    write: Callable[[int, list[_Pulse], float], tuple[list[NativeGate], float]]

    def of(self, turn: Matrix, *, from_zero: bool) -> tuple[list[_Pulse], float]:
        """Pulses, and r, with `turn` = rz(r) pulses up to a phase; `from_zero`: on the state zero alone.

        `turn` is rz(phi) ry(theta) rz(lambda), and that is, by rx(pi/2) rz(theta + pi) rx(pi/2), two pulses of pi/2.
        """
        theta = 2 * math.atan2(abs(turn[1, 0]), abs(turn[0, 0]))
        if theta < _ZERO:
            return [], 0.0 if from_zero else float(np.angle(turn[1, 1] * turn[0, 0].conjugate()))
        if math.pi - theta < _ZERO:
            first, last = 0.0, float(np.angle(-turn[1, 0] * turn[0, 1].conjugate()))
        else:
            first = float(np.angle(-turn[0, 1] * turn[0, 0].conjugate()))
            last = float(np.angle(turn[1, 0] * turn[0, 0].conjugate()))
        if self.any_angle or _same(theta, math.pi / 2) or _same(theta, math.pi):
            first = math.pi / 2 if from_zero else first
            return [_Pulse(theta, math.pi / 2 - first)], last + first
        first = 0.0 if from_zero else first
        half = math.pi / 2
        return [_Pulse(half, -first), _Pulse(half, -first - theta - math.pi)], last + first + theta


_TURNS: Mapping[frozenset[str], _Pulses] = {
    frozenset({"prx"}): _Pulses(True, _prx),
    frozenset({"rx", "rz"}): _Pulses(False, _rx_rz),
    frozenset({"gpi", "gpi2"}): _Pulses(False, _gpi),
}
_COUPLERS = ("cz", "zz", "ms")


def _dialect(device: Device) -> tuple[_Pulses, str]:
    """How the device turns, and by which gate it couples."""
    native = {name.lower() for name in device.native}
    if not native:
        portable = "leave out `+native`: its circuits are written in portable gates"
        raise _refused(f"the device {device.name} has no native gates", help=portable)
    turns = next((pulses for names, pulses in _TURNS.items() if names <= native), None)
    coupler = next((name for name in _COUPLERS if name in native), None)
    if turns is None or coupler is None:
        gates = ", ".join(sorted(native))
        raise _refused(
            f"circuits cannot be written in the native gates of {device.name}: {gates}",
            help="leave out `+native`: the service compiles circuits in portable gates itself",
        )
    return turns, coupler


def _couplings(theta: float, coupler: str) -> int:
    return 1 if coupler != "cz" or _same(abs(math.remainder(theta, math.pi)), math.pi / 2) else 2


class _Writer:
    """Gates so far, and for each qubit the turn that is to come before its next coupling or its readout."""

    def __init__(self, pulses: _Pulses, coupler: str) -> None:
        self._pulses, self._coupler = pulses, coupler
        self.gates: list[NativeGate] = []
        self._waiting: dict[int, Matrix] = {}
        self._touched: set[int] = set()
        self._busy: set[int] = set()

    def turn(self, qubit: int, matrix: Matrix) -> None:
        self._waiting[qubit] = matrix @ self._waiting.get(qubit, _ONE)

    def pulse(self, qubit: int) -> float:
        """Writes what waits on a qubit; the rotation about Z that is left over is returned, and waits no more."""
        pulses, rest = self._pulses.of(self._waiting.pop(qubit, _ONE), from_zero=qubit not in self._touched)
        gates, rest = self._pulses.write(qubit, pulses, rest)
        self.gates += gates
        self._touched |= {qubit} if gates else set()
        return rest

    def move(self, move: Move, theta: float) -> None:
        """A coupling by `theta` if the move has a pair, then a swap if it is one."""
        p, q = move.qubits
        if not move.swap:
            self._couple(p, q, theta)
            self._busy |= {p, q}
        elif move.pair is None and not {p, q} <= self._busy:
            self._shift(p, q)
        else:
            self._swap(p, q, theta)
            self._busy |= {p, q}

    def _shift(self, p: int, q: int) -> None:
        """A swap where one qubit, or both, are in zero: two couplings, or none."""
        if self._busy.isdisjoint({p, q}):
            return
        source, goal = (p, q) if p in self._busy else (q, p)
        self._cx(source, goal)
        self._cx(goal, source)
        self._busy ^= {p, q}

    def _swap(self, p: int, q: int, theta: float) -> None:
        """rzz(theta), then a swap, exp(i pi (XX + YY + ZZ) / 4): two couplings where ZZ drops out, else three."""
        if _same(math.remainder(theta - math.pi / 2, math.pi), 0.0):
            self._couple(p, q, theta - math.pi / 2)
            for into, back in ((_H, _H), (_V, _VI)):
                self._around(p, q, into)
                self._couple(p, q, -math.pi / 2)
                self._around(p, q, back)
            return
        self._cx(p, q)
        self.turn(q, _rz(theta))
        self._cx(q, p)
        self._cx(p, q)

    def _around(self, p: int, q: int, matrix: Matrix) -> None:
        self.turn(p, matrix)
        self.turn(q, matrix)

    def _cx(self, control: int, target: int) -> None:
        self.turn(target, _H)
        self._cz(control, target)
        self.turn(target, _H)

    def _cz(self, p: int, q: int) -> None:
        self._couple(p, q, -math.pi / 2)
        self._around(p, q, _rz(math.pi / 2))

    def _couple(self, p: int, q: int, theta: float) -> None:
        """exp(-i theta ZZ / 2), of which a half turn is Z on both."""
        theta = math.remainder(theta, 2 * math.pi)
        if abs(theta) > math.pi / 2 + _ZERO:
            self._around(p, q, _Z)
            theta -= math.copysign(math.pi, theta)
        if abs(theta) < _ZERO:
            return
        if _diagonal(self._waiting.get(q, _ONE)) and not _diagonal(self._waiting.get(p, _ONE)):
            p, q = q, p
        if self._coupler != "cz":
            self._rotate(p, q, theta)
        elif _same(abs(theta), math.pi / 2):
            self._emit("cz", p, q, ())
            self._around(p, q, _rz(math.copysign(math.pi / 2, theta)))
        else:
            self.turn(q, _H)
            self._cz(p, q)
            self.turn(q, _H @ _rz(theta) @ _H)
            self._cz(p, q)
            self.turn(q, _H)

    def _rotate(self, p: int, q: int, theta: float) -> None:
        """A coupling by -pi/2 to pi/2 as zz or ms. X on one qubit changes its sign; ms couples along X, turned by H."""
        if theta < 0:
            self.turn(q, _X)
        if self._coupler == "zz":
            self._emit("zz", p, q, (abs(theta),))
        else:
            self._around(p, q, _H)
            self._emit("ms", p, q, (abs(theta),))
            for qubit in (p, q):
                self.turn(qubit, _H)
        if theta < 0:
            self.turn(q, _X)

    def _emit(self, name: str, p: int, q: int, angles: tuple[float, ...]) -> None:
        """A coupling as it is, after the pulses that wait. The rest about Z waits on, and turns the axes of ms."""
        rests = [self.pulse(qubit) for qubit in (p, q)]
        if name == "ms":
            angles = (-rests[0], -rests[1], *angles)
        first, second = sorted((p, q))
        if first != p and name == "ms":
            angles = (angles[1], angles[0], *angles[2:])
        self.gates.append(NativeGate(name, (first, second), tuple(map(_angle, angles))))
        self._touched |= {p, q}
        for qubit, rest in zip((p, q), rests, strict=True):
            self.turn(qubit, _rz(rest))


@lru_cache(maxsize=4096)
def _matrix(name: str, *angles: float) -> Matrix:
    """Of a gate. Shifted circuits share all angles but one, so that most are asked for again and again."""
    return GATES[name].matrix(angles)


def _rz(theta: float) -> Matrix:
    """What the table's rz is, without its generality: this is asked for at every pulse."""
    half = cmath.rect(1.0, theta / 2)
    return np.array([[half.conjugate(), 0], [0, half]])


def _diagonal(matrix: Matrix) -> bool:
    return bool(abs(matrix[0, 1]) < _ZERO and abs(matrix[1, 0]) < _ZERO)


def _same(one: float, other: float) -> bool:
    return abs(one - other) < _ZERO


def _angle(theta: float) -> float:
    """The angle between -pi and pi, an eighth of a turn exactly where it is one but for rounding."""
    theta = math.remainder(theta, 2 * math.pi)
    eighths = round(theta / (math.pi / 4))
    if _same(theta, eighths * math.pi / 4):
        return 4 * math.pi / 4 if abs(eighths) == 4 else eighths * math.pi / 4
    return theta
