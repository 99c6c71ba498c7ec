"""Circuits in a device's own gates: what they measure, what they are made of, and what routing adds to them.

The oracle runs the circuit before, on its wires; native gates are written down here once more, from Braket's pages, and
run on the qubits that they name.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import dense

from qsanc.diagnostics import QsanError
from qsanc.ir.circuit import Angle, Channel, Gate, Pauli
from qsanc.target.expand import PlainCircuit
from qsanc.target.sampling import basis_change
from qsanc.testing.strategies import bound_circuits
from qsanc_braket.devices.fidelity import expected_fidelity
from qsanc_braket.devices.model import Device, Fidelity, Price
from qsanc_braket.native import NativeCircuit, lowered
from qsanc_braket.routing import Pair, Route, graph_of, route

Edges = frozenset[tuple[int, int]]

IQM, RIGETTI = frozenset({"prx", "cz", "barrier"}), frozenset({"rx", "rz", "cz"})
FORTE, ARIA = frozenset({"gpi", "gpi2", "zz"}), frozenset({"gpi", "gpi2", "ms"})
DIALECTS = {"iqm": IQM, "rigetti": RIGETTI, "forte": FORTE, "aria": ARIA}


def line(n: int) -> Edges:
    return frozenset(pairwise(range(n)))


def ring(n: int) -> Edges:
    return line(n) | {(0, n - 1)}


def grid(rows: int, columns: int) -> Edges:
    """Numbered from 1, as IQM does."""
    across = {(1 + r * columns + c, 2 + r * columns + c) for r in range(rows) for c in range(columns - 1)}
    down = {(1 + r * columns + c, 1 + (r + 1) * columns + c) for r in range(rows - 1) for c in range(columns)}
    return frozenset(across | down)


def device(
    native: frozenset[str], edges: Edges | None, *, names: tuple[int, ...] = (), seed: int | None = None
) -> Device:
    """A device of our own; with a seed, one whose qubits and couplers are not all equally good."""
    names = names or tuple(sorted({qubit for edge in edges or () for qubit in edge}))
    fidelity = None
    if seed is not None:
        rng = np.random.default_rng(seed)
        fidelity = Fidelity(
            {name: float(rng.uniform(0.99, 1)) for name in names},
            {edge: float(rng.uniform(0.9, 1)) for edge in sorted(edges or ())},
            {name: float(rng.uniform(0.9, 1)) for name in names},
        )
    return Device(
        name="Bench", arn="arn:bench", provider="Bench", kind="qpu", status="online", qubits=len(names),
        qubit_names=names, gates=frozenset(), native=native, connectivity=edges, shots=(1, 1000), exact=False,
        results=frozenset(), noise=frozenset(), program_sets=None, concurrent=None,
        price=Price(0.0, 0.0, 0.0, 0.0, "2026-01-01", "nowhere"), fidelity=fidelity, as_of="2026-01-01",
    )  # fmt: skip


BENCH = {
    "line": line(6),
    "ring": ring(7),
    "grid": grid(2, 4),
    "all": None,
}


def prx(theta: float, phi: float) -> np.ndarray:
    c, s = math.cos(theta / 2), -1j * math.sin(theta / 2)
    return np.array([[c, s * np.exp(-1j * phi)], [s * np.exp(1j * phi), c]])


def along(phi: float) -> np.ndarray:
    return math.cos(phi) * dense.X + math.sin(phi) * dense.Y


NATIVE = {
    "prx": prx,
    "rx": lambda theta: dense.turn(dense.X, theta),
    "rz": lambda theta: dense.turn(dense.Z, theta),
    "gpi": along,
    "gpi2": lambda phi: dense.turn(along(phi), math.pi / 2),
    "cz": lambda: np.diag([1, 1, 1, -1]),
    "zz": lambda theta: dense.turn(np.kron(dense.Z, dense.Z), theta),
    "ms": lambda one, other, theta: dense.turn(np.kron(along(one), along(other)), theta),
}


def measured(native: NativeCircuit) -> np.ndarray:
    """The probabilities of what is read, float64[outcome]."""
    place = {qubit: k for k, qubit in enumerate(native.qubits)}
    n = len(place)
    state = np.zeros((2,) * n, complex)
    state[(0,) * n] = 1
    for gate in native.gates:
        wires = [place[qubit] for qubit in gate.qubits]
        k = len(wires)
        matrix = NATIVE[gate.name](*gate.angles).reshape((2,) * (2 * k))
        state = np.moveaxis(np.tensordot(matrix, state, (range(k, 2 * k), wires)), range(k), wires)
    reads = [place[qubit] for qubit in native.reads]
    rest = [k for k in range(n) if k not in reads]
    chances = (abs(state) ** 2).transpose(*reads, *rest).reshape(2 ** len(reads), -1)
    return chances.sum(axis=1)


def expected(circuit: PlainCircuit) -> np.ndarray:
    """The same from the oracle."""
    state = np.eye(1 << circuit.wires)[0].astype(complex)
    for step in (*circuit.body, *basis_change(circuit.measured)):
        assert isinstance(step, Gate)
        matrix = dense.GATES[step.name](*dense.angles(step, np.zeros(0)))
        state = dense.embed(matrix, step.wires, circuit.wires) @ state
    return np.diag(dense.reduced(np.outer(state, state.conj()), circuit.measured.wires, circuit.wires)).real


@st.composite
def plain_circuits(draw: st.DrawFn, max_wires: int = 5, max_gates: int = 14) -> PlainCircuit:
    bound = draw(bound_circuits(max_wires=max_wires, max_gates=max_gates))
    letters = draw(st.lists(st.sampled_from("ZXYI"), min_size=bound.wires, max_size=bound.wires))
    letters = letters if any(letter != "I" for letter in letters) else ["Z", *letters[1:]]
    basis = Pauli(tuple((wire, letter) for wire, letter in enumerate(letters) if letter != "I"))
    return PlainCircuit(bound.wires, bound.body, basis)


def test_native_gates_are_those_of_the_sdk() -> None:
    """The table above against the matrices of Braket's own classes, phase included."""
    translations = pytest.importorskip("braket.circuits.translations", reason="the Braket SDK is not installed")
    angles = (0.3, -1.1, 2.0)
    for name, ours in NATIVE.items():
        count = {"prx": 2, "ms": 3, "cz": 0}.get(name, 1)
        theirs = translations.BRAKET_GATES[name](*angles[:count]).to_matrix()
        np.testing.assert_allclose(ours(*angles[:count]), theirs, atol=1e-12)


