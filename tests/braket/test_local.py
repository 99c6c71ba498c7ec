"""`braket:sv` and `braket:dm` beside the NumPy backend, the dense oracle and the SDK's own way of running a circuit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import dense
from oracle.asking import chance, expected, requests

from qsanc import registry
from qsanc.diagnostics import QsanError
from qsanc.ir.circuit import (
    Angle,
    Channel,
    CircuitModule,
    Expectation,
    Gate,
    Observable,
    Overlap,
    Pauli,
    Probabilities,
    Segment,
)
from qsanc.ir.gates import GATES
from qsanc.passes.decompose import decompose
from qsanc.target import Bindings, Context, Floats, Request, Results, Shifts
from qsanc.target.expand import PlainCircuit, expand
from qsanc.testing.strategies import bindings, circuits
from qsanc.testing.strategies.circuits import CHANNELS
from qsanc_braket import local_executable, local_readout, local_simulator, text
from qsanc_braket.local import NOISE
from qsanc_braket.local_simulator import Simulation

READ = ("expectation", "probabilities", "probability", "overlap")
ALPHA = 1e-9
"""Counts are as far out as these with a probability of at least this."""


def answer(name: str, module: CircuitModule, request: Request, context: Context = Context(seed=5)) -> Results:  # noqa: B008
    backend = registry.load(name)
    assert backend.check(module, shots=request.shots) == ()
    executable = backend.lower(module)
    return executable.collect(executable.submit(request, context))


@pytest.mark.parametrize("name", GATES)
def test_gates_are_those_of_the_table(name: str) -> None:
    angles = [0.3, -1.1, 2.5][: len(GATES[name].angles)]
    made = local_simulator.operation(Gate(name, tuple(range(GATES[name].wires))), angles)
    np.testing.assert_allclose(made.matrix, GATES[name].matrix(angles), atol=1e-15)
    assert made.targets == tuple(range(GATES[name].wires))


PAULI = (dense.ONE, dense.X, dense.Y, dense.Z)
OTHER = {
    "bit_phase_flip": (0.2,),
    "two_qubit_dephasing": (0.3,),
    "generalized_amplitude_damping": (0.4, 0.7),
    "pauli_channel": (0.1, 0.2, 0.3),
}
BY_HAND = {
    "bit_phase_flip": [np.sqrt(0.8) * dense.ONE, np.sqrt(0.2) * dense.Y],
    "two_qubit_dephasing": [
        np.sqrt(p) * np.kron(a, b)
        for p, a, b in [
            (0.7, dense.ONE, dense.ONE),
            *((0.1, a, b) for a, b in [(dense.ONE, dense.Z), (dense.Z, dense.ONE), (dense.Z, dense.Z)]),
        ]
    ],
    "generalized_amplitude_damping": [
        *(np.sqrt(0.7) * k for k in dense.KRAUS["amplitude_damping"](0.4)),
        *(np.sqrt(0.3) * dense.X @ k @ dense.X for k in dense.KRAUS["amplitude_damping"](0.4)),
    ],
    "pauli_channel": [np.sqrt(p) * m for p, m in zip((0.4, 0.1, 0.2, 0.3), PAULI, strict=True)],
}


@pytest.mark.parametrize("kind", sorted(NOISE))
def test_channels_are_those_of_the_language(kind: str) -> None:
    """By their effect on every matrix unit: Kraus operators are not unique."""
    wires = (0, 1) if kind.startswith("two_qubit") else (0,)
    strength = OTHER.get(kind, (0.15,))
    ours = local_simulator.operation(Channel(kind, wires, strength), ()).matrices
    theirs = BY_HAND[kind] if kind in BY_HAND else dense.KRAUS[kind](*strength)
    for unit in np.eye(4 ** len(wires)).reshape(-1, 1 << len(wires), 1 << len(wires)):
        done = [sum(k @ unit @ k.conj().T for k in operators) for operators in (ours, theirs)]
        np.testing.assert_allclose(*done, atol=1e-14)


@settings(max_examples=60)
@given(data=st.data())
def test_all_simulators_give_the_same_values(data: st.DataObject) -> None:
    module = data.draw(circuits(max_gates=8, max_wires=3, results=READ))
    request = data.draw(requests(module, data.draw(bindings(module)), shifted=data.draw(st.booleans())))
    found = [answer(name, module, request) for name in ("numpy", "braket:sv", "braket:dm")]
    for other in found[1:]:
        for one, two in zip(found[0].estimates, other.estimates, strict=True):
            np.testing.assert_allclose(one.value, two.value, atol=1e-9)


@settings(max_examples=60)
@given(data=st.data())
def test_all_simulators_draw_the_same_samples(data: st.DataObject) -> None:
    """Probabilities that differ in the last bit move a draw once in 10^13 or so: equal in all these examples."""
    module = data.draw(circuits(max_gates=8, max_wires=3, results=READ))
    request = data.draw(requests(module, data.draw(bindings(module)), shifted=data.draw(st.booleans())))
    request = replace(request, shots=40, independent=data.draw(st.booleans()))
    found = [answer(name, module, request) for name in ("numpy", "braket:sv", "braket:dm")]
    for other in found[1:]:
        for one, two in zip(found[0].estimates, other.estimates, strict=True):
            np.testing.assert_allclose(one.value, two.value, atol=1e-12)
            np.testing.assert_allclose(one.variance, two.variance, atol=1e-12)
            assert one.shots == two.shots == 40


@settings(max_examples=40)
@given(data=st.data())
def test_noise_is_that_of_the_oracle(data: st.DataObject) -> None:
    module = data.draw(circuits(max_gates=6, max_wires=3, results=READ, channels=CHANNELS))
    request = data.draw(requests(module, data.draw(bindings(module)), shifted=data.draw(st.booleans())))
    exact = expected(module, request)
    for estimate, value in zip(answer("braket:dm", module, request).estimates, exact, strict=True):
        np.testing.assert_allclose(estimate.value, value, atol=1e-9)


def test_counts_of_a_noisy_circuit_lie_within_binomial_bounds() -> None:
    body = (Gate("h", (0,)), Gate("cx", (0, 1)), Channel("bit_flip", (1,), (0.2,)))
    module = CircuitModule("noisy", 2, (), (), (Segment("all", None, body),), (Probabilities(0, (0, 1)),))
    (found,) = answer("braket:dm", module, Request(ONE_ROW, (0,), shots=2000)).estimates
    for frequency, p in zip(found.value[0], (0.4, 0.1, 0.1, 0.4), strict=True):
        assert chance(round(frequency * 2000), 2000, p) > ALPHA


ONE_ROW = Bindings(np.zeros(0), np.zeros((1, 0)))
PAULIS = [Pauli(((0, "X"), (2, "Y"))), Pauli(((1, "Z"),)), Pauli(((0, "Y"), (1, "Y"), (2, "X"))), Pauli()]


@pytest.mark.parametrize("name", ["braket:sv", "braket:dm"])
def test_large_registers_are_read_one_product_at_a_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = tuple(Gate("u3", (k,), (Angle(0.3 + k), Angle(1.0), Angle(-k))) for k in range(3))
    body = (*body, Gate("cx", (0, 2)), Gate("cx", (1, 2)))
    observables = [Observable(((1.5, PAULIS[0]), (-2.0, PAULIS[1]))), Observable(tuple((0.5, p) for p in PAULIS))]
    module = CircuitModule(
        "read", 3, (), (), (Segment("all", None, body),), tuple(Expectation(0, o) for o in observables)
    )
    request = Request(ONE_ROW, (0, 1))
    by_table = [estimate.value for estimate in answer(name, module, request).estimates]
    monkeypatch.setattr(local_readout, "_TABLE", 0)
    np.testing.assert_allclose([e.value for e in answer(name, module, request).estimates], by_table, atol=1e-12)
    np.testing.assert_allclose(by_table, expected(module, request), atol=1e-12)


def ry(slot: int, wire: int) -> Gate:
    return Gate("ry", (wire,), (Angle.slot(slot),))


TREE = CircuitModule(
    "tree",
    2,
    ("t",),
    ("x", "y"),
    (
        Segment("encode", None, (ry(1, 0), ry(2, 1), Gate("cx", (0, 1)))),
        Segment("query", 0, (ry(0, 0), Gate("h", (1,)))),
        Segment("key", 0, (ry(0, 1),)),
    ),
    (
        Expectation(1, Observable(((1.0, Pauli(((0, "Z"),))),))),
        Expectation(2, Observable(((1.0, Pauli(((1, "X"),))),))),
        Overlap(0, 0, (0, 1)),
    ),
)
ROWS = Bindings(np.array([0.4]), np.array([[0.1, 0.2], [0.1, 0.3], [0.1, 0.2]]))


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many operations each evolution applies, as they come."""
    counted: list[int] = []
    evolve = Simulation.evolve

    def watched(self: Simulation, state: np.ndarray, operations: list) -> np.ndarray:
        counted.append(len(operations))
        return evolve(self, state, operations)

    monkeypatch.setattr(Simulation, "evolve", watched)
    return counted


