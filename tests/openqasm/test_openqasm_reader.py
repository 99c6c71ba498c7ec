"""What programs mean: modifiers, definitions, broadcasting, expressions, and what an imported circuit returns."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from other_readers import as_qsan, by_braket, by_qsanc, distance, unitary

from qsanc.diagnostics import QsanError
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, Gate
from qsanc.ir.gates import GATES
from qsanc.openqasm.modifiers import Stretch, controlled
from qsanc.openqasm.reader import read
from qsanc.openqasm.values import number
from qsanc.source import Source
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import print_file

H, X = np.array([[1, 1], [1, -1]]) / math.sqrt(2), np.array([[0, 1], [1, 0]])


def gates_of(text: str) -> list[str]:
    """The gate lines of the imported circuit."""
    return [line.strip() for line in as_qsan(text).split("{\n", 1)[1].splitlines()[:-1]]


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("controls", [1, 2, 3, 4])
def test_every_gate_under_controls(name: str, controls: int) -> None:
    """|1...1><1...1| x U on the controls and the gate's own wires, exactly: no phase is left over."""
    row = GATES[name]
    angles = tuple(Angle(0.7 + k) for k in range(len(row.angles)))
    wires = controls + row.wires
    phase = Angle(0.3)
    stretch = Stretch((Gate(name, tuple(range(controls, wires)), angles),), phase)
    body = tuple(controlled(stretch, tuple(range(controls))))
    expected = np.eye(1 << wires, dtype=complex)
    expected[-(1 << row.wires) :, -(1 << row.wires) :] = np.exp(0.3j) * row.matrix([a.constant for a in angles])
    assert np.abs(Bound(wires, body).unitary() - expected).max() < 1e-12


BRAKET_WORDS = ("x", "y", "z", "h", "s", "ti", "v", "rx(0.3)", "ry(1.1)", "rz(-0.4)", "phaseshift(0.9)")
MODIFIERS = ("inv @ ", "pow(2) @ ", "pow(-1) @ ", "pow(0) @ ", "ctrl @ ", "negctrl @ ")


@pytest.mark.skipif(importlib.util.find_spec("braket") is None, reason="the extra braket is not installed")
@settings(max_examples=25)
@given(st.lists(st.tuples(st.lists(st.sampled_from(MODIFIERS), max_size=3), st.sampled_from(BRAKET_WORDS)), max_size=4))
def test_modifiers_mean_what_they_mean_elsewhere(steps: list[tuple[list[str], str]]) -> None:
    lines = ["OPENQASM 3.0;", "qubit[4] q;"]
    for k, (modifiers, word) in enumerate(steps):
        count = 1 + sum("ctrl" in modifier for modifier in modifiers)
        lines.append(f"{''.join(modifiers)}{word} {', '.join(f'q[{(k + at) % 4}]' for at in range(count))};")
    # Braket's simulator reads a program only if it names a qubit.
    text = "\n".join([*lines, "i q[0];"])
    assert distance(by_braket(text, 4, {}), unitary(by_qsanc(text), {})) < 1e-10


@pytest.mark.skipif(importlib.util.find_spec("braket") is None, reason="the extra braket is not installed")
def test_definitions_and_loops_mean_what_they_mean_elsewhere() -> None:
    text = """OPENQASM 3.0;
    input float t;
    const int n = 3;
    gate turn(a, b) p, r { rx(a / 2) p; ctrl @ rz(b + pi / 3) p, r; h r; }
    gate twice(a) p, r { turn(a, 2 * a) p, r; inv @ turn(-a, a) r, p; }
    qubit[n] q;
    h q;
    for int i in [0:n - 2] { twice(t * i) q[i], q[i + 1]; }
    for int i in {2, 0} ctrl @ phaseshift(t - 0.5) q[i], q[1];
    for int i in [2:-1:0] { rz(0.1 * i) q[i]; }
    ctrl @ twice(t) q[2], q[0], q[1];
    cnot q[0:1], q[1:2];
    ry(sin(t) * t) q[-1];
    """
    assert distance(by_braket(text, 3, {"t": 0.37}), unitary_at(text, 0.37)) < 1e-10


