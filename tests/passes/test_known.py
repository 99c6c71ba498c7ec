"""What is said of a gate on known states is what the oracle's matrices do to them, for the whole gate table."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle import dense

from qsanc.ir.circuit import Angle, CircuitModule, Gate, Segment, State
from qsanc.ir.gates import GATES
from qsanc.ir.text import print_module, read_module
from qsanc.passes.findings import findings
from qsanc.passes.known import States, Vector, acts_as_a_phase, known, part_of, states_after, turn_between
from qsanc.passes.lightcone import dead_slots
from qsanc.passes.pipeline import KNOWN, O2, Pass, run
from qsanc.testing.strategies import bindings, circuits

R = 0.5**0.5
STATES: tuple[Vector, ...] = (
    (1, 0), (0, 1), (R, R), (R, -R), (R, R * 1j), (R, -R * 1j), (0.6, 0.8j)
)  # fmt: skip
ROWS = np.random.default_rng(3).uniform(-3, 3, (4, 3))
ONE_WIRE_ROTATIONS = [name for name, gate in GATES.items() if gate.wires == 1 and gate.generator is not None]


def columns(states: States) -> np.ndarray:
    """The states in their places and every basis state of the wires without one, as columns."""
    whole = np.ones((1, 1), complex)
    for state in states:
        whole = np.kron(whole, np.eye(2) if state is None else np.array(state).reshape(2, 1))
    return whole


def same(one: np.ndarray, other: np.ndarray, *, exactly: bool) -> bool:
    """Whether two matrices are equal, up to a phase unless `exactly`."""
    overlap = np.vdot(one, other)
    phase = 1 if exactly or abs(overlap) < 1e-6 else overlap / abs(overlap)
    return bool(np.allclose(one * phase, other, rtol=0, atol=1e-10))


def cases(name: str) -> list[States]:
    """States for the wires of a gate, with one known at least: all pairs of states, and on three wires Pauli states."""
    wires = GATES[name].wires
    known_or_not = (None, *(STATES if wires < 3 else STATES[:4]))
    return [states for states in product(known_or_not, repeat=wires) if any(states)]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", GATES)
def test_a_gate_acts_as_a_phase_just_where_its_matrix_does(name: str, strict: bool) -> None:
    angles = len(GATES[name].angles)
    matrices = [dense.GATES[name](*row[:angles]) for row in ROWS]
    for states in cases(name):
        start = columns(states)
        wanted = all(same(start, matrix @ start, exactly=strict) for matrix in matrices)
        assert acts_as_a_phase(name, (None,) * angles, states, strict) == wanted, states


@pytest.mark.parametrize("name", [name for name, gate in GATES.items() if gate.angles])
def test_constant_angles_are_looked_at(name: str) -> None:
    angles = len(GATES[name].angles)
    for row in (*ROWS, np.zeros(3), np.full(3, 2 * np.pi)):
        matrix = dense.GATES[name](*row[:angles])
        for states in cases(name):
            wanted = same(columns(states), matrix @ columns(states), exactly=False)
            assert acts_as_a_phase(name, tuple(map(float, row[:angles])), states, False) == wanted, states


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", [name for name, gate in GATES.items() if gate.wires > 1])
def test_a_part_does_what_the_gate_does(name: str, strict: bool) -> None:
    gate = GATES[name]
    for states in cases(name):
        part = part_of(name, states, strict)
        if part is None:
            continue
        assert len(part.places) < gate.wires
        assert all(states[place] for place in range(gate.wires) if place not in part.places)
        for row in ROWS:
            small = dense.GATES[part.name](*(row[: len(gate.angles)] * part.factor))
            start = columns(states)
            ours = dense.embed(small, part.places, gate.wires) @ start
            theirs = dense.GATES[name](*row[: len(gate.angles)]) @ start
            assert same(ours, theirs, exactly=strict), (states, part)


@pytest.mark.parametrize("name", [name for name, gate in GATES.items() if gate.controls])
def test_a_control_in_one_is_left_out(name: str) -> None:
    gate = GATES[name]
    states = ((0, 1),) * gate.controls + (None,) * (gate.wires - gate.controls)
    part = part_of(name, states, True)
    assert part is not None
    assert (part.name, part.places, part.factor) == (gate.base, tuple(range(gate.controls, gate.wires)), 1.0)


@pytest.mark.parametrize("name", GATES)
def test_states_after_a_gate_are_those_of_its_columns(name: str) -> None:
    """A wire that is said to have a state has it in every column, at every angle."""
    angles = len(GATES[name].angles)
    for free, states in product({True, angles == 0}, cases(name)):
        given_angles = (None,) * angles if free else tuple(map(float, ROWS[0, :angles]))
        found = states_after(name, given_angles, states)
        for row in ROWS if free else ROWS[:1]:
            image = (dense.GATES[name](*row[:angles]) @ columns(states)).reshape((2,) * len(states) + (-1,))
            for place, state in enumerate(found):
                split = np.moveaxis(image, place, 0).reshape(2, -1)
                if state is not None:
                    assert np.allclose(np.outer(state, np.conj(state)) @ split, split, rtol=0, atol=1e-10)
                elif not free:
                    assert np.linalg.svd(split, compute_uv=False)[1] > 1e-6


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", ONE_WIRE_ROTATIONS)
@given(before=st.sampled_from(STATES), angle=st.floats(-3, 3), phase=st.floats(0, 6))
def test_a_turn_is_found_where_there_is_one(
    name: str, strict: bool, before: Vector, angle: float, phase: float
) -> None:
    assume(not (strict and acts_as_a_phase(name, (None,), (before,), False)))
    reached = dense.GATES[name](angle) @ np.array(before)
    after = reached if strict else np.exp(1j * phase) * reached
    turn = turn_between(name, before, (complex(after[0]), complex(after[1])), strict)
    assert turn is not None
    assert same(dense.GATES[name](turn) @ np.array(before), after, exactly=strict)


@pytest.mark.parametrize("name", ONE_WIRE_ROTATIONS)
def test_no_turn_is_made_up(name: str) -> None:
    angles = np.linspace(-np.pi, np.pi, 9)
    for before, after in product(STATES[:6], repeat=2):
        reached = [dense.GATES[name](angle) @ np.array(before) for angle in angles]
        wanted = any(same(end, np.array(after), exactly=False) for end in reached)
        assert (turn_between(name, before, after, False) is not None) == wanted


@given(circuits(max_wires=3, max_segments=1, max_gates=12))
@settings(max_examples=60)
def test_a_state_keeps_its_phase(module: CircuitModule) -> None:
    asked = CircuitModule(module.name, module.wires, module.shared, module.items, module.segments, (State(0),))
    slots = np.random.default_rng(4).uniform(-3, 3, len(module.slots))
    before, after = (dense.unitary(m.segments[0].body, m.wires, slots)[:, 0] for m in (asked, known(asked)))
    assert np.allclose(before, after, rtol=0, atol=1e-10)


@given(st.data())
@settings(max_examples=60)
def test_results_do_not_depend_on_slots_that_vanish(data: st.DataObject) -> None:
    """And these are the slots that the warnings name."""
    module = data.draw(circuits(max_wires=3, max_gates=10))
    vanished = dead_slots(known(module))
    bound = data.draw(bindings(module, max_rows=1))
    moved = np.concatenate([bound.shared, bound.items[0]])
    moved[list(vanished)] += 1.0
    shared = len(module.shared)
    other = replace(bound, shared=moved[:shared], items=moved[None, shared:])
    for one, two in zip(dense.results(module, bound), dense.results(module, other), strict=True):
        assert np.allclose(one, two, rtol=0, atol=1e-9)
    told = " ".join(note.text for warning in findings(module) for note in warning.notes)
    used = {slot for site in module.sites() for slot, _ in module.angle_at(site).terms}
    if len(vanished) <= 8:
        assert all(module.slots[slot] in told for slot in vanished if slot in used)


def test_a_warning_tells_what_has_no_effect() -> None:
    module = read_module(
        "circuit @m wires 2\n  shared a\n  items b, c\n  segment first\n    h 0\n    rx(s1) 0\n    rz(s0) 0\n"
        "  segment last after first\n    crz(s0 - s2) 1, 0\n    ry(s2) 1\n  r0 = expectation last: X0 Z1\n"
    )
    (warning,) = findings(module)
    assert (warning.code, warning.title) == (
        "QS308",
        "1 gate in `first` of `m` changes no result, as all qubits start in zero",
    )
    assert [note.text for note in warning.notes] == ["without effect on any result: b"]


def test_a_register_of_basis_states_needs_no_gate_on_two_wires() -> None:
    names = [name for name, gate in GATES.items() if gate.permutation]
    rng = np.random.default_rng(5)
    body = tuple(
        Gate(name, tuple(int(wire) for wire in rng.permutation(4)[: GATES[name].wires]))
        for name in rng.choice(names, 60)
    )
    module = CircuitModule("bits", 4, (), (), (Segment("s", None, body),), (State(0),))
    after = run(module, (KNOWN,), verify=True).segments[0].body
    assert {step.name for step in after if isinstance(step, Gate)} <= {"x", "swap"}


def test_the_optimised_encoder_has_one_gate_a_wire() -> None:
    module = read_module(
        "circuit @encoder wires 1\n  items a, b\n  segment s\n    h 0\n    rx(s0) 0\n    ry(s1) 0\n    z 0\n    z 0\n"
        "  r0 = expectation s: Z0\n"
    )
    assert "segment s\n    ry(s1 + pi/2) 0\n  r0" in print_module(run(module, O2, verify=True))


def test_verification_starts_in_the_zero_state() -> None:
    """As unitaries the two are not the same: the check has to know what this pass keeps."""
    module = read_module(
        "circuit @m wires 1\n  shared a\n  segment s\n    h 0\n    ry(s0) 0\n  r0 = expectation s: Z0\n"
    )
    assert run(module, (KNOWN,), verify=True) != module
    with pytest.raises(Exception, match="the unitary of segment s differs"):
        run(module, (Pass("known", known),), verify=True)
    assert Angle.slot(0).shifted(np.pi / 2) == run(module, (KNOWN,)).segments[0].body[0].angles[0]  # type: ignore[union-attr]
