"""The circuit language prints and reads back to the same value, and says in which line it does not."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qsanc.ir import text as circuit_text
from qsanc.ir.circuit import Angle, Channel, CircuitModule, Gate, Segment
from qsanc.ir.text import angle_text, number_text, print_module, read_module
from qsanc.ir.verify import verify
from qsanc.testing.strategies import circuits
from qsanc.testing.strategies.circuits import CHANNELS


@given(circuits(), st.booleans())
def test_a_module_reads_back_as_itself(module: CircuitModule, spaced: bool):
    verify(module)
    text = print_module(module)
    assert read_module(text.replace("\n", "  // remark\n\n") if spaced else text) == module


@given(circuits(channels=CHANNELS))
def test_a_noisy_module_reads_back_as_itself(module: CircuitModule):
    assert read_module(print_module(module)) == module


def test_the_example_in_the_documentation_is_printed_as_it_stands():
    example = str(circuit_text.__doc__).split("\n\n")[1]
    lines = "\n".join(line.removeprefix("    ") for line in example.splitlines()) + "\n"
    assert print_module(read_module(lines)) == lines


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(-math.pi / 2)
@example(3 * math.pi / 4)
@example(1e15)
@example(5e-324)
def test_numbers_read_back_bit_for_bit(number: float):
    gate = Gate("rx", (0,), (Angle(number, ((0, number),) if number else ()),))
    module = CircuitModule("m", 1, ("a",), (), (Segment("s", None, (gate, Channel("c", (0,), (number,)))),), ())
    assert read_module(print_module(module)) == module


@given(st.lists(st.text(), max_size=60, unique=True).map(tuple), st.text(min_size=1), st.text(min_size=1))
def test_any_name_reads_back(names: tuple[str, ...], segment: str, kind: str):
    body = (Channel(kind, (0,), ()),)
    segments = (Segment(segment, None, body), Segment(segment + "'", 0, ()))
    module = CircuitModule(kind, 1, names, names[:3], segments, ())
    assert read_module(print_module(module)) == module


def test_numbers_and_angles_are_short():
    assert [number_text(x) for x in (2.0, -0.5, math.pi, -math.pi / 2, 3 * math.pi / 4, 1e-7)] == [
        "2", "-0.5", "pi", "-pi/2", "3*pi/4", "1e-07",
    ]  # fmt: skip
    assert angle_text(Angle(-0.1, ((0, -1.0), (3, 2.0)))) == "-s0 + 2*s3 - 0.1"
    assert angle_text(Angle(0.0, ((1, 0.5),)), ("a", "x[0, 1]")) == "0.5*x[0, 1]"
    assert angle_text(Angle()) == "0"


HEAD = "circuit @m wires 2\n  shared a\n"
BODY = HEAD + "  segment one\n    h 0\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: there is no circuit"),
        ("segment s", "line 1: expected circuit @name wires n"),
        ("circuit m wires 2", "line 1: expected @ and a name at 'm wires 2'"),
        ("circuit @m wires 0", "line 1: a circuit has at least one wire"),
        ("circuit @m wires two", "line 1: expected a number of wires at 'two'"),
        (HEAD + "circuit @m wires 1", "line 3: a second circuit"),
        (HEAD + "  h 0", "line 3: gates and channels stand in segments, before the results"),
        (BODY + "    hh 0", "line 5: hh: no such gate"),
        (BODY + "    cx 0", "line 5: cx acts on 2 wires, not on 1"),
        (BODY + "    cx 0, 2", "line 5: cx: wire 2 is not in 0..2"),
        (BODY + "    cx 1, 1", "line 5: cx: a wire occurs twice in (1, 1)"),
        (BODY + "    rx 1", "line 5: rx takes 1 angles, not 0"),
        (BODY + "    rx(s1) 1", "line 5: rx: slot 1 is not in 0..1"),
        (BODY + "    rx(2*) 1", "line 5: expected a slot such as s0 at ') 1'"),
        (BODY + "    rx(1/0) 1", "line 5: division by zero"),
        (BODY + "    rx(1e999) 1", "line 5: rx: the angle's constant is inf"),
        (BODY + "    rx(s0 1", "line 5: expected , or ) at '1'"),
        (BODY + "    h 0 1", "line 5: '1' is left over"),
        (BODY + "    channel flip 0", "line 5: expected ( at '0'"),
        (BODY + "    @", "line 5: expected a gate, segment or result at '@'"),
        (BODY + "  shared b", "line 5: slots are named before the first segment"),
        (BODY + "  segment one", "line 5: segment 'one': the name is empty or taken"),
        (BODY + "  segment two after three", "line 5: there is no segment three"),
        (BODY + "  r1 = state one", "line 5: expected r0"),
        (BODY + "  r0 = fidelity one", "line 5: there is no result fidelity"),
        (BODY + "  r0 = expectation one: 2*", "line 5: expected a product of Paulis such as X0 Z2, or I"),
        (BODY + "  r0 = expectation one: 2", "line 5: expected *, and a product of Paulis such as X0 Z2, or I"),
        (BODY + "  r0 = expectation one: Z0 + Z0", "line 5: the product ((0, 'Z'),) occurs twice"),
        (BODY + "  r0 = probability one: 0 is 2", "line 5: 1 wires have no basis state 2"),
        (BODY + '  segment "a\\q"', 'line 5: "a\\q" is not a quoted name'),
    ],
)
def test_errors_name_the_line(text: str, message: str):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_module(text)
    assert str(caught.value) == message


@given(st.data())
def test_a_mutated_text_is_read_or_refused_with_its_line(data: st.DataObject):
    text = print_module(data.draw(circuits(max_gates=4)))
    at = data.draw(st.integers(0, len(text)))
    width = data.draw(st.integers(0, 3))
    mutated = text[:at] + data.draw(st.text('0129s*/+-(), @=:XZ"\\\n.eé', max_size=3)) + text[at + width :]
    message = "line "
    try:
        verify(read_module(mutated))
    except ValueError as error:
        message = str(error)
    assert message.startswith("line ")