def unitary_at(text: str, t: float) -> np.ndarray:
    """The unitary of a program with the input t. What is not affine in it is computed here as .qsan says it."""
    module = by_qsanc(text)
    values = {slot: t if slot == "t" else math.sin(t) * t for slot in module.slots}
    return unitary(module, values)


def test_u_is_that_of_the_specification() -> None:
    """Under a control its phase matters: U(theta, phi, lambda) is e^(i theta/2) times the u3 of the gate table."""
    theta, phi, lam = 0.5, 0.6, 0.7
    body = GATES["u3"].matrix([theta, phi, lam])
    for call, phase in (("U", theta / 2), ("u3", -(phi + lam) / 2)):
        text = f'include "stdgates.inc"; qubit[2] q; ctrl @ {call}(0.5, 0.6, 0.7) q[0], q[1];'
        expected = np.eye(4, dtype=complex)
        expected[2:, 2:] = np.exp(1j * phase) * body
        assert distance(expected, unitary(by_qsanc(text), {})) < 1e-12
    expected[2:, 2:] = np.exp(0.8j) * body
    text = 'include "stdgates.inc"; qubit[2] q; cu(0.5, 0.6, 0.7, 0.8) q[0], q[1];'
    assert distance(expected, unitary(by_qsanc(text), {})) < 1e-12


@pytest.mark.parametrize(("modifier", "times"), [("inv", -1), ("pow(3)", 3), ("pow(-2)", -2), ("inv @ inv", 1)])
def test_modifiers_act_on_the_phase_too(modifier: str, times: int) -> None:
    """The phase of a gate's definition is undone and repeated with it; a control shows it."""
    text = f"gate g q {{ gphase(0.4); rx(0.9) q; }} qubit[2] q; ctrl @ {modifier} @ g q[0], q[1];"
    expected = np.eye(4, dtype=complex)
    expected[2:, 2:] = np.exp(0.4j * times) * GATES["rx"].matrix([0.9 * times])
    assert distance(expected, unitary(by_qsanc(text), {})) < 1e-12


def test_a_controlled_global_phase_is_a_phase() -> None:
    assert gates_of("qubit[2] q; gphase(0.5); ctrl @ gphase(0.5) q[1];") == ["phaseshift(0.5) q[1];"]


def test_single_qubits_and_registers_go_together() -> None:
    text = "qubit c; qubit[2] q; cnot c, q; h q;"
    assert gates_of(text) == ["cx c, q[0];", "cx c, q[1];", "h q[0];", "h q[1];"]


def test_angles_stay_exact_and_symbolic() -> None:
    text = """input float t; input angle s; qubit q;
    rx(2 * t - s / 4 + pi / 2) q; rx(t * s) q; rx(cos(t + 1) ** 2) q; rx(0.1) q; rx(1e-7) q; rx(-3 * pi / 4) q;
    rx((t + 3) / 2) q; rx(3 * (1 - t)) q; rx(t - t) q; rx(5 % 3 + 2 ** 3) q; rx(0x1F + 1_000) q; rx(tau) q; rx(euler) q;
    """
    assert gates_of(text) == [
        "rx(2 * t - 0.25 * s + pi / 2) q;",
        "rx(t * s) q;",
        "rx(cos(t + 1)^2) q;",
        "rx(0.1) q;",
        "rx(1e-07) q;",
        "rx(-3 * pi / 4) q;",
        "rx(0.5 * t + 1.5) q;",
        "rx(-3 * t + 3) q;",
        "rx(0) q;",
        "rx(10) q;",
        "rx(1031) q;",
        "rx(2 * pi) q;",
        "rx(2.718281828459045) q;",
    ]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-64, 64).map(lambda k: k * math.pi / 12))
def test_numbers_are_spelled_exactly(value: float) -> None:
    assert eval(number(value), {"pi": math.pi}) == value