def assert_legal(native: NativeCircuit, on: Device) -> None:
    """Only native gates, only couplers, each gate with the angles that the hardware takes."""
    for gate in native.gates:
        assert gate.name in on.native
        assert set(gate.qubits) <= set(on.qubit_names)
        assert all(-math.pi < angle <= math.pi for angle in gate.angles)
        if len(gate.qubits) == 2:
            assert on.connectivity is None or tuple(sorted(gate.qubits)) in on.connectivity
        if gate.name == "rx":
            assert gate.angles[0] in (math.pi / 2, math.pi)
        if gate.name in ("zz", "ms"):
            assert 0 < gate.angles[-1] <= math.pi / 2
    assert len(set(native.reads)) == len(native.reads)
    assert set(native.qubits) == {qubit for gate in native.gates for qubit in gate.qubits} | set(native.reads)


@pytest.mark.parametrize("shape", BENCH)
@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=40)
@given(circuit=plain_circuits(), seed=st.none() | st.integers(0, 3))
def test_a_native_circuit_measures_what_the_circuit_does(
    dialect: str, shape: str, circuit: PlainCircuit, seed: int | None
) -> None:
    names = tuple(range(6)) if BENCH[shape] is None else ()
    on = device(DIALECTS[dialect], BENCH[shape], names=names, seed=seed)
    native = lowered(circuit, on)
    assert_legal(native, on)
    np.testing.assert_allclose(measured(native), expected(circuit), atol=1e-9)


def gates(*lines: str) -> tuple[Gate, ...]:
    """`rx 0.3 @ 1` is rx(0.3) on wire 1."""
    found = []
    for text in lines:
        head, _, tail = text.partition("@")
        name, *angles = head.split()
        found.append(Gate(name, tuple(map(int, tail.split())), tuple(Angle(float(angle)) for angle in angles)))
    return tuple(found)


def written(native: NativeCircuit) -> list[str]:
    return [
        f"{gate.name} {' '.join(f'{angle:.4g}' for angle in gate.angles)} @ {' '.join(map(str, gate.qubits))}"
        for gate in native.gates
    ]


def in_z(*wires: int) -> Pauli:
    return Pauli(tuple((wire, "Z") for wire in wires))


def names_of(native: NativeCircuit) -> Counter[str]:
    return Counter(gate.name for gate in native.gates)


