"""What every pass and pipeline promises, on random circuits: the results stay the same, by the oracle's count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import dense

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import Angle, Channel, CircuitModule, Expectation, Gate, Observable, Pauli, Segment, State
from qsanc.ir.gates import GATES
from qsanc.ir.inverse import inverse
from qsanc.ir.text import print_module, read_module
from qsanc.passes.commute import Commute, commutes
from qsanc.passes.decompose import decompose
from qsanc.passes.lightcone import Place, dead_slots, lightcone, outside
from qsanc.passes.pipeline import (
    CANCEL,
    COMMUTE,
    FOLD,
    KNOWN,
    LIGHTCONE,
    MERGE,
    O0,
    O1,
    O2,
    Pass,
    Pipeline,
    run,
    towards,
)
from qsanc.testing.strategies import bindings, circuits
from qsanc.testing.strategies.circuits import CHANNELS

GATE_SETS = {
    "superconducting": {"rx", "rz", "cz"},
    "sqrt_x": {"rz", "v", "x", "cx"},
    "u3": {"u3", "cx"},
    "ions": {"rx", "ry", "rxx"},
    "zz": {"rx", "ry", "rz", "rzz"},
    "portable": {"x", "y", "z", "h", "s", "si", "t", "ti", "rx", "ry", "rz", "cx", "swap"},
    "crz": {"h", "rz", "crz"},
}
PIPELINES: dict[str, Pipeline] = {
    **{step.name: (step,) for step in (FOLD, CANCEL, MERGE, COMMUTE, KNOWN, LIGHTCONE)},
    "O1": O1,
    "O2": O2,
    "O2 portable": (*O2, towards(frozenset(GATE_SETS["portable"]))),
}
FEW = ("h", "x", "s", "si", "rx", "rz", "cx", "cz", "rzz", "crz", "swap")


def agree(module: CircuitModule, before: tuple[np.ndarray, ...], after: tuple[np.ndarray, ...], phases: bool) -> bool:
    """Whether results are equal; states up to a phase if `phases`."""
    return all(
        np.allclose(np.abs(np.sum(one.conj() * other, axis=-1)), 1, rtol=0, atol=1e-9)
        if phases and isinstance(result, State)
        else np.allclose(one, other, rtol=0, atol=1e-9)
        for result, one, other in zip(module.results, before, after, strict=True)
    )


@pytest.mark.parametrize("name", PIPELINES)
@given(st.data(), st.booleans())
@settings(max_examples=60)
def test_results_and_slots_stay_the_same(name: str, data: st.DataObject, noisy: bool):
    names = data.draw(st.sampled_from([FEW, tuple(GATES)]))
    module = data.draw(circuits(max_wires=3, max_gates=14, gates=names, channels=CHANNELS if noisy else ()))
    after = run(module, PIPELINES[name], verify=True)
    assert (after.slots, after.results) == (module.slots, module.results)
    bound = data.draw(bindings(module))
    pairs = np.array([(a, b) for a in range(bound.rows) for b in range(bound.rows)])
    values = (dense.results(m, bound, pairs) for m in (module, after))
    assert agree(module, *values, phases=name.startswith("O2 "))


@pytest.mark.parametrize("name", [name for name in PIPELINES if "portable" not in name])
@given(circuits(max_wires=3, gates=FEW))
@settings(max_examples=30)
def test_passes_repeat_themselves_and_never_add_gates(name: str, module: CircuitModule):
    once = run(module, PIPELINES[name])
    assert once == run(module, PIPELINES[name])
    assert sum(len(s.body) for s in once.segments) <= sum(len(s.body) for s in module.segments)


@given(circuits())
def test_o0_changes_nothing(module: CircuitModule):
    assert run(module, O0) == module


@pytest.mark.parametrize("name", GATE_SETS)
@given(st.data())
@settings(max_examples=25)
def test_every_gate_is_written_with_any_universal_set(name: str, data: st.DataObject):
    module = data.draw(circuits(max_wires=3, max_gates=5, channels=CHANNELS))
    after = decompose(module, frozenset(GATE_SETS[name]))
    used = {step.name for s in after.segments for step in s.body if isinstance(step, Gate)}
    assert used <= GATE_SETS[name]
    bound = data.draw(bindings(module, max_rows=1))
    assert agree(module, dense.results(module, bound), dense.results(after, bound), phases=True)


def test_what_cannot_be_written_is_named():
    module = read_module("circuit @m wires 2\n  segment s\n    h 0\n    iswap 0, 1\n")
    with pytest.raises(ValueError, match="iswap cannot be written with h, rz"):
        decompose(module, frozenset({"h", "rz"}))


@given(st.data())
def test_the_inverse_undoes_a_circuit(data: st.DataObject):
    module = data.draw(circuits(max_wires=3, max_segments=1))
    bound = data.draw(bindings(module, max_rows=1))
    slots = np.concatenate([bound.shared, bound.items[0]])
    body = module.segments[0].body
    whole = dense.unitary((*body, *inverse(body)), module.wires, slots)
    assert np.allclose(whole, np.eye(2**module.wires), rtol=0, atol=1e-10)


def test_a_channel_has_no_inverse():
    with pytest.raises(ValueError, match=r"the channel bit_flip on wires \(1,\) has no inverse"):
        inverse((Gate("h", (0,)), Channel("bit_flip", (1,), (0.1,))))


@given(circuits(max_wires=3, max_segments=1, gates=FEW), st.data())
def test_a_circuit_and_its_inverse_cancel_to_nothing(module: CircuitModule, data: st.DataObject):
    body = module.segments[0].body
    both = replace(module, segments=(Segment("both", None, (*body, *inverse(body))),))
    assert run(both, (CANCEL,)).segments[0].body == ()


@given(st.data())
def test_gates_commute_just_where_their_matrices_do(data: st.DataObject):
    names = st.sampled_from(sorted(GATES))
    one, other = GATES[data.draw(names)], GATES[data.draw(names)]
    wires = st.permutations(range(4))
    gates = []
    for k, gate in enumerate((one, other)):
        slots = range(3 * k, 3 * k + len(gate.angles))
        gates.append(Gate(gate.name, tuple(data.draw(wires)[: gate.wires]), tuple(Angle.slot(s) for s in slots)))
    slots = np.array([0.3, 1.1, -2.0, 0.9, -0.4, 2.2])
    forwards, backwards = dense.unitary(tuple(gates), 4, slots), dense.unitary(tuple(reversed(gates)), 4, slots)
    assert commutes(*gates) == np.allclose(forwards, backwards, rtol=0, atol=1e-9)


def test_the_window_bounds_how_far_back_a_gate_looks():
    far = "".join("    t 0\n    rzz(s0) 0, 1\n    phaseshift(s0) 0\n    cz 0, 1\n" for _ in range(3))
    module = read_module(f"circuit @m wires 2\n  shared a\n  segment s\n    rz(s0) 0\n{far}    rz(s0) 0\n")
    assert "rz(2*s0) 0" in print_module(Commute()(module))
    assert "rz(2*s0) 0" not in print_module(Commute(window=2)(module))


@given(st.data())
@settings(max_examples=60)
def test_results_do_not_depend_on_dead_slots(data: st.DataObject):
    module = data.draw(circuits(max_wires=3, max_gates=8))
    dead = dead_slots(module)
    bound = data.draw(bindings(module, max_rows=1))
    moved = np.concatenate([bound.shared, bound.items[0]])
    moved[list(dead)] += 1.0
    shared = len(module.shared)
    other = replace(bound, shared=moved[:shared], items=moved[None, shared:])
    assert agree(module, dense.results(module, bound), dense.results(module, other), phases=False)


def template(wires: int, depth: int, slot: int) -> tuple[Gate, ...]:
    """The template of Li, Zhao and Wang (2022), with its angles from `slot` on."""
    body = []
    for column, name in enumerate(["rx", "ry", *["ry"] * depth]):
        if column >= 2:
            body += [Gate("cx", (q, (q + 1) % wires)) for q in range(wires)]
        body += [Gate(name, (q,), (Angle.slot(slot + column * wires + q),)) for q in range(wires)]
    return tuple(body)


@pytest.mark.parametrize("wires", [2, 4, 6])
def test_query_and_key_of_qsann_have_n_minus_1_dead_angles_each(wires: int):
    angles = 3 * wires
    z0 = Observable(((1.0, Pauli(((0, "Z"),))),))
    module = CircuitModule(
        "qsann",
        wires,
        tuple(f"{name}[{k}]" for name in ("tq", "tk") for k in range(angles)),
        tuple(f"x[{k}]" for k in range(angles)),
        (
            Segment("encode", None, (*(Gate("h", (q,)) for q in range(wires)), *template(wires, 1, 2 * angles))),
            Segment("query", 0, template(wires, 1, 0)),
            Segment("key", 0, template(wires, 1, angles)),
        ),
        (Expectation(1, z0), Expectation(2, z0)),
    )
    query = tuple(range(angles - wires + 1, angles))
    assert dead_slots(module) == (*query, *(angles + slot for slot in query))
    assert outside(module)[0] == Place(1, len(module.segments[1].body) - wires + 1)


def broken(module: CircuitModule) -> CircuitModule:
    first = module.segments[0]
    return replace(module, segments=(replace(first, body=first.body[1:]), *module.segments[1:]))


@pytest.mark.parametrize("keeps", ["unitaries", "results"])
def test_verification_names_the_pass_that_broke_a_circuit(keeps: str):
    module = read_module(
        "circuit @m wires 2\n  shared a\n  segment s\n    ry(s0) 0\n    cx 0, 1\n"
        "  r0 = overlap s, s: 1\n  r1 = state s\n"
    )
    wrong = Pass("slip", broken, keeps=keeps)
    assert run(module, (FOLD, wrong)) == broken(module)
    with pytest.raises(CompilerBug, match=r"pass slip changed circuit m: .* differs"):
        run(module, (FOLD, wrong), verify=True)
    illegal = Pass("slip", lambda m: replace(m, wires=1))
    with pytest.raises(CompilerBug, match="after pass slip: circuit m, segment 0"):
        run(module, (illegal,))
    with pytest.raises(CompilerBug, match="wires, slots or results differ"):
        run(module, (Pass("slip", lambda m: replace(m, results=())),), verify=True)


@pytest.mark.parametrize("pipeline", [O1, O2, (towards(frozenset({"rx", "rz", "cz"})),)])
def test_work_grows_with_the_number_of_gates(pipeline: Pipeline):
    """Counted, not timed: how often a pass reads an instruction's wires."""

    class Counting(tuple[int, ...]):
        count = 0

        def __iter__(self):  # type: ignore[no-untyped-def]
            Counting.count += 1
            return super().__iter__()

    def work(repeats: int) -> int:
        body = tuple(
            Gate(step.name, Counting(step.wires), step.angles) for layer in range(repeats) for step in template(6, 1, 0)
        )
        names = tuple(f"t{k}" for k in range(18))
        module = CircuitModule("long", 6, names, (), (Segment("s", None, body),), (State(0),))
        Counting.count = 0
        run(module, pipeline)
        return Counting.count

    work(1)
    assert work(80) < 4.5 * work(20)


def test_the_light_cone_of_a_lightcone_is_itself():
    module = read_module("circuit @m wires 2\n  segment s\n    h 0\n    h 1\n  r0 = probabilities s: 0\n")
    assert lightcone(lightcone(module)) == lightcone(module)
    assert outside(lightcone(module)) == ()