@pytest.mark.parametrize(
    ("text", "head", "returned"),
    [
        ("qubit[2] q; h q;", "ansatz p on q: qubit[2]", ""),
        ("qubit[2] q; bit[2] b; h q; b = measure q;", "circuit p on q: qubit[2] -> prob[4]", "return probs(q);"),
        ("qubit[2] q; bit[2] b = measure q;", "circuit p on q: qubit[2] -> prob[4]", "return probs(q);"),
        ("qreg q[2]; creg b[2]; h q; measure q -> b;", "circuit p on q: qubit[2] -> prob[4]", "return probs(q);"),
        ("qubit[3] q; h q; measure q[1];", "circuit p on q: qubit[3] -> prob[2]", "return probs(q[1]);"),
        ("qubit[3] q; h q; measure q[1:2];", "circuit p on q: qubit[3] -> prob[4]", "return probs(q[1..3]);"),
        ("qubit q; h q; bit b = measure q;", "circuit p on q: qubit -> prob[2]", "return probs(q);"),
        (
            "qubit[3] q; bit[2] b; x q[2]; b[0] = measure q[2]; b[1] = measure q[0];",
            "circuit p on measured: qubit[2], rest: qubit[1] -> prob[4]",
            "return probs(measured);",
        ),
        (
            "qubit[2] q; h q;\n#pragma braket result expectation x(q[0]) @ z(q[1])\n",
            "circuit p on q: qubit[2] -> real",
            "return expval(X(q[0]) @ Z(q[1]));",
        ),
        (
            "qubit[2] q; h q;\n#pragma braket result expectation y(q[0])\n#pragma braket result expectation z(q[1])\n",
            "circuit p on q: qubit[2] -> real[2]",
            "return [expval(Y(q[0])), expval(Z(q[1]))];",
        ),
        (
            "qubit[2] q; h q;\n#pragma braket result probability q[1]\n",
            "circuit p on q: qubit[2] -> prob[2]",
            "return probs(q[1]);",
        ),
    ],
)
def test_what_a_circuit_returns(text: str, head: str, returned: str) -> None:
    printed = as_qsan(text, "p")
    assert f"{head} {{" in printed
    assert (f"  {returned}\n" in printed) if returned else "return" not in printed
    by_qsanc(text, "p")


def test_outcomes_come_in_the_order_of_the_bits() -> None:
    """b[0] reads the qubit that was flipped, so that the outcome is 10 whatever the qubits are called."""
    module = by_qsanc("qubit[3] q; bit[2] b; x q[2]; b[0] = measure q[2]; b[1] = measure q[0];")
    state = unitary(module, {})[:, 0]
    assert abs(state[0b100]) == pytest.approx(1)
    assert "measured[0] is q[2], measured[1] is q[0], rest[0] is q[1]" in as_qsan(
        "qubit[3] q; bit[2] b; x q[2]; b[0] = measure q[2]; b[1] = measure q[0];"
    )


def test_names_become_names_of_qsan() -> None:
    source = Source("p.qasm", "input float θ; input float circuit; input float pi2; qubit q; rx(θ + circuit) q;")
    found = read(source, taken={"circuit", "pi"})
    assert [mine for mine, _ in found.inputs] == ["theta", "circuit_", "pi2"]


def test_comments_annotations_and_barriers_do_nothing() -> None:
    text = (
        "// one\nOPENQASM 3.1; /* two\n * lines */\nqubit[2] q;\n@bound reversed\nh q[0]; barrier q; barrier; h q[1];"
    )
    assert gates_of(text) == ["h q[0];", "h q[1];"]


def test_own_gates_go_before_those_of_braket() -> None:
    assert gates_of("gate iswap a, b { swap a, b; } qubit[2] q; iswap q[0], q[1];") == ["swap q[0], q[1];"]
    with pytest.raises(QsanError):
        read(Source("p.qasm", 'include "stdgates.inc"; gate h a { } qubit q; h q;'))


def test_many_measured_qubits_return_expectations() -> None:
    printed = as_qsan("qubit[21] q; h q; bit[21] b = measure q;")
    assert "-> real[21]" in printed
    assert "expval(Z(q[20]))" in printed


def test_what_is_printed_is_canonical() -> None:
    printed = as_qsan("input float t; qubit[2] q; rx((t * t)) q; bit[2] b = measure q;")
    assert print_file(parse(Source("p.qsan", printed))) == printed
