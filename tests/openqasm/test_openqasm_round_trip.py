"""What is written reads back to the same unitary: by our reader, and by the one of Amazon Braket's simulator."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.dense import PAULIS
from other_readers import by_braket, by_qsanc, distance, unitary

from qsanc.check.imports import load_text
from qsanc.diagnostics import QsanError
from qsanc.elaborate import elaborate
from qsanc.ir.circuit import Angle, Channel, CircuitModule, Expectation, Gate, Observable, Pauli, Segment, State
from qsanc.ir.unitary import segment_unitary
from qsanc.openqasm.names import TAKEN, mangled
from qsanc.openqasm.writer import BRAKET, Dialect, expression, write
from qsanc.source import Source
from qsanc.testing.strategies import angles, circuits

HERE = Path(__file__).parent
DIALECTS: list[tuple[Dialect, frozenset[str] | None]] = [("standard", None), ("braket", None), ("braket", BRAKET)]
needs_braket = pytest.mark.skipif(
    importlib.util.find_spec("braket") is None or importlib.util.find_spec("braket.default_simulator") is None,
    reason="the extra braket is not installed",
)

BELL = """qsan 1.0
circuit bell(th: angle[2], pi_2: angle) on q: qubit[2] -> real {
  rx(th[0] / 2 - pi) q[0];
  ry(3 * th[1] - pi_2) q[1];
  cx q[0], q[1];
  rzz(0.1) q[0], q[1];
  v q[1];
  return expval(Z(q[0]) @ Z(q[1]) + 0.5 * X(q[0]) @ Y(q[1]));
}
"""


def state_of(module: CircuitModule) -> CircuitModule:
    """The module with the state of its last segment as its only result: one program, without a change of basis."""
    last = len(module.segments) - 1
    return CircuitModule(module.name, module.wires, module.shared, module.items, module.segments, (State(last),))


def numbers_of(data: st.DataObject, module: CircuitModule) -> np.ndarray:
    return data.draw(angles(shape=(len(module.slots),)))


@pytest.mark.parametrize(("dialect", "gates"), DIALECTS, ids=["standard", "portable", "braket"])
@settings(max_examples=60)
@given(st.data())
def test_export_and_import(dialect: Dialect, gates: frozenset[str] | None, data: st.DataObject) -> None:
    module = state_of(data.draw(circuits(max_wires=3, max_gates=8)))
    slots = numbers_of(data, module)
    (program,) = write(module, dialect, gates=gates)
    values = dict(zip(module.slots, slots, strict=True))
    inputs = {name: values[slot] for name, slot in program.inputs}
    before = segment_unitary(module, len(module.segments) - 1, slots)
    assert distance(before, unitary(by_qsanc(program.text), inputs)) < 1e-10


@needs_braket
@pytest.mark.parametrize(("dialect", "gates"), DIALECTS, ids=["standard", "portable", "braket"])
@settings(max_examples=12)
@given(st.data())
def test_export_is_read_by_braket(dialect: Dialect, gates: frozenset[str] | None, data: st.DataObject) -> None:
    module = state_of(data.draw(circuits(max_wires=3, max_gates=6)))
    slots = numbers_of(data, module)
    (program,) = write(module, dialect, gates=gates)
    values = dict(zip(module.slots, slots, strict=True))
    inputs = {name: float(values[slot]) for name, slot in program.inputs}
    before = segment_unitary(module, len(module.segments) - 1, slots)
    assert distance(before, by_braket(program.text, module.wires, inputs)) < 1e-10


@settings(max_examples=30)
@given(circuits(max_wires=3, max_gates=8), st.sampled_from(DIALECTS))
def test_export_is_read_by_the_parser_of_openqasm(
    module: CircuitModule, dialect: tuple[Dialect, frozenset[str] | None]
) -> None:
    openqasm3 = pytest.importorskip("openqasm3")
    for program in write(module, dialect[0], gates=dialect[1]):
        tree = openqasm3.parse(program.text)
        kinds = [type(statement).__name__ for statement in tree.statements]
        assert kinds.count("QuantumMeasurementStatement") == module.wires
        assert kinds.count("IODeclaration") == len(program.inputs)


@pytest.mark.parametrize("dialect", ["standard", "braket"])
def test_text_of_a_small_program(dialect: Dialect, golden: Callable[[Path, str], None]) -> None:
    program, _ = elaborate(load_text(Source("bell.qsan", BELL), None), entry="bell")
    texts = [text.text for module in program.modules for text in write(module, dialect)]
    golden(HERE / f"bell_{dialect}.qasm", "\n".join(texts))


def test_a_program_for_each_basis_of_each_state_that_is_read() -> None:
    program, _ = elaborate(load_text(Source("bell.qsan", BELL), None), entry="bell")
    names = [text.name for module in program.modules for text in write(module)]
    assert names == ["bell.0", "bell.1"]


@pytest.mark.parametrize("dialect", ["standard", "braket"])
@pytest.mark.parametrize("letter", PAULIS)
def test_outcomes_have_the_mean_of_the_observable(letter: str, dialect: Dialect) -> None:
    """The mean of (-1)^b after the program's change of basis is the expectation before it."""
    body = (Gate("ry", (0,), (Angle(0.7),)), Gate("rz", (0,), (Angle(0.4),)))
    observable = Observable(((1.0, Pauli(((0, letter),))),))
    module = CircuitModule("one", 1, (), (), (Segment("all", None, body),), (Expectation(0, observable),))
    (program,) = write(module, dialect)
    before = segment_unitary(module, 0, np.empty(0))[:, 0]
    after = unitary(by_qsanc(program.text), {})[:, 0]
    assert abs(after[0]) ** 2 - abs(after[1]) ** 2 == pytest.approx(np.vdot(before, PAULIS[letter] @ before).real)


def test_the_same_module_has_the_same_text() -> None:
    program, _ = elaborate(load_text(Source("bell.qsan", BELL), None), entry="bell")
    assert write(program.modules[0], "braket") == write(program.modules[0], "braket")


@given(st.lists(st.text(max_size=8) | st.sampled_from(sorted(TAKEN)), max_size=20))
def test_names_are_identifiers_that_nothing_else_has(names: list[str]) -> None:
    found = mangled(names)
    assert len(set(found)) == len(names)
    assert all(name.isidentifier() and name.isascii() and name not in TAKEN for name in found)


def test_names_that_mean_something_are_changed() -> None:
    assert mangled(["pi", "th[0, 1]", "q", "x", "th_0_1", "tau"]) == ("pi_", "th_0_1", "q_", "x_", "th_0_1_", "tau_")


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0.1, 9.0))
def test_numbers_read_back_exactly(constant: float, coefficient: float) -> None:
    text = expression(Angle(constant, ((0, coefficient),)), ["t"])
    assert eval(text, {"t": 0.0}) == constant
    assert eval(text.partition("*")[0] if "*" in text else "1.0") == coefficient


def test_noise_is_refused() -> None:
    body = (Gate("h", (0,)), Channel("bit_flip", (0,), (0.1,)))
    module = CircuitModule("noisy", 1, (), (), (Segment("all", None, body),), (State(0),))
    with pytest.raises(QsanError) as refused:
        write(module)
    assert refused.value.diagnostics[0].code == "QS826"


def test_gates_without_a_name_in_the_dialect_are_refused() -> None:
    module = CircuitModule("one", 1, (), (), (Segment("all", None, ()),), (State(0),))
    with pytest.raises(ValueError, match="ch"):
        write(module, "braket", gates=frozenset({"ch"}))