BELL = PlainCircuit(2, gates("h @ 0", "cx @ 0 1"), in_z(0, 1))


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("iqm", ["prx 1.571 0 @ 0", "prx 1.571 0 @ 1", "cz  @ 0 1", "prx 1.571 3.142 @ 1"]),
        ("rigetti", ["rx 1.571 @ 0", "rx 1.571 @ 1", "cz  @ 0 1", "rz 3.142 @ 1", "rx 1.571 @ 1"]),
        ("forte", ["gpi2 0 @ 0", "gpi2 0 @ 1", "zz 1.571 @ 0 1", "gpi2 -1.571 @ 1"]),
    ],
)
def test_a_bell_pair_in_each_dialect(dialect: str, text: list[str]) -> None:
    """One coupling, one pulse before it on each qubit, one after it on the target: nobody does it with fewer."""
    native = lowered(BELL, device(DIALECTS[dialect], None, names=(0, 1)))
    np.testing.assert_allclose(measured(native), [0.5, 0, 0, 0.5], atol=1e-12)
    assert written(native) == text


@pytest.mark.parametrize(
    ("body", "couplings"),
    [
        (["cz @ 0 1"], {"cz": 1, "zz": 1}),
        (["rzz 0.3 @ 0 1"], {"cz": 2, "zz": 1}),
        (["crx 0.3 @ 0 1"], {"cz": 2, "zz": 1}),
        (["rzz 1.5707963267948966 @ 0 1"], {"cz": 1, "zz": 1}),
        (["rzz 3.141592653589793 @ 0 1"], {"cz": 0, "zz": 0}),
        (["cz @ 0 1", "rz 0.2 @ 0", "cz @ 0 1"], {"cz": 0, "zz": 0}),
        (["rzz 0.2 @ 0 1", "t @ 1", "rzz 0.1 @ 1 0"], {"cz": 2, "zz": 1}),
        (["iswap @ 0 1"], {"cz": 2, "zz": 2}),
        (["swap @ 0 1"], {"cz": 0, "zz": 0}),
        (["ccx @ 0 1 2"], {"cz": 6, "zz": 6}),
    ],
)
def test_how_many_couplings_a_gate_costs(body: list[str], couplings: dict[str, int]) -> None:
    circuit = PlainCircuit(
        3, gates("ry 0.4 @ 0", "ry 0.9 @ 1", "ry 1.1 @ 2", *body, "h @ 0", "h @ 1", "h @ 2"), in_z(0, 1, 2)
    )
    for dialect, name in ((IQM, "cz"), (FORTE, "zz")):
        native = lowered(circuit, device(dialect, None, names=(0, 1, 2)))
        np.testing.assert_allclose(measured(native), expected(circuit), atol=1e-9)
        assert names_of(native)[name] == couplings[name]


def test_a_turn_costs_one_prx_or_two_pulses_and_a_turn_about_z_nothing() -> None:
    turns = ["u3 0.3 1.1 -0.4 @ 0", "rz 0.7 @ 0", "rx 0.2 @ 0", "t @ 0"]
    circuit = PlainCircuit(2, gates(*turns, "cz @ 0 1", *turns, "cz @ 0 1", *turns, "rz 0.3 @ 1"), in_z(0))
    assert names_of(lowered(circuit, device(IQM, line(2))))["prx"] <= 3
    assert names_of(lowered(circuit, device(FORTE, line(2))))["gpi2"] <= 6
    idle = PlainCircuit(1, gates("rz 0.3 @ 0", "t @ 0"), in_z(0))
    assert lowered(idle, device(RIGETTI, line(2))).gates == ()


def test_what_no_readout_sees_is_left_out() -> None:
    body = gates("ry 0.3 @ 0", "cz @ 0 1", "ry 0.2 @ 1", "cx @ 1 2", "cz @ 0 1")
    native = lowered(PlainCircuit(4, body, in_z(0)), device(IQM, line(4)))
    assert written(native) == ["prx 0.3 0 @ 0"]
    assert native.qubits == (0,)


def test_a_ring_fits_a_grid_without_a_swap_and_takes_the_best_square() -> None:
    body = tuple(Gate("ry", (w,), (Angle(0.1 + w),)) for w in range(4)) + tuple(
        Gate("cx", (w, (w + 1) % 4)) for w in range(4)
    )
    circuit = PlainCircuit(4, body, in_z(0, 1, 2, 3))
    on = device(IQM, grid(4, 5), seed=1)
    native = lowered(circuit, on)
    assert names_of(native)["cz"] == 4
    assert on.fidelity is not None
    squares = [(q, q + 1, q + 5, q + 6) for q in on.qubit_names if {(q, q + 1), (q, q + 5)} <= grid(4, 5)]

    def chance(square: tuple[int, ...]) -> float:
        a, b, c, d = square
        couplers = [(a, b), (a, c), (b, d), (c, d)]
        good = math.prod(on.fidelity.two_qubit[coupler] for coupler in couplers)
        return good * math.prod(on.fidelity.readout[q] * on.fidelity.one_qubit[q] ** 3 for q in square)

    assert native.qubits == max((s for s in squares if s[3] in on.qubit_names), key=chance)


