"""Each broken invariant of the circuit language is reported as a bug of the compiler, with its place."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from qsanc.diagnostics import CompilerBug
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
    Probability,
    Segment,
    State,
)
from qsanc.ir.verify import verify

Z0, Z1 = Pauli(((0, "Z"),)), Pauli(((1, "Z"),))
GOOD = CircuitModule(
    "good",
    2,
    ("a",),
    ("b",),
    (
        Segment("encode", None, (Gate("h", (0,)), Gate("rx", (1,), (Angle(0.1, ((0, 1.0), (1, -2.0))),)))),
        Segment("query", 0, (Gate("cx", (1, 0)), Channel("bit_flip", (0,), (0.1,)))),
    ),
    (Expectation(1, Observable(((1.0, Z0), (0.5, Z1), (0.1, Pauli())))), Overlap(0, 1, (1, 0)), State(0)),
)


def test_a_legal_module_passes():
    verify(GOOD)
    verify(replace(GOOD, results=(Expectation(0, Observable(())),)))


@pytest.mark.parametrize(
    ("instruction", "fault"),
    [
        (Gate("nope", (0,)), "nope: no such gate"),
        (Gate("cx", (0,)), "cx acts on 2 wires, not on 1"),
        (Gate("rx", (0,)), "rx takes 1 angles, not 0"),
        (Gate("h", (2,)), "h: wire 2 is not in 0..2"),
        (Gate("h", (-1,)), "h: wire -1 is not in 0..2"),
        (Gate("cx", (1, 1)), "cx: a wire occurs twice in (1, 1)"),
        (Gate("rx", (0,), (Angle(math.nan),)), "rx: the angle's constant is nan"),
        (Gate("rx", (0,), (Angle(0.0, ((2, 1.0),)),)), "rx: slot 2 is not in 0..2"),
        (Gate("rx", (0,), (Angle(0.0, ((0, 0.0),)),)), "rx: slot 0 has coefficient 0.0"),
        (Gate("rx", (0,), (Angle(0.0, ((0, math.inf),)),)), "rx: slot 0 has coefficient inf"),
        (Gate("rx", (0,), (Angle(0.0, ((1, 1.0), (0, 1.0))),)), "rx: the angle's terms are not sorted by slot"),
        (Gate("rx", (0,), (Angle(0.0, ((1, 1.0), (1, 1.0))),)), "rx: the angle's terms are not sorted by slot"),
        (Channel("", (0,), ()), "channel without a name or without wires"),
        (Channel("bit_flip", (), (0.1,)), "channel without a name or without wires"),
        (Channel("bit_flip", (0,), (math.inf,)), "bit_flip: strength (inf,) is not finite"),
        (Channel("two", (0, 0), (0.1,)), "two: a wire occurs twice in (0, 0)"),
    ],
)
def test_faults_of_instructions_name_segment_and_position(instruction: Gate | Channel, fault: str):
    first, second = GOOD.segments
    broken = replace(GOOD, segments=(first, replace(second, body=(*second.body, instruction))))
    with pytest.raises(CompilerBug) as caught:
        verify(broken)
    assert str(caught.value) == f"circuit good, segment 1 (query), position 2: {fault}"


@pytest.mark.parametrize(
    ("segments", "fault"),
    [
        ((Segment("", None, ()),), "segment 0 (): the name is empty or taken"),
        ((Segment("a", None, ()), Segment("a", None, ())), "segment 1 (a): the name is empty or taken"),
        ((Segment("a", 0, ()),), "segment 0 (a): parent 0 is not an earlier segment"),
        ((Segment("a", None, ()), Segment("b", -1, ())), "segment 1 (b): parent -1 is not an earlier segment"),
    ],
)
def test_faults_of_the_tree(segments: tuple[Segment, ...], fault: str):
    with pytest.raises(CompilerBug) as caught:
        verify(replace(GOOD, segments=segments, results=()))
    assert str(caught.value) == f"circuit good, {fault}"


@pytest.mark.parametrize(
    ("result", "fault"),
    [
        (State(2), "there is no segment 2"),
        (State(1), "segment query is noisy and has no state vector"),
        (Overlap(0, -1, (0,)), "there is no segment -1"),
        (Overlap(0, 1, ()), "no wires"),
        (Overlap(0, 1, (0, 0)), "result: a wire occurs twice in (0, 0)"),
        (Probabilities(0, (2,)), "result: wire 2 is not in 0..2"),
        (Probability(0, (0, 1), 4), "2 wires have no basis state 4"),
        (Probability(0, (), 0), "0 wires have no basis state 0"),
        (Expectation(0, Observable(((math.nan, Z0),))), "coefficient nan"),
        (Expectation(0, Observable(((1.0, Z0), (2.0, Z0)))), "the product ((0, 'Z'),) occurs twice"),
        (Expectation(0, Observable(((1.0, Pauli(((0, "I"),))),))), "a letter of ((0, 'I'),) is none of X, Y, Z"),
        (
            Expectation(0, Observable(((1.0, Pauli(((1, "X"), (0, "X")))),))),
            "the factors of ((1, 'X'), (0, 'X')) are not sorted by wire",
        ),
        (Expectation(0, Observable(((1.0, Pauli(((2, "X"),))),))), "product: wire 2 is not in 0..2"),
    ],
)
def test_faults_of_results(result: State, fault: str):
    with pytest.raises(CompilerBug) as caught:
        verify(replace(GOOD, results=(result,)))
    assert str(caught.value) == f"circuit good, result 0: {fault}"


def test_a_module_has_wires():
    with pytest.raises(CompilerBug, match="0 wires"):
        verify(replace(GOOD, wires=0))
