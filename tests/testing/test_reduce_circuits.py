"""Failing circuits and pairs are made minimal, and written as programs that fail again."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from block_runs import fails as fails_when_run
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import dense

from qsanc.check.imports import load_text
from qsanc.elaborate.alone import compile_alone
from qsanc.elaborate.report import Report
from qsanc.elaborate.sizes import Sizes
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, Gate
from qsanc.ir.gates import GATES
from qsanc.source import Source
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import print_file
from qsanc.testing.reduce import reduce_circuit, reduce_pair, written_pair
from qsanc.testing.reduce.circuits import _meetings

AMPLE = 30.0
"""Seconds; no test waits for them, and no result depends on the speed of the machine."""


def unitary(circuit: Bound) -> np.ndarray:
    return dense.unitary(circuit.body, circuit.wires, np.empty(0))


def differ(a: Bound, b: Bound) -> bool:
    """Whether two circuits are different beyond a phase, by the oracle."""
    overlap = np.trace(unitary(a).conj().T @ unitary(b)) / 2**a.wires
    return bool(abs(overlap) < 1 - 1e-9)


def prepare_different(a: Bound, b: Bound) -> bool:
    """Whether the states they prepare from |0...0> differ beyond a phase."""
    return bool(abs(np.vdot(unitary(a)[:, 0], unitary(b)[:, 0])) < 1 - 1e-9)


def gate(name: str, *wires: int, angles: tuple[float, ...] = ()) -> Gate:
    return Gate(name, wires, tuple(Angle(float(angle)) for angle in angles))


def random_circuit(generator: np.random.Generator, wires: int, count: int) -> Bound:
    return Bound(wires, tuple(random_gate(generator, wires) for _ in range(count)))


def random_gate(generator: np.random.Generator, wires: int) -> Gate:
    row = generator.choice([row for row in GATES.values() if row.wires <= wires])
    on = tuple(int(wire) for wire in generator.permutation(wires)[: row.wires])
    return Gate(row.name, on, tuple(Angle(float(a)) for a in generator.uniform(-3, 3, len(row.angles))))


def one_gate_changed(generator: np.random.Generator, wires: int, count: int) -> tuple[Bound, Bound]:
    """A circuit beside itself with one gate replaced, so that they differ."""
    while True:
        circuit = random_circuit(generator, wires, count)
        body = list(circuit.body)
        body[generator.integers(count)] = random_gate(generator, wires)
        changed = replace(circuit, body=tuple(body))
        if differ(circuit, changed):
            return circuit, changed


@st.composite
def gates(draw: st.DrawFn, wires: int) -> Gate:
    row = draw(st.sampled_from(list(GATES.values())))
    on = draw(st.permutations(range(wires)))[: row.wires]
    radians = st.sampled_from([0.0, math.pi / 2, -math.pi / 4]) | st.floats(-7, 7)
    return gate(row.name, *on, angles=tuple(draw(radians) for _ in row.angles))


@st.composite
def circuits(draw: st.DrawFn, *, wires: int = 3, max_gates: int = 8) -> Bound:
    return Bound(wires, tuple(draw(st.lists(gates(wires), max_size=max_gates))))


@pytest.mark.parametrize("seed", range(6))
def test_of_a_changed_gate_the_change_remains(seed: int) -> None:
    a, b = reduce_pair(*one_gate_changed(np.random.default_rng(seed), 4, 40), differ, seconds=AMPLE)
    assert len(a.body) + len(b.body) <= 2
    assert differ(a, b)
    assert fails_when_run(written_pair(a, b, title="changed", seed=seed, tol=1e-9, strict=False))


@pytest.mark.parametrize("seed", range(4))
def test_states_need_what_makes_the_change_visible_and_no_more(seed: int) -> None:
    generator = np.random.default_rng(seed)
    pair = one_gate_changed(generator, 3, 40)
    while not prepare_different(*pair):
        pair = one_gate_changed(generator, 3, 40)
    a, b = reduce_pair(*pair, prepare_different, seconds=AMPLE)
    assert prepare_different(a, b)
    assert max(len(a.body), len(b.body)) <= 4


@settings(max_examples=40)
@given(circuits(), circuits())
def test_a_reduced_pair_fails_and_is_not_larger(a: Bound, b: Bound) -> None:
    if not differ(a, b):
        with pytest.raises(ValueError, match="does not fail"):
            reduce_pair(a, b, differ, seconds=AMPLE)
        return
    first, second = reduce_pair(a, b, differ, seconds=AMPLE)
    assert differ(first, second)
    assert len(first.body) <= len(a.body)
    assert len(second.body) <= len(b.body)
    assert first.wires == second.wires <= 3
    assert (first, second) == reduce_pair(a, b, differ, seconds=AMPLE)


def decomposed(circuit: Bound, *, faulty: str) -> Bound:
    """Every gate by its first rule of the table; the rule of `faulty` with its last gate missing."""
    body: list[Gate] = []
    for step in circuit.body:
        ways = GATES[step.name].decompositions
        expanded = ways[0].expand(step) if ways else (step,)
        body.extend(expanded[:-1] if step.name == faulty else expanded)
    return replace(circuit, body=tuple(body))


def test_a_pair_of_a_circuit_and_its_translation_shrinks_to_the_wrong_rule() -> None:
    """The two share hardly a gate; beginnings and ends that come to the same go, whatever they are made of."""
    around = [gate("h", 0), gate("swap", 1, 2), gate("rx", 1, angles=(0.3,)), gate("iswap", 0, 2)]
    circuit = Bound(3, (*around, gate("ch", 0, 1), *around))
    a, b = reduce_pair(circuit, decomposed(circuit, faulty="ch"), differ, seconds=AMPLE)
    assert a == Bound(2, (gate("ch", 0, 1),))
    assert b == decomposed(a, faulty="ch")


def test_a_pair_never_loses_a_gate_of_one_side_alone() -> None:
    """Else every pair that differs would end as one gate beside none."""
    a = Bound(2, (gate("h", 0), gate("cx", 0, 1)))
    b = Bound(2, (gate("rx", 1, angles=(0.4,)), gate("cz", 0, 1), gate("ry", 0, angles=(1.1,))))
    first, second = reduce_pair(a, b, differ, seconds=AMPLE)
    assert [g.name for g in first.body] == ["h", "cx"]
    assert [g.name for g in second.body] == ["rx", "cz", "ry"]


def test_windows_of_one_side_that_do_nothing_go() -> None:
    idle = (gate("s", 0), gate("h", 1), gate("si", 0), gate("h", 1))
    a, b = Bound(2, (gate("t", 0), *idle, gate("v", 0))), Bound(2, (gate("s", 0), gate("h", 0)))
    first, second = reduce_pair(a, b, differ, seconds=AMPLE)
    assert first == Bound(1, (gate("t", 0), gate("v", 0)))
    assert second == Bound(1, (gate("s", 0), gate("h", 0)))


def test_a_common_gate_becomes_simpler_on_both_sides() -> None:
    """What each side has alone stays the same in all that is tried."""
    tried: list[tuple[Bound, Bound]] = []

    def fails(a: Bound, b: Bound) -> bool:
        tried.append((a, b))
        return min(len(a.body), len(b.body)) >= 2 and differ(a, b)

    a, b = (Bound(3, (gate("ccx", 0, 1, 2), gate(name, 0))) for name in ("s", "t"))
    assert reduce_pair(a, b, fails, seconds=AMPLE) == tuple(
        Bound(1, (gate("x", 0), gate(name, 0))) for name in ("s", "t")
    )
    for one, other in tried:
        left, right = (Counter(g.name for g in side.body) for side in (one, other))
        assert (left - right, right - left) == (Counter("s"), Counter("t"))


def test_a_beginning_of_one_side_may_come_to_the_same_as_none_of_the_other() -> None:
    twice = (gate("h", 0), gate("h", 0))
    assert _meetings(1, (gate("t", 0),), twice) == [(0, 2)]
    assert _meetings(1, twice, (gate("t", 0),)) == [(2, 0)]
    assert _meetings(1, (gate("t", 0),), (gate("s", 0),)) == []
    a, b = Bound(1, (gate("t", 0),)), Bound(1, (*twice, gate("s", 0)))
    assert reduce_pair(a, b, differ, seconds=AMPLE) == (a, Bound(1, (gate("s", 0),)))


def test_no_gate_takes_the_place_of_a_simpler_one() -> None:
    one = Bound(1, (gate("x", 0),))
    assert reduce_circuit(one, lambda c: len(c.body) == 1, seconds=AMPLE) == one


def test_angles_of_both_sides_are_rounded_together() -> None:
    a, b = Bound(1, (gate("rx", 0, angles=(1.2345,)),)), Bound(1, (gate("rz", 0, angles=(1.2345,)),))
    first, second = reduce_pair(a, b, differ, seconds=AMPLE)
    assert first.body[0].angles == second.body[0].angles == (Angle(math.pi / 2),)


def test_half_angles_follow() -> None:
    a = Bound(2, (gate("crx", 0, 1, angles=(0.81,)),))
    b = Bound(2, (gate("rx", 1, angles=(0.405,)), gate("cz", 0, 1), gate("rx", 1, angles=(0.405,))))
    first, second = reduce_pair(a, b, differ, seconds=AMPLE)
    (theta,) = first.body[0].angles
    assert theta.constant != 0.81
    assert [g.angles for g in second.body] == [(theta.scaled(0.5),), (), (theta.scaled(0.5),)]


def test_a_circuit_shrinks_to_the_gate_its_failure_needs() -> None:
    """A failure of one circuit: somewhere an entangling gate meets wire 4."""
    circuit = random_circuit(np.random.default_rng(1), 6, 40)

    def touches(c: Bound) -> bool:
        return any(len(g.wires) == 3 for g in c.body)

    small = reduce_circuit(circuit, touches, seconds=AMPLE)
    assert small.wires == 3
    assert [g.name for g in small.body] == ["ccx"] or [g.name for g in small.body] == ["cswap"]


def test_two_gates_that_fail_only_together_go_together() -> None:
    """An even number of x and at least one h: the x go by twos."""
    circuit = Bound(2, tuple(gate(name, k % 2) for k, name in enumerate("xhxxhxzx" + "t" * 5)))

    def fails(c: Bound) -> bool:
        names = [g.name for g in c.body]
        return "h" in names and names.count("x") % 2 == 1

    assert [g.name for g in reduce_circuit(circuit, fails, seconds=AMPLE).body] in (["h", "x"], ["x", "h"])


def test_angles_of_a_circuit_become_round() -> None:
    circuit = Bound(1, (gate("u3", 0, angles=(2.3456, 0.1234, -0.9876)),))
    small = reduce_circuit(
        circuit, lambda c: any(g.name == "u3" and g.angles[0].constant > 2.1 for g in c.body), seconds=AMPLE
    )
    assert small.body == (gate("u3", 0, angles=(3 * math.pi / 4, 0, 0)),)


def test_without_time_what_fails_comes_back() -> None:
    a, b = one_gate_changed(np.random.default_rng(3), 3, 10)
    assert reduce_pair(a, b, differ, seconds=0) == (a, b)


def test_what_cannot_be_reduced_is_said() -> None:
    with pytest.raises(ValueError, match="does not fail"):
        reduce_circuit(Bound(1), lambda c: False)
    with pytest.raises(ValueError, match="on 1 and on 2 wires"):
        reduce_pair(Bound(1), Bound(2), lambda a, b: True)


# ---- written --------------------------------------------------------------------------------------------------------


def read_back(text: str, name: str, wires: int) -> Bound:
    """The circuit that an ansatz of a program is, elaborated by the compiler."""
    definition = load_text(Source("kept.qsan", text), None).lookup(name)
    assert definition is not None
    program = compile_alone(Report(), definition, Sizes({}, {}))
    assert program is not None
    circuit = Bound.of(program.modules[0], 0, np.empty(0))
    assert circuit.wires == wires
    return circuit


@settings(max_examples=60)
@given(circuits(max_gates=12), circuits(max_gates=3))
def test_what_is_written_reads_back_to_the_same_gates(a: Bound, b: Bound) -> None:
    text = written_pair(a, b, title="any", seed=1, tol=1e-9, strict=True)
    assert (read_back(text, "left", 3), read_back(text, "right", 3)) == (a, b)
    assert fails_when_run(text) == bool(np.abs(unitary(a) - unitary(b)).max() > 1e-9)


def test_whole_numbers_are_angles() -> None:
    one, two = (Bound(1, (Gate("rx", (0,), (Angle(angle),)),)) for angle in (1, -2))
    assert reduce_pair(one, two, differ, seconds=AMPLE) == (one, two)
    text = written_pair(one, two, title="t", seed=0, tol=0, strict=False)
    assert "rx(1) q[0];" in text
    assert "rx(-2) q[0];" in text


def test_every_gate_of_the_table_is_written() -> None:
    everything = Bound(3, tuple(random_like(row.name) for row in GATES.values()))
    text = written_pair(everything, Bound(3), title="all", seed=0, tol=0.5, strict=False)
    assert read_back(text, "left", 3) == everything
    assert read_back(text, "right", 3) == Bound(3)


def random_like(name: str) -> Gate:
    row = GATES[name]
    angles = tuple(math.pi / 3 * k - 1e-7 for k in range(len(row.angles)))
    return gate(name, *range(row.wires), angles=angles)


def test_a_written_pair_is_a_page_for_people() -> None:
    a, b = (
        Bound(2, (gate("h", 0), gate("cx", 0, 1))),
        Bound(2, (gate("h", 0), gate("rx", 1, angles=(-3 * math.pi / 4,)))),
    )
    text = written_pair(a, b, title="left and right\ndiffer", seed=7, tol=1e-9, strict=True)
    assert (
        text
        == """\