def swaps(on: Device, wires: int, pairs: list[tuple[int, int]]) -> int:
    found = route(graph_of(on), tuple(range(wires)), frozenset(range(wires)), tuple(Pair(a, b) for a, b in pairs))
    return found.swaps


def test_routing_adds_few_swaps() -> None:
    """A triangle on a line needs one. A ring of six on a line can be folded, so that none is further than two away:
    four swaps at most. All pairs of n wires on a line are the n(n-1)/2 swaps of a sorting network at most."""
    assert swaps(device(IQM, line(3)), 3, [(0, 1), (1, 2), (0, 2)]) == 1
    assert swaps(device(IQM, line(6)), 6, [(w, (w + 1) % 6) for w in range(6)]) <= 4
    every = [(a, b) for a in range(6) for b in range(a + 1, 6)]
    assert swaps(device(IQM, line(6)), 6, every) <= 15
    assert swaps(device(IQM, ring(8)), 8, [(w, (w + 1) % 8) for w in range(8)] * 3) == 0
    assert swaps(device(IQM, grid(4, 5), seed=2), 20, [(w, w + 1) for w in range(19)]) <= 4


def assert_brings_together(found: Route, pairs: list[tuple[int, int]], edges: Edges) -> None:
    """Every pair is done once, on a coupler, in the order of its wires; swaps take the wires where the route ends."""
    at = dict(found.placement)
    done = []
    for move in found.moves:
        p, q = move.qubits
        assert (min(p, q), max(p, q)) in edges
        if move.pair is not None:
            a, b = pairs[move.pair]
            assert {at[a], at[b]} == {p, q}
            done.append(move.pair)
        if move.swap:
            at = {wire: {p: q, q: p}.get(qubit, qubit) for wire, qubit in at.items()}
    assert at == dict(found.ends)
    assert sorted(done) == list(range(len(pairs)))
    for wire in at:
        of_wire = [k for k in done if wire in pairs[k]]
        assert of_wire == sorted(of_wire)


@pytest.mark.parametrize(("wires", "count"), [(5, 30), (12, 60), (20, 100), (48, 150)])
def test_large_circuits_are_routed_with_a_few_swaps_a_pair(wires: int, count: int) -> None:
    """Random pairs on 7 by 7 qubits: two qubits are less than five apart on the mean, and each swap nears two wires."""
    edges = grid(7, 7)
    rng = np.random.default_rng(wires)
    pairs = [(int(a), int(b)) for a, b in (rng.permutation(wires)[:2] for _ in range(count))]
    every = tuple(range(wires))
    found = route(
        graph_of(device(IQM, edges, seed=wires)), every, frozenset(every), tuple(Pair(a, b) for a, b in pairs)
    )
    assert_brings_together(found, pairs, edges)
    assert found.swaps <= 5 * count


def test_a_swap_beside_a_pair_on_the_same_coupler_costs_one_cz_more() -> None:
    """cz and swap together are an iswap but for turns about Z: two cz, not four. On a line of three, then, a triangle
    of cz takes four."""
    body = gates(
        "ry 0.3 @ 0", "ry 0.4 @ 1", "ry 0.5 @ 2", "cz @ 0 1", "ry 0.1 @ 0", "cz @ 1 2", "ry 0.2 @ 1", "cz @ 0 2"
    )
    circuit = PlainCircuit(3, (*body, *gates("h @ 0", "h @ 1", "h @ 2")), in_z(0, 1, 2))
    native = lowered(circuit, device(IQM, line(3)))
    assert names_of(native)["cz"] == 4
    np.testing.assert_allclose(measured(native), expected(circuit), atol=1e-9)