def test_what_circuits_share_runs_once(applied: list[int]) -> None:
    """Two of three rows are different: for each of them the encoder, and behind it both tails."""
    answer("braket:sv", TREE, Request(ROWS, (0, 1)))
    assert sum(applied) == 2 * (3 + 2 + 1)


def test_a_shift_starts_from_the_state_before_it(applied: list[int]) -> None:
    """Sites 1 (second gate of the encoder) and 2 (first gate of the query) of rows 0 and 2, which are equal."""
    row, site = np.array([0, 2, 0, 2]), np.array([1, 1, 2, 2])
    shifts = Shifts(row, site, np.full(4, 0.5), np.zeros(4, np.int64))
    request = Request(ROWS, (0,), shifts=shifts)
    (found,) = answer("braket:sv", TREE, request).estimates
    np.testing.assert_allclose(found.value, expected(TREE, request)[0], atol=1e-12)
    first_shifted, rest_of_encoder, tail_behind = 2, 2, 2
    assert sum(applied) == 1 + first_shifted + tail_behind + rest_of_encoder + 2


def test_equal_shifts_of_one_row_are_one(applied: list[int]) -> None:
    shifts = Shifts(np.array([0, 0]), np.array([2, 2]), np.array([0.5, 0.5]), np.zeros(2, np.int64))
    answer("braket:sv", TREE, Request(ROWS, (0,), shifts=shifts))
    assert sum(applied) == 3 + 2