// left and right
// differ
//
// seed: 7
//
// left: 2 wires
// 0: ─h─●─
//       │
// 1: ───x─
//
// right: 2 wires
// 0: ──────h──────
// 1: ─rx(-3*pi/4)─
qsan 1.0

ansatz left on q: qubit[2] {
  h q[0];
  cx q[0], q[1];
}

ansatz right on q: qubit[2] {
  h q[0];
  rx(-3 * pi / 4) q[1];
}

test reproduces {
  assert left() ~= right() tol 1e-09 strict;
}
"""
    )
    assert print_file(parse(Source("kept.qsan", text))) == text


@pytest.mark.parametrize("title", ["*/ const a = 1;", "a\rb\x0bc\x00\u2028const a = 1;\n\nconst b = 2;", "/ doc", ""])
def test_a_title_stays_a_comment(title: str) -> None:
    text = written_pair(Bound(1), Bound(1), title=title, seed=0, tol=0, strict=False)
    module = load_text(Source("kept.qsan", text), None)
    assert [item.name for item in module.file.items] == ["left", "right", "reproduces"]
    assert not fails_when_run(text)


def test_what_the_language_cannot_write_is_refused() -> None:
    endless = Bound(1, (gate("rx", 0, angles=(math.inf,)),))
    with pytest.raises(ValueError, match="not finite"):
        written_pair(endless, Bound(1), title="", seed=0, tol=0, strict=False)
    with pytest.raises(ValueError, match="tolerance"):
        written_pair(Bound(1), Bound(1), title="", seed=0, tol=math.nan, strict=False)
    with pytest.raises(ValueError, match="wires"):
        written_pair(Bound(1), Bound(2), title="", seed=0, tol=0, strict=False)
