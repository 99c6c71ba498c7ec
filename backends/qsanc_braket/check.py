"""Would this device accept it? Answered from what is known of the device: no network, no SDK, nothing spent.

    accepts(device, circuits, shots, native)    circuits in portable gates, or as `native.lowered` writes them
    accepts_native(device, natives, shots)      circuits that are in native gates already
    accepts_text(device, text)                  a program of somebody else's

Each answer is a tuple of diagnostics: QS801 with the number that the device allows and one fix; empty, or with warnings
alone, where all is accepted. What is wrong in the same way in many circuits is said once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.ir.circuit import Channel, Gate, Instruction
from qsanc.ir.gates import GATES
from qsanc.source import Span
from qsanc.target.expand import PlainCircuit
from qsanc.target.sampling import basis_change
from qsanc_braket.devices.model import Device
from qsanc_braket.devices.table import gone, known, retired
from qsanc_braket.native import NativeCircuit, NativeGate, lowered
from qsanc_braket.text import qubits

NATIVE: Mapping[str, tuple[int, int]] = {
    "prx": (1, 2),
    "rx": (1, 1),
    "rz": (1, 1),
    "gpi": (1, 1),
    "gpi2": (1, 1),
    "cz": (2, 0),
    "iswap": (2, 0),
    "zz": (2, 1),
    "xx": (2, 1),
    "ms": (2, 3),
}
"""Native gates by Braket's names: (qubits, angles). Gates that are not here are taken as they are."""
QUARTER_TURNS: Mapping[str, str] = {"Rigetti": "rx"}
"""The native gate of a provider that turns by pi/2 and pi alone, either way."""
EXACT_ONLY = frozenset({"Amplitude", "StateVector", "DensityMatrix", "AdjointGradient"})
"""Result types that are no estimates."""
_ANGLE = 1e-9


def accepts(
    device: Device,
    circuits: PlainCircuit | Sequence[PlainCircuit],
    shots: int | None,
    native: bool = False,
    *,
    program_set: bool = False,
    results: Collection[str] = (),
) -> tuple[Diagnostic, ...]:
    """What keeps `device` from running `circuits` with `shots` shots each (None, or 0: exact values).

    With `native` they are checked as they come out in the device's own gates. With `program_set` all of them are to be
    one task. `results` are result types by Braket's names (`StateVector`), beside counts.
    """
    many = (circuits,) if isinstance(circuits, PlainCircuit) else tuple(circuits)
    found = [*_offered(device, len(many), shots, program_set), *_results(device, results, shots)]
    for circuit in many:
        found += _lowered(circuit, device) if native else _portable(circuit, device)
    return _once(found)


def accepts_native(
    device: Device, natives: NativeCircuit | Sequence[NativeCircuit], shots: int | None, *, program_set: bool = False
) -> tuple[Diagnostic, ...]:
    """The same for circuits in native gates on physical qubits."""
    many = (natives,) if isinstance(natives, NativeCircuit) else tuple(natives)
    found = list(_offered(device, len(many), shots, program_set))
    if many and not device.native:
        found.append(_no(f"{device.name} has no native gates", help=f"leave out `+native`: `braket:{device.name}`"))
        return _once(found)
    for native in many:
        found += _native(native, device)
    return _once(found)


def accepts_text(device: Device, text: str) -> tuple[Diagnostic, ...]:
    """Of an OpenQASM program only the declarations are looked at: a processor takes one array of each kind."""
    if device.kind != "qpu":
        return ()
    found = []
    for word, what in (("qubit", "qubits"), ("bit", "bits")):
        declared = len(re.findall(rf"^\s*{word}\b", text, re.MULTILINE))
        if declared > 1:
            title = f"{device.name} takes one array of {what}, and the program declares {declared}"
            found.append(_no(title, help=f"declare one array for all {what}"))
    return tuple(found)


def _no(title: str, span: Span | None = None, help: str = "") -> Diagnostic:
    return Diagnostic("QS801", Severity.ERROR, title, span, help=help)


