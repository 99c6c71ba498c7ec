"""What strategies draw is legal, reaches everything, shrinks to almost nothing, and is never thrown away."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import qsanc.testing.strategies
from qsanc.ir.circuit import CircuitModule, Expectation, Gate, Observable, Overlap, Pauli, Segment, State
from qsanc.ir.gates import GATES
from qsanc.ir.reader import read_module
from qsanc.ir.text import print_module
from qsanc.ir.verify import verify
from qsanc.testing.strategies import (
    angles,
    bindings,
    bound_circuits,
    circuits,
    models,
    observables,
    qsan_source,
    sentences,
    states,
)
from qsanc.testing.strategies.circuits import CHANNELS

T = TypeVar("T")


def smallest(strategy: st.SearchStrategy[T], condition: Callable[[T], bool]) -> T:
    return find(strategy, condition, settings=settings(max_examples=1000, database=None), random=random.Random(0))


def many(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    drawn: list[T] = []

    @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=())
    @given(strategy)
    def collect(value: T) -> None:
        drawn.append(value)

    collect()
    return drawn


@given(angles(min_value=-1, max_value=2))
def test_angles_lie_in_their_range(angle: float) -> None:
    assert -1 <= angle <= 2


@given(angles(shape=(2, 0, 3)), angles(shape=(2, 3)), angles(shape=()))
def test_arrays_of_angles_have_the_shape_asked_for(none: np.ndarray, some: np.ndarray, one: np.ndarray) -> None:
    assert (none.shape, some.shape, one.shape) == ((2, 0, 3), (2, 3), ())
    assert some.dtype == np.float64


@given(angles(min_value=0.1, max_value=0.2))
def test_a_range_without_a_multiple_of_an_eighth_turn_has_angles_too(angle: float) -> None:
    assert 0.1 <= angle <= 0.2


def test_the_ends_of_a_range_bound_its_multiples_too() -> None:
    """Multiples of pi/4 that division counts in and multiplication puts outside."""
    eighth = math.pi / 4
    ends = [end for k in range(1, 400) for end in (math.nextafter(k * eighth, 0),)]
    ends = [end for end in ends if math.floor(end / eighth) * eighth > end]
    assert ends
    for end in ends[:3]:
        assert max(many(angles(min_value=end - 1, max_value=end), 40)) <= end
        assert min(many(angles(min_value=-end, max_value=1 - end), 40)) >= -end


def test_a_wide_range_has_few_multiples_and_those_near_zero() -> None:
    drawn = many(angles(min_value=-1e9, max_value=1e9), 200)
    assert any(abs(angle) > 1e6 for angle in drawn)
    assert smallest(angles(min_value=-1e9, max_value=1e9), lambda angle: True) == 0
    assert smallest(angles(min_value=1e6, max_value=1e9), lambda angle: True) < 1e6 + 1


@given(st.data(), st.sampled_from([(), CHANNELS]))
def test_modules_are_legal_and_read_back(data: st.DataObject, noise: tuple[str, ...]) -> None:
    module = data.draw(circuits(channels=noise))
    verify(module)
    assert read_module(print_module(module)) == module


@given(bound_circuits(min_wires=2, max_wires=3, gates=("cx", "ry")))
def test_bound_circuits_are_legal_and_unitary(circuit) -> None:
    verify(circuit.module())
    assert {gate.name for gate in circuit.body} <= {"cx", "ry"}
    unitary = circuit.unitary()
    np.testing.assert_allclose(unitary @ unitary.conj().T, np.eye(2**circuit.wires), atol=1e-12)


@given(observables(wires=3, letters="XZ"))
def test_observables_are_sums_of_distinct_products(observable: Observable) -> None:
    verify(CircuitModule("m", 3, (), (), (Segment("s", None, ()),), (Expectation(0, observable),)))
    assert {letter for _, pauli in observable.terms for _, letter in pauli.factors} <= {"X", "Z"}


@given(st.data())
def test_bindings_have_a_number_for_every_slot(data: st.DataObject) -> None:
    module = data.draw(circuits())
    bound = data.draw(bindings(module, min_rows=2, max_rows=3))
    assert bound.shared.shape == (len(module.shared),)
    assert bound.items.shape == (bound.rows, len(module.items))
    assert 2 <= bound.rows <= 3


@given(st.integers(1, 6).flatmap(lambda wires: states(wires=wires).map(lambda state: (wires, state))))
def test_states_are_normalised(drawn) -> None:
    wires, state = drawn
    assert (state.shape, state.dtype) == ((2**wires,), np.complex128)
    assert np.linalg.norm(state) == pytest.approx(1, abs=1e-12)


@given(sentences(vocab=3, max_length=4), sentences(vocab=["a", "b"], min_length=0))
def test_sentences_hold_words_of_the_vocabulary(numbers: list[int], text: str) -> None:
    assert 1 <= len(numbers) <= 4
    assert all(0 <= number < 3 for number in numbers)
    assert set(text.split()) <= {"a", "b"}


def test_every_gate_is_drawn_and_every_other_angle_is_a_multiple_of_an_eighth_turn() -> None:
    gates = Counter[str]()
    turns = []
    for circuit in many(bound_circuits(min_wires=3), 250):
        gates.update(gate.name for gate in circuit.body)
        turns += [angle.constant for gate in circuit.body for angle in gate.angles]
    assert set(gates) == set(GATES)
    assert min(gates.values()) > sum(gates.values()) / len(GATES) / 8
    special = sum(math.isclose(t / (math.pi / 4), round(t / (math.pi / 4)), abs_tol=1e-9) for t in turns) / len(turns)
    assert 0.4 < special < 0.9


def test_every_channel_result_and_kind_of_slot_is_drawn() -> None:
    modules = many(circuits(channels=CHANNELS), 300)
    steps = [step for module in modules for segment in module.segments for step in segment.body]
    assert {step.kind for step in steps if not isinstance(step, Gate)} == set(CHANNELS)
    kinds = {type(result) for module in [*modules, *many(circuits(), 150)] for result in module.results}
    assert len(kinds) == 5
    assert any(module.shared and module.items for module in modules)
    assert {segment.parent for module in modules for segment in module.segments} == {None, 0, 1}


def test_states_of_every_kind_are_drawn() -> None:
    drawn = many(states(wires=3), 200)
    supports = Counter(int(np.count_nonzero(state)) for state in drawn)
    assert supports[1] > 5
    assert supports[8] > 10
    assert sum(supports[k] for k in (2, 3, 4)) > 3


def test_a_circuit_with_a_cx_shrinks_to_that_cx() -> None:
    circuit = smallest(bound_circuits(), lambda circuit: any(gate.name == "cx" for gate in circuit.body))
    assert (circuit.wires, circuit.body) == (2, (Gate("cx", (0, 1)),))


def test_angles_shrink_to_multiples_of_an_eighth_turn() -> None:
    assert smallest(angles(), lambda angle: angle > 1) == math.pi / 2
    assert smallest(angles(), lambda angle: angle < 0) == -math.pi / 4
    assert np.count_nonzero(smallest(angles(shape=(3, 3)), lambda array: bool(array.any()))) == 1


def test_a_module_shrinks_to_what_is_asked_of_it() -> None:
    plain = smallest(circuits(), lambda module: True)
    assert (plain.wires, plain.slots, len(plain.segments), len(plain.results)) == (1, (), 1, 1)
    assert plain.segments[0].body == ()
    read = smallest(circuits(), lambda module: any(isinstance(result, Overlap) for result in module.results))
    assert len(read.results) == 1
    assert sum(len(segment.body) for segment in read.segments) == 0
    slot = smallest(circuits(), lambda m: any(not m.angle_at(site).is_constant for site in m.sites()))
    assert len(list(slot.sites())) <= 2
    assert len(slot.slots) == 1


def test_other_values_shrink_to_the_simplest_ones() -> None:
    assert smallest(observables(wires=4), lambda o: len(o.terms) == 1).terms == ((1.0, Pauli()),)
    assert smallest(observables(wires=4), lambda o: o.wires != ()).wires == (0,)
    assert smallest(sentences(vocab=9, max_length=8), lambda words: 5 in words) == [5]
    np.testing.assert_array_equal(smallest(states(wires=2), lambda state: True), [1, 0, 0, 0])
    assert np.count_nonzero(smallest(states(wires=3), lambda state: np.count_nonzero(state) > 1)) == 2


def test_no_strategy_of_the_package_filters_or_assumes() -> None:
    folder = Path(qsanc.testing.strategies.__file__).parent
    for file in sorted(folder.glob("*.py")):
        text = file.read_text(encoding="utf-8")
        for word in (".filter(", "assume(", "reject(", "unique=", "unique_by=", "st.sets(", "st.recursive("):
            assert word not in text, f"{file.name} holds {word}"


STRATEGIES = {
    "angles": angles(shape=(3, 4)),
    "observables": observables(wires=6, max_terms=8),
    "circuits": circuits(channels=CHANNELS, max_gates=20),
    "bound_circuits": bound_circuits(max_wires=6, max_gates=20),
    "bindings": circuits().flatmap(bindings),
    "states": states(wires=5),
    "sentences": sentences(vocab=50, max_length=20),
    "models": models(),
    "qsan_source": qsan_source(),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_health_check_objects(name: str) -> None:
    assert len(many(STRATEGIES[name], 40)) >= 40


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: angles(min_value=1, max_value=0), r"no angle lies in 1\.\.=0"),
        (lambda: angles(max_value=math.inf), "no angle lies in"),
        (lambda: angles(shape=(2, -1)), "negative"),
        (lambda: observables(wires=0), "0 wires"),
        (lambda: observables(wires=1, letters="XA"), "'A' is none of X, Y, Z"),
        (lambda: circuits(gates=("cnot",)), "there is no gate 'cnot'"),
        (lambda: circuits(results=("counts",)), "there is no result 'counts'"),
        (lambda: circuits(channels=("noise",)), "there is no channel 'noise'"),
        (lambda: circuits(channels=CHANNELS, results=("state",)), "no state vector"),
        (lambda: circuits(channels=("two_qubit_depolarizing",)), "fits on 1 wires"),
        (lambda: circuits(max_results=0), "a segment and a result at least"),
        (lambda: bound_circuits(gates=("ccx",), max_wires=2), "ccx fits on 1 wires"),
        (lambda: bound_circuits(min_wires=3, max_wires=2), "3 to 2 wires"),
        (lambda: bindings(CircuitModule("m", 1, (), (), (), ()), min_rows=3), "3 to 2 rows"),
        (lambda: states(wires=0), "not of 0"),
        (lambda: sentences(vocab=0), "empty"),
        (lambda: sentences(vocab=2, min_length=3, max_length=2), "3 to 2 words"),
        (lambda: models(labels=("text",)), "there is no label 'text'"),
        (lambda: models(kinds=()), "no kind of model is left"),
        (lambda: qsan_source(items=("gate",)), "there is no item 'gate'"),
    ],
)
def test_wrong_calls_are_told_when_the_strategy_is_made(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_module_reads_its_state_only_without_noise() -> None:
    noisy = many(circuits(channels=CHANNELS), 40)
    assert not any(isinstance(result, State) for module in noisy for result in module.results)
