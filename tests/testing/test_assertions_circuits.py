"""Assertions about circuits: true ones hold and say how they know, and every wrong one fails with what is wrong."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qsanc
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, Gate, Observable, Pauli
from qsanc.ir.gates import GATES
from qsanc.testing import failures
from qsanc.testing.assertions import (
    Evidence,
    assert_distribution,
    assert_equivalent,
    assert_expectation,
    assert_state,
    assert_unitary,
    compare,
)
from qsanc.testing.failed import CheckFailed


def gate(name: str, *wires: int, angle: float | None = None) -> Gate:
    return Gate(name, wires, () if angle is None else (Angle(angle),))


def random_circuit(seed: int, wires: int, gates: int) -> Bound:
    generator = np.random.default_rng(seed)
    rows = [row for row in GATES.values() if row.wires <= wires]
    body = []
    for _ in range(gates):
        row = rows[generator.integers(len(rows))]
        on = tuple(int(k) for k in generator.permutation(wires)[: row.wires])
        body.append(Gate(row.name, on, tuple(Angle(float(a)) for a in generator.uniform(-3, 3, len(row.angles)))))
    return Bound(wires, tuple(body))


GHZ = Bound(3, (gate("h", 0), gate("cx", 0, 1), gate("cx", 1, 2)))


@pytest.mark.parametrize(
    ("wires", "method"),
    [
        (1, "whole unitaries on 1 wire, up to a global phase"),
        (4, "whole unitaries on 4 wires, up to a global phase"),
        (10, "whole unitaries on 10 wires, up to a global phase"),
        (11, "3 random states on 11 wires, up to a global phase"),
        (14, "3 random states on 14 wires, up to a global phase"),
    ],
)
def test_a_circuit_and_then_its_inverse_is_nothing(wires: int, method: str) -> None:
    circuit = random_circuit(wires, wires, 12)
    evidence = assert_equivalent(circuit.then(circuit.inverse()), Bound(wires))
    assert evidence.method == method
    assert evidence.deviation is not None
    assert evidence.deviation < 1e-12
    assert str(evidence).startswith(f"{method}; off by ")


@given(st.integers(0, 10**6))
def test_phases_are_free_unless_strict(seed: int) -> None:
    circuit = random_circuit(seed, 2, 4)
    turned = np.exp(0.5j) * circuit.unitary()
    assert_equivalent(circuit, turned)
    with pytest.raises(CheckFailed, match=r"they differ by a global phase of 0\.5, 0\.1592 pi"):
        assert_equivalent(circuit, turned, strict=True, keep=None)
    assert assert_equivalent(circuit, circuit.unitary(), strict=True).method.endswith("global phase included")


def test_the_failure_says_all_of_it_and_is_kept(tmp_path: Path) -> None:
    right = Bound(3, (*GHZ.body, gate("ry", 1, angle=0.3), gate("h", 2)))
    wrong = Bound(3, (*GHZ.body, gate("ry", 1, angle=-0.3), gate("h", 2)))
    with pytest.raises(CheckFailed) as caught:
        assert_equivalent(right, wrong, keep=tmp_path, seed=5)
    message = str(caught.value)
    assert message.startswith(
        "the circuits are not equivalent (whole unitaries on 3 wires, up to a global phase): entries differ by "
    )
    assert ", tolerance 1e-09\n  on |000> the outputs overlap by " in message
    assert "5 and 5 gates, reduced to 1 and 1:\n" in message
    assert "0: ─ry(" in message
    kept = caught.value.reproduction
    assert kept is not None
    assert message.endswith(f"reproduced by {kept}")
    text = kept.read_text(encoding="utf-8")
    assert "seed: 5" in text
    assert "assert left() ~= right() tol 1e-09;" in text or "assert left() ~= right() tol 1e-9;" in text
    left, other = (qsanc.compile(text, name) for name in ("left", "right"))
    with pytest.raises(CheckFailed):
        assert_equivalent(left, other, keep=None)


def test_nothing_is_kept_where_none_is_wanted() -> None:
    with pytest.raises(CheckFailed) as caught:
        assert_equivalent(GHZ, GHZ.inverse(), keep=None)
    assert caught.value.reproduction is None


def test_of_each_test_the_last_failure_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "root" / failures.FOLDER
    for angle in (0.3, 0.2):
        for name in ("test_a.py::test_one", "test_a.py::test_two"):
            with failures.of_test(name, root), pytest.raises(CheckFailed) as caught:
                assert_equivalent(Bound(1, (gate("ry", 0, angle=angle),)), Bound(1), tol=0.01)
            assert caught.value.reproduction in failures.kept(root, name)
            assert len(failures.kept(root, name)) == 1
            assert f"ry({angle})" in failures.kept(root, name)[0].read_text(encoding="utf-8")
    with failures.of_test("test_a.py::test_one", root), pytest.raises(CheckFailed):
        assert_equivalent(GHZ, GHZ.inverse(), keep="elsewhere")
    assert len(failures.kept(Path("elsewhere"), "test_a.py::test_one")) == 1
    assert len(failures.kept(root)) == 2


def test_what_cannot_be_kept_is_still_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    wrong = r"(?s)not equivalent.*\n  could not be kept in .*"
    with pytest.raises(CheckFailed, match=wrong + "exists|Not a directory") as caught:
        assert_equivalent(GHZ, GHZ.inverse(), keep=str(tmp_path / "file"))
    assert caught.value.reproduction is None
    with pytest.raises(CheckFailed, match=wrong + "null"):
        assert_equivalent(GHZ, GHZ.inverse(), keep="\0")
    monkeypatch.setattr(failures, "LARGEST", 10)
    with pytest.raises(CheckFailed, match=wrong + "8 MiB"):
        assert_equivalent(GHZ, GHZ.inverse(), keep=tmp_path / "out")
    with pytest.raises(TypeError, match="`keep` is a folder or None, not int"):
        assert_equivalent(GHZ, GHZ, keep=5)  # type: ignore[arg-type]


def test_a_failure_with_whole_numbers_for_angles(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=r"─rx\(1\)"):
        assert_equivalent(Bound(1, (Gate("rx", (0,), (Angle(1),)),)), Bound(1), keep=tmp_path)


def test_the_input_that_tells_them_apart() -> None:
    """cz and nothing agree on each basis state, up to a phase that a sum of two shows."""
    with pytest.raises(CheckFailed, match=r"on \(\|00> \+ \|11>\) / sqrt\(2\) the outputs overlap by 0 in"):
        assert_equivalent(Bound(2, (gate("cz", 0, 1),)), Bound(2), keep=None)
    with pytest.raises(CheckFailed, match=r"on \|10> the outputs overlap by 0 in"):
        assert_equivalent(Bound(2, (gate("cx", 0, 1),)), Bound(2), keep=None)


@pytest.mark.parametrize("wires", [11, 13])
def test_one_wrong_phase_among_many_wires_is_found(wires: int) -> None:
    """On a random state even a gate that touches one basis state in eight shows."""
    circuit = random_circuit(1, wires, 6)
    other = Bound(wires, (*circuit.body, gate("ccx", 0, wires - 1, 3)))
    with pytest.raises(CheckFailed, match=r"random state \d of seed 0 the outputs overlap"):
        assert_equivalent(circuit, other, keep=None)
    same = Bound(wires, (*circuit.body, gate("h", 2), gate("h", 2)))
    assert_equivalent(circuit, same)


def test_different_numbers_of_wires() -> None:
    with pytest.raises(CheckFailed, match="one is on 2 wires, the other on 3"):
        assert_equivalent(Bound(2), Bound(3))


def test_matrices_are_compared_but_not_reduced() -> None:
    matrix = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    with pytest.raises(CheckFailed, match="not reduced: not all of it are gates of qsanc"):
        assert_equivalent(Bound(2), matrix)


def test_the_inverse_test_by_shots() -> None:
    circuit = random_circuit(3, 4, 10)
    rewritten = Bound(4, (*circuit.body, gate("z", 0), gate("h", 0), gate("x", 0), gate("h", 0)))
    evidence = assert_equivalent(circuit, rewritten, shots=1000, examples=100)
    assert evidence.method == "inverse test on 4 wires from 8 random product inputs, 1000 shots on numpy"
    assert (evidence.shots, evidence.alpha, evidence.p_value) == (1000, 1e-8, 1.0)
    assert evidence.power == "an infidelity of 0.003 on average over the inputs is found with probability 0.95"


def test_the_inverse_test_finds_and_reduces(tmp_path: Path) -> None:
    circuit = random_circuit(3, 4, 10)
    other = Bound(4, (*circuit.body, gate("rx", 2, angle=0.4)))
    with pytest.raises(CheckFailed, match="shots did not come back to zero, alpha 1e-06") as caught:
        assert_equivalent(circuit, other, shots=1000, keep=tmp_path)
    assert caught.value.reproduction is not None


def test_shots_do_not_see_phases() -> None:
    with pytest.raises(ValueError, match="shots do not see a global phase"):
        assert_equivalent(GHZ, GHZ, shots=100, strict=True)
    with pytest.raises(ValueError, match="is no gate of qsanc"):
        assert_equivalent(Bound(2), np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0], shots=10)


def test_registers_that_are_too_large_to_compare_states_of_take_shots(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compare.STATE_WIRES == 20
    monkeypatch.setattr(compare, "STATE_WIRES", 4)
    circuit = Bound(5, (gate("h", 0), gate("cx", 0, 4)))
    evidence = assert_equivalent(circuit, Bound(5, (gate("h", 0), gate("cx", 0, 4), gate("i", 3))))
    assert evidence.method == "inverse test on 5 wires from 8 random product inputs, 4096 shots on numpy"
    with pytest.raises(CheckFailed, match="not reduced: more than 4 wires"):
        assert_equivalent(circuit, Bound(5, (gate("h", 0), gate("cx", 4, 0))))


@given(st.integers(0, 10**6), st.integers(1, 3))
def test_circuits_are_unitary_and_compare_as_their_matrices(seed: int, wires: int) -> None:
    circuit = random_circuit(seed, wires, 5)
    assert_unitary(circuit)
    assert_unitary(circuit.unitary())
    assert compare.deviation(circuit, Bound(wires, circuit.body[:-1]), strict=True, seed=0) == pytest.approx(
        np.abs(circuit.unitary() - Bound(wires, circuit.body[:-1]).unitary()).max(), abs=1e-12
    )


def test_what_is_not_unitary() -> None:
    with pytest.raises(CheckFailed, match=r"the norm of column 1 is off by 3, tolerance 1e-09"):
        assert_unitary(np.diag([1.0, 2.0]))
    with pytest.raises(CheckFailed, match=r"the inner product of columns 0 and 1 is off by 0\.6"):
        assert_unitary(np.array([[1, 0.6], [0, 0.8]]))
    assert assert_unitary(random_circuit(0, 11, 3)).method == "inner products of 3 random states on 11 wires"


def test_states() -> None:
    wanted = np.zeros(8)
    wanted[[0, 7]] = math.sqrt(0.5)
    assert assert_state(GHZ, wanted).method == "the state of 3 wires, up to a global phase"
    assert_state(GHZ, -1j * wanted)
    assert_state(GHZ, GHZ, strict=True)
    with pytest.raises(CheckFailed, match=r"global phase included.*\n.*the states overlap by 1 in probability"):
        assert_state(GHZ, -1j * wanted, strict=True)
    other = wanted.copy()
    other[7] *= -1
    with pytest.raises(CheckFailed, match=r"\|111> has amplitude .* the states overlap by 0 in"):
        assert_state(GHZ, other)
    with pytest.raises(CheckFailed, match="a state of 3 wires, and 1 are expected"):
        assert_state(GHZ, [1, 0])
    with pytest.raises(ValueError, match=r"2\^n amplitudes of norm 1; these are 2, 2"):
        assert_state(GHZ, [2, 0])


def test_counts_against_a_law() -> None:
    evidence = assert_distribution([480, 520], [0.5, 0.5])
    assert isinstance(evidence, Evidence)
    assert evidence.p_value == pytest.approx(0.2174, abs=1e-3)
    assert (evidence.shots, evidence.alpha, evidence.shots_needed) == (1000, 1e-6, 4281)
    assert_distribution({"00": 480, "11": 520}, {"00": 0.5, "11": 0.5})
    with pytest.raises(CheckFailed) as caught:
        assert_distribution({"00": 300, "11": 700}, {"00": 0.5, "11": 0.5})
    assert str(caught.value).splitlines()[1:] == [
        "  most off: 00 was seen 300 times, expected 500",
        f"  a total variation of 0.05 is found with probability 0.95 from {needed(2)} shots on",
    ]
    assert str(caught.value).startswith("the counts do not follow the law: p = ")


def needed(support: int) -> int:
    from qsanc.testing.statistics import shots_needed

    return shots_needed([0.5, 0, 0, 0.5] if support == 2 else [1 / support] * support, tv=0.05, alpha=1e-6)


def test_alpha_is_shared_by_the_examples() -> None:
    counts, law = [5550, 4450], [0.5, 0.5]
    assert_distribution(counts, law, alpha=1e-12, examples=10**18)
    with pytest.raises(CheckFailed, match="alpha 1e-06"):
        assert_distribution(counts, law)
    assert assert_distribution([5050, 4950], law, examples=50).alpha == pytest.approx(2e-8)
    with pytest.raises(ValueError, match="alpha lies between 0 and 1"):
        assert_distribution(counts, law, alpha=0)


def test_two_samples() -> None:
    assert assert_distribution([480, 520, 3], [500, 490, 1]).method == "exact test of two samples"
    with pytest.raises(CheckFailed, match="the two samples do not follow one law"):
        assert_distribution([300, 700], [700, 300])


def test_circuits_are_run_with_the_shots_it_takes() -> None:
    evidence = assert_distribution(GHZ, {"000": 0.5, "111": 0.5})
    assert evidence.shots == evidence.shots_needed == needed(2)
    assert_distribution(GHZ, GHZ, wires=[2, 0])
    assert assert_distribution(GHZ, [0.5, 0.5], wires=[1], shots=100).shots == 100
    with pytest.raises(CheckFailed, match="the counts do not follow the law"):
        assert_distribution(GHZ, [0.6, 0.4], wires=[1])
    with pytest.raises(CheckFailed, match="most off: 111 was seen"):
        assert_distribution(GHZ, Bound(3, (gate("h", 0), gate("cx", 0, 1))))


def test_wires_are_read_in_the_order_given() -> None:
    flipped = Bound(2, (gate("x", 1),))
    assert_distribution(flipped, {"01": 1.0})
    assert_distribution(flipped, {"10": 1.0}, wires=[1, 0])
    assert_distribution(flipped, flipped, wires=[1, 0])


@pytest.mark.parametrize(
    ("observed", "expected", "message"),
    [
        ([1, 2, 3], [0.5, 0.5], "3 outcomes were seen, and 2 are expected"),
        ({"0": 3, "11": 4}, [0.5, 0.5], "bit strings of one length"),
        ({"2": 3}, [0.5, 0.5], "bit strings of one length"),
        ({"01": 3}, [0.5, 0.5], "bit strings of length 2 name 4 outcomes, and there are 2"),
        ([1.5, 2], [0.5, 0.5], "counts are natural numbers"),
        ([1, 2], [0.5, 0.7], "sum to one"),
    ],
)
def test_what_are_no_counts_or_laws(observed: object, expected: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assert_distribution(observed, expected)


def test_expectation_values() -> None:
    turned = Bound(2, (gate("ry", 0, angle=0.7), gate("cx", 0, 1)))
    evidence = assert_expectation(turned, "Z0", math.cos(0.7))
    assert evidence.method == "exact binomial test, 1 setting"
    assert evidence.power.startswith("a deviation of 0.1 is found with probability 0.95 from ")
    assert_expectation(turned, Pauli(((0, "Z"), (1, "Z"))), 1.0)
    assert_expectation(turned, Observable(((2.0, Pauli(((0, "Z"),))), (1.0, Pauli()))), 2 * math.cos(0.7) + 1)
    several = assert_expectation(turned, "0.5*X0 X1 + Z0 + 2*I", 0.5 * math.sin(0.7) + math.cos(0.7) + 2)
    assert several.method == "Hoeffding's bound, 2 settings"
    assert assert_expectation(turned, "Z0 - 0.3*Z1", 0.7 * math.cos(0.7)).method == "Hoeffding's bound, 1 setting"
    assert assert_expectation(turned, "3*I", 3.0).p_value == 1


@pytest.mark.parametrize("observable", ["Z0", "0.5*X0 X1 + Z0", "Z0 - 0.3*Z1"])
@pytest.mark.parametrize("sign", [1, -1])
def test_wrong_expectation_values(observable: str, sign: int) -> None:
    turned = Bound(2, (gate("ry", 0, angle=0.7), gate("cx", 0, 1)))
    exact = {
        "Z0": math.cos(0.7),
        "0.5*X0 X1 + Z0": 0.5 * math.sin(0.7) + math.cos(0.7),
        "Z0 - 0.3*Z1": 0.7 * math.cos(0.7),
    }[observable]
    with pytest.raises(CheckFailed, match=r"the expectation value is about .*, expected .*: p = .*, alpha 1e-06"):
        assert_expectation(turned, observable, exact + sign * 0.1)
    assert_expectation(turned, observable, exact, tol=1e-12)
    with pytest.raises(CheckFailed, match=r"\(exactly\), expected .*: off by 1e-06, tolerance 1e-09"):
        assert_expectation(turned, observable, exact + sign * 1e-6, tol=1e-9)


def test_what_is_no_observable() -> None:
    with pytest.raises(ValueError, match="`Q0` is no observable: expected"):
        assert_expectation(GHZ, "Q0", 0.0)
    with pytest.raises(ValueError, match=r"`Z7` is no observable: product: wire 7 is not in 0\.\.3"):
        assert_expectation(GHZ, "Z7", 0.0)
    with pytest.raises(ValueError, match="reads wire 7, and there are 3"):
        assert_expectation(GHZ, Pauli(((7, "Z"),)), 0.0)


def test_the_same_seed_draws_the_same_shots() -> None:
    first, second, other = (assert_distribution(GHZ, GHZ, seed=seed).p_value for seed in (1, 1, 2))
    assert first == second != other


@pytest.mark.parametrize("wires", [[], [5], [0, 0], ["a"], [-1]])
@pytest.mark.parametrize("expected", [[0.5, 0.5], [1.0], [3, 2], GHZ])
def test_wires_that_cannot_be_read(wires: list[object], expected: object) -> None:
    with pytest.raises(ValueError, match=r"wires are distinct ones of \[0, 1, 2\] and one at least, not \["):
        assert_distribution(GHZ, expected, wires=wires)


def test_numbers_have_no_wires_to_read_and_some_shots() -> None:
    with pytest.raises(ValueError, match="wires are read of circuits, and both of these are numbers"):
        assert_distribution([3, 4], [0.5, 0.5], wires=[0])
    with pytest.raises(ValueError, match="of no shots at all"):
        assert_distribution([0, 0], [0.5, 0.5])
    with pytest.raises(ValueError, match="on 1 and 3 wires: name those that are read"):
        assert_distribution(Bound(1), GHZ)
    assert_distribution(Bound(1, (gate("h", 0),)), GHZ, wires=[0])
    assert_distribution([40, 60], GHZ, wires=[2])


@pytest.mark.parametrize(
    ("tv", "error", "message"),
    [
        (0, ValueError, "tv lies between 0 and 1, not 0"),
        (1.0, ValueError, "tv lies between 0 and 1, not 1"),
        (math.nan, ValueError, "tv lies between 0 and 1, not nan"),
        (None, TypeError, "tv is a number, not None"),
        (0.95, ValueError, r"no law on 2 outcomes is 0\.95 away"),
        (1e-9, ValueError, "so small a deviation takes"),
    ],
)
def test_deviations_that_nothing_finds(tv: float, error: type[Exception], message: str) -> None:
    for observed in (Bound(1, (gate("h", 0),)), [40, 60]):
        with pytest.raises(error, match=message):
            assert_distribution(observed, [0.5, 0.5], tv=tv)


def test_the_largest_deviation_there_is_can_be_asked_for() -> None:
    """1 - 0.5 and not more: a circuit of one wire, held to fair coins."""
    assert assert_distribution(Bound(1, (gate("h", 0),)), [0.5, 0.5], tv=0.5).shots is not None
    assert assert_distribution([9, 1], [0.75, 0.25], tv=0.75).shots_needed is not None
    with pytest.raises(ValueError, match="away from this one"):
        assert_distribution([9, 1], [0.75, 0.25], tv=0.7501)


def test_the_power_of_two_samples_is_that_of_both() -> None:
    evidence = assert_distribution([480, 520], [50000, 50001])
    assert evidence.power.endswith("shots of each sample on; these are of 1000 and 100001")


WRONG_OPTIONS = [
    ({"shots": 0}, ValueError, "shots is a positive integer, not 0"),
    ({"shots": 1.5}, TypeError, r"shots is an integer, not 1\.5"),
    ({"seed": None}, TypeError, "seed is an integer, not None"),
    ({"seed": 1 << 64}, ValueError, "seed is an integer from 0 on and below"),
    ({"seed": -1}, ValueError, "seed is an integer from 0 on"),
    ({"alpha": None}, TypeError, "alpha is a number, not None"),
    ({"alpha": math.nan}, ValueError, "alpha lies between 0 and 1"),
    ({"examples": 0}, ValueError, "there is an example at least"),
]


@pytest.mark.parametrize(("options", "error", "message"), WRONG_OPTIONS)
def test_options_that_are_none(options: dict[str, Any], error: type[Exception], message: str) -> None:
    for call in (
        lambda: assert_equivalent(GHZ, GHZ, **options),
        lambda: assert_distribution(GHZ, GHZ, **options),
        lambda: assert_expectation(GHZ, "Z0", 0.0, **options),
    ):
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize("tol", [math.nan, -1e-9, math.inf])
def test_tolerances_that_are_none(tol: float) -> None:
    wrong = Bound(3, (gate("rx", 0, angle=0.1),))
    for call in (
        lambda: assert_equivalent(GHZ, wrong, tol=tol),
        lambda: assert_unitary(GHZ, tol=tol),
        lambda: assert_state(GHZ, wrong, tol=tol),
        lambda: assert_expectation(GHZ, "Z0", 0.0, tol=tol),
    ):
        with pytest.raises(ValueError, match="tol is a number from 0 on, not"):
            call()
    with pytest.raises(TypeError, match="tol is a number, not None"):
        assert_equivalent(GHZ, wrong, tol=None)  # type: ignore[arg-type]


def test_angles_and_values_that_are_no_numbers() -> None:
    with pytest.raises(ValueError, match="gate 0: rx: the angle's constant is nan"):
        assert_equivalent(Bound(1, (gate("rx", 0, angle=math.nan),)), Bound(1))
    with pytest.raises(ValueError, match="expected is a finite number, not nan"):
        assert_expectation(GHZ, "Z0", math.nan)
    with pytest.raises(TypeError, match="delta is a number, not None"):
        assert_expectation(GHZ, "Z0", 0.0, delta=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="delta / 2 is a positive number, not nan"):
        assert_expectation(GHZ, "Z0", 0.0, delta=math.nan)


def test_what_is_no_unitary_has_no_equal() -> None:
    for wrong in (np.zeros((2, 2)), np.diag([1.0, 2.0]), np.full((4, 4), np.nan)):
        with pytest.raises(ValueError, match="the matrix is not unitary: inner products of its columns are off by"):
            assert_equivalent(wrong, wrong)


def test_states_that_are_too_large_are_refused() -> None:
    for call in (
        lambda: assert_state(Bound(40), [1, 0]),
        lambda: assert_unitary(Bound(27)),
        lambda: assert_distribution([1, 2], Bound(30)),
        lambda: assert_expectation(Bound(27), "Z0", 1.0, tol=1e-9),
    ):
        with pytest.raises(ValueError, match="wires is too large: states are held up to 26 wires"):
            call()