def _once(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Errors first; of those that say the same, the first."""
    seen: dict[str, Diagnostic] = {}
    for diagnostic in found:
        seen.setdefault(diagnostic.title, diagnostic)
    return tuple(sorted(seen.values(), key=lambda diagnostic: not diagnostic.is_error))


def _offered(device: Device, circuits: int, shots: int | None, program_set: bool) -> Iterator[Diagnostic]:
    """Whether the device is there, and takes so many shots of so many circuits."""
    name, (least, most) = device.name, device.shots
    if device.status == "retired":
        instead = retired().get(name) or next((d.name for d in known() if d.kind == device.kind), "SV1")
        yield gone(name, instead)
    elif device.status == "offline":
        title = f"{name} is offline, and refuses tasks until it is back"
        yield Diagnostic("QS801", Severity.WARNING, title, help="choose another device, or submit later")
    if not shots:
        if not device.exact:
            title = f"{name} gives no exact values: it takes {_grouped(least)} to {_grouped(most)} shots a circuit"
            yield _no(title, help=f"`--shots {max(least, min(1000, most))}`")
    elif not least <= shots <= most:
        help = f"`--shots {least if shots < least else most}`"
        taken = f"{_grouped(least)} to {_grouped(most)} shots a circuit"
        yield _no(f"{name} takes {taken}, and {_grouped(shots)} are asked for", help=help)
    if not program_set:
        return
    sets = device.program_sets
    if sets is None:
        yield _no(f"{name} takes no program sets", help="submit each circuit as a task")
        return
    if circuits > sets.executables:
        title = f"a program set for {name} holds {sets.executables} executables at most, and this one {circuits}"
        yield _no(title, help=f"split it into {-(-circuits // sets.executables)} tasks")
    if (asked := circuits * (shots or 0)) > sets.shots:
        title = f"a program set for {name} holds {_grouped(sets.shots)} shots at most, and this one {_grouped(asked)}"
        yield _no(title, help=f"`--shots {max(sets.shots // circuits, 1)}`, or fewer circuits a task")


def _results(device: Device, results: Collection[str], shots: int | None) -> Iterator[Diagnostic]:
    for result in results:
        offered = device.results - EXACT_ONLY if shots else device.exact_results
        if result in offered:
            continue
        if result in device.results:
            kind = "without shots alone" if shots else "with shots alone"
            yield _no(f"{device.name} gives {result} {kind}", help=f"ask for {_listed(offered)}" if offered else "")
        else:
            title = f"{device.name} gives no {result}"
            free = result in ("StateVector", "DensityMatrix")
            yield _no(title, help="use `braket:sv`, which runs here" if free else f"it gives {_listed(device.results)}")


def _portable(circuit: PlainCircuit, device: Device) -> Iterator[Diagnostic]:
    yield from _room(len(qubits(circuit)), device)
    steps: tuple[Instruction, ...] = (*circuit.body, *basis_change(circuit.measured))
    for step in steps:
        if isinstance(step, Channel):
            yield from _noise(step, device)
        else:
            yield from _gate(step, device)


def _lowered(circuit: PlainCircuit, device: Device) -> Iterator[Diagnostic]:
    """As it comes out in native gates; what keeps it from coming out is said as of the circuit itself."""
    if noisy := [step for step in circuit.body if isinstance(step, Channel)]:
        for step in noisy:
            yield from _noise(step, device)
        return
    try:
        native = lowered(circuit, device)
    except QsanError as error:
        yield from error.diagnostics
    else:
        yield from _native(native, device)


def _room(needed: int, device: Device) -> Iterator[Diagnostic]:
    if needed <= device.qubits:
        return
    larger = [other for other in known() if other.kind == device.kind and other.qubits >= needed]
    best = min(larger, key=lambda other: other.qubits, default=None)
    help = f"use `braket:{best.name}`, which has {best.qubits}" if best else "use fewer wires: none has so many"
    yield _no(f"the circuit needs {needed} qubits, and {device.name} has {device.qubits}", help=help)


def _gate(gate: Gate, device: Device) -> Iterator[Diagnostic]:
    yield from _finite(gate.name, (angle.constant for angle in gate.angles), gate.span)
    if gate.name in device.gates:
        return
    ways = ([step.name for step in way.body] for way in GATES[gate.name].decompositions)
    way = next((names for names in ways if device.gates.issuperset(names)), None)
    ours = _listed(device.gates)
    help = f"write it with {_listed(set(way))}" if way else f"it has {ours}" if ours else ""
    yield _no(f"{device.name} has no gate `{gate.name}`", gate.span, help)


def _noise(channel: Channel, device: Device) -> Iterator[Diagnostic]:
    yield from _finite(channel.kind, channel.strength, channel.span)
    if channel.kind in device.noise:
        return
    if device.noise:
        title, help = f"{device.name} has no noise channel `{channel.kind}`", f"it has {_listed(device.noise)}"
    elif device.kind == "qpu":
        title = f"{device.name} runs no noise channels such as `{channel.kind}`"
        help = "leave the noise out: a processor has its own"
    else:
        title = f"{device.name} runs no noise channels such as `{channel.kind}`"
        help = "use `braket:DM1`, or `braket:dm`, which runs here"
    yield _no(title, channel.span, help)


def _finite(name: str, values: Iterable[float], span: Span | None) -> Iterator[Diagnostic]:
    for value in values:
        if not math.isfinite(value):
            title = f"`{name}` is given {float(value)}, which is no finite number"
            yield _no(title, span, "look for an overflow in the weights or in the data")


def _native(native: NativeCircuit, device: Device) -> Iterator[Diagnostic]:
    names = frozenset(device.qubit_names)
    own = frozenset(name.lower() for name in device.native)
    for gate in native.gates:
        if gate.name.lower() not in own:
            yield _no(f"`{gate.name}` is no native gate of {device.name}", help=f"its native gates are {_listed(own)}")
            continue
        for rule in _RULES:
            if wrong := rule(gate, device, names):
                yield wrong
                break
        yield from _finite(gate.name, gate.angles, None)
    for qubit in native.reads:
        if qubit not in names:
            yield _unknown(qubit, device)


def _shape(gate: NativeGate, device: Device, names: frozenset[int]) -> Diagnostic | None:
    known_shape = NATIVE.get(gate.name.lower(), (len(gate.qubits), len(gate.angles)))
    if known_shape == (len(gate.qubits), len(gate.angles)):
        return None
    wires, angles = known_shape
    title = f"`{gate.name}` acts on {len(gate.qubits)} qubits with {len(gate.angles)} angles"
    return _no(title, help=f"it takes {wires} qubits and {angles} angles")


def _exists(gate: NativeGate, device: Device, names: frozenset[int]) -> Diagnostic | None:
    return next((_unknown(qubit, device) for qubit in gate.qubits if qubit not in names), None)


def _connected(gate: NativeGate, device: Device, names: frozenset[int]) -> Diagnostic | None:
    if len(gate.qubits) != 2:
        return None
    a, b = min(gate.qubits), max(gate.qubits)
    if a == b:
        return _no(f"`{gate.name}` acts twice on qubit {a}", help="it takes two qubits")
    if device.connectivity is None or (a, b) in device.connectivity:
        return None
    near = sorted({y if x == a else x for x, y in device.connectivity if a in (x, y)})
    reached = ", ".join(map(str, near))
    help = f"qubit {a} is connected to {reached}" if near else f"qubit {a} is connected to none"
    return _no(f"qubits {a} and {b} of {device.name} are not connected, and `{gate.name}` acts on both", help=help)


def _quarter(gate: NativeGate, device: Device, names: frozenset[int]) -> Diagnostic | None:
    if gate.name.lower() != QUARTER_TURNS.get(device.provider) or not all(map(math.isfinite, gate.angles)):
        return None
    (angle,) = gate.angles
    if min(abs(abs(angle) - turn) for turn in (math.pi / 2, math.pi)) < _ANGLE:
        return None
    title = f"a native `{gate.name}` of {device.name} turns by pi/2 or pi, and is given {angle!r}"
    return _no(title, help="write it as two of pi/2 with `rz` between")


_RULES: tuple[Callable[[NativeGate, Device, frozenset[int]], Diagnostic | None], ...] = (
    _shape,
    _exists,
    _connected,
    _quarter,
)


def _unknown(qubit: int, device: Device) -> Diagnostic:
    names = sorted(device.qubit_names)
    gaps = sorted(set(range(names[0], names[-1] + 1)) - set(names))
    without = f" without {', '.join(map(str, gaps[:8]))}" if gaps else ""
    return _no(f"{device.name} has no qubit {qubit}", help=f"its qubits are {names[0]} to {names[-1]}{without}")


def _grouped(number: int) -> str:
    """As `qsanc explain` and `qsanc devices` write numbers of shots; what is typed has no spaces."""
    return f"{number:,}".replace(",", " ")


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