def test_a_wire_that_moves_to_an_idle_qubit_costs_two_couplings() -> None:
    """A qubit in zero takes over a state by two cx, and the one that is left is in zero again."""
    on, every = device(IQM, grid(3, 3), seed=3), tuple(range(6))
    moved = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pairs = [(int(a), int(b)) for a, b in (rng.permutation(6)[:2] for _ in range(9))]
        turns = [gates(f"u3 0.{1 + k} 0.4 0.9 @ {a}", f"ry 0.{1 + k} @ {b}") for k, (a, b) in enumerate(pairs)]
        body = [gate for turn, pair in zip(turns, pairs, strict=True) for gate in (*turn, Gate("cz", pair))]
        circuit = PlainCircuit(6, (*body, *gates(*(f"ry 0.8 @ {wire}" for wire in every))), in_z(*every))
        native = lowered(circuit, on)
        np.testing.assert_allclose(measured(native), expected(circuit), atol=1e-9)

        busy: set[int] = set()
        couplings = 0
        for move in route(graph_of(on), every, frozenset(every), tuple(Pair(a, b) for a, b in pairs)).moves:
            used = busy.intersection(move.qubits)
            couplings += (0, 2, 3)[len(used)] if move.pair is None else 1 + move.swap
            moved += move.pair is None and len(used) == 1
            if move.pair is not None:
                busy |= set(move.qubits)
            elif len(used) == 1:
                busy ^= set(move.qubits)
        assert names_of(native)["cz"] == couplings
    assert moved > 5


def test_the_best_qubit_is_taken_where_every_one_would_do() -> None:
    on = device(IQM, grid(3, 3), seed=5)
    assert on.fidelity is not None
    found = lowered(PlainCircuit(1, gates("rx 0.3 @ 0"), in_z(0)), on)
    assert on.fidelity.readout[found.qubits[0]] >= sorted(on.fidelity.readout.values())[-2]


def test_fidelities_are_worth_looking_at() -> None:
    """Placed by them, circuits are expected to do better than where all qubits are held to be alike."""
    on = device(IQM, grid(4, 5), seed=7)
    blind = replace(on, fidelity=None)
    rng = np.random.default_rng(1)
    gains = []
    for _ in range(20):
        pairs = [tuple(map(int, rng.permutation(6)[:2])) for _ in range(6)]
        body = [gate for a, b in pairs for gate in (*gates(f"ry 0.3 @ {a}", f"ry 0.7 @ {b}"), Gate("cz", (a, b)))]
        circuit = PlainCircuit(6, (*body, *gates(*(f"h @ {wire}" for wire in range(6)))), in_z(*range(6)))
        seen, unseen = (expected_fidelity(lowered(circuit, which), on) for which in (on, blind))
        assert seen is not None
        assert unseen is not None
        gains.append(seen.value / unseen.value)
    assert min(gains) > 0.9
    assert np.mean(gains) > 1.2


def test_another_process_writes_the_same_circuit() -> None:
    """Sets of names fall in another order in each process; nothing may depend on it."""
    script = (
        "import test_native as t; from qsanc_braket.native import lowered\n"
        "body = [t.Gate('crx', (a, b), (t.Angle(0.1 * a + b),)) for a in range(6) for b in range(6) if a != b]\n"
        "circuit = t.PlainCircuit(6, tuple(body), t.in_z(*range(6)))\n"
        "print(lowered(circuit, t.device(t.RIGETTI, t.grid(2, 4), seed=3)))"
    )
    paths = [path for path in sys.path if path]
    said = [
        subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{script}"],
            env={"PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": "1"}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert said[0] == said[1]
    assert said[0].startswith("NativeCircuit(")


def title(circuit: PlainCircuit, on: Device) -> str:
    with pytest.raises(QsanError) as caught:
        lowered(circuit, on)
    (found,) = caught.value.diagnostics
    assert found.code == "QS801"
    return found.title


def test_what_is_refused() -> None:
    assert "3 wires do not fit on 2 connected qubits" in title(
        PlainCircuit(3, gates("h @ 0", "h @ 1", "h @ 2"), in_z(0, 1, 2)), device(IQM, line(2))
    )
    apart = replace(device(IQM, line(2)), qubit_names=(0, 1, 5), qubits=3)
    assert "do not fit" in title(PlainCircuit(3, gates("h @ 0"), in_z(0, 1, 2)), apart)
    assert "has no native gates" in title(BELL, device(frozenset(), None, names=(0, 1)))
    assert "native gates of Bench: rx, xx" in title(BELL, device(frozenset({"rx", "xx"}), None, names=(0, 1)))
    noisy = PlainCircuit(1, (Channel("bit_flip", (0,), (0.1,)),), in_z(0))
    assert "noise channel such as `bit_flip`" in title(noisy, device(IQM, line(2)))
    endless = PlainCircuit(1, (Gate("rx", (0,), (Angle(math.nan),)),), in_z(0))
    assert "not a finite number" in title(endless, device(IQM, line(2)))


def test_wires_without_a_use_take_no_qubit() -> None:
    circuit = PlainCircuit(40, gates("h @ 7", "cx @ 7 31"), in_z(7, 31))
    native = lowered(circuit, device(RIGETTI, line(3)))
    assert len(native.qubits) == 2
    assert [wire for wire, _ in native.placement] == [7, 31]