def test_overlaps_of_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sides of two rows of four amplitudes: 256 bytes."""
    request = Request(ROWS, (2,), np.array([[0, 1], [1, 0]]))
    monkeypatch.setattr(local_executable, "available", lambda: 256)
    answer("braket:sv", TREE, request)
    monkeypatch.setattr(local_executable, "available", lambda: 255)
    with pytest.raises(QsanError) as caught:
        answer("braket:sv", TREE, request)
    assert caught.value.diagnostics[0].code == "QS307"


def test_distributions_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows of one expectation are 24 bytes; with shots, four probabilities a row, three times."""
    exact, sampled = Request(ROWS, (0,)), Request(ROWS, (0,), shots=10)
    monkeypatch.setattr(local_executable, "available", lambda: 24)
    answer("braket:sv", TREE, exact)
    with pytest.raises(QsanError, match="QS307"):
        answer("braket:sv", TREE, sampled)
    monkeypatch.setattr(local_executable, "available", lambda: 3 * 3 * 8 * 4)
    answer("braket:sv", TREE, sampled)


def test_memory_that_runs_out_all_the_same_is_a_diagnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Simulation, state: np.ndarray, operations: list) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(Simulation, "evolve", full)
    with pytest.raises(QsanError, match="QS307"):
        answer("braket:sv", TREE, Request(ROWS, (0,)))


def plainly(circuit: PlainCircuit, device: str) -> Floats:
    """The distribution of a circuit's outcomes as the SDK finds it: from OpenQASM, by `LocalSimulator`."""
    from braket.devices import LocalSimulator
    from braket.ir.openqasm import Program

    with local_simulator.LOCK:
        result = LocalSimulator(device).run(Program(source=text.exact(circuit).text), shots=0).result()
    return np.asarray(result.values[0])


@pytest.mark.filterwarnings("ignore:You are running a noise-free circuit")
@pytest.mark.parametrize("name", ["sv", "dm"])
@settings(max_examples=15)
@given(data=st.data())
def test_the_sdk_gives_the_same_from_our_text(name: str, data: st.DataObject) -> None:
    """Circuits go through our text, the SDK's parser and its simulator; values are put together by the core."""
    drawn = circuits(
        max_gates=6,
        max_wires=3,
        max_segments=2,
        results=("expectation", "probabilities"),
        channels=("bit_flip", "depolarizing", "amplitude_damping") if name == "dm" else (),
    )
    portable = frozenset(gate for gate, row in GATES.items() if row.braket is not None)
    module = decompose(data.draw(drawn), portable)
    request = data.draw(requests(module, data.draw(bindings(module)), shifted=False))
    expansion = expand(module, request)
    outcomes = [plainly(circuit, f"braket_{name}") for circuit in expansion.circuits if circuit.measured.factors]
    places = iter(outcomes)
    every = [next(places) if circuit.measured.factors else np.ones(1) for circuit in expansion.circuits]
    by_sdk = expansion.combine(every, shots=None)
    for one, two in zip(by_sdk.estimates, answer(f"braket:{name}", module, request).estimates, strict=True):
        np.testing.assert_allclose(one.value, two.value, atol=1e-9)
