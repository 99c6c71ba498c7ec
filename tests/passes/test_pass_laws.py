"""Passes run twice: what has been rewritten leaves little to rewrite, and nothing for a pass that looks everywhere."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from qsanc.ir.circuit import CircuitModule
from qsanc.passes.decompose import decompose
from qsanc.passes.lightcone import dead_slots, outside
from qsanc.passes.pipeline import CANCEL, COMMUTE, FOLD, KNOWN, LIGHTCONE, MERGE, O1, O2, Pipeline, run
from qsanc.testing.strategies import circuits

FEW = ("h", "x", "s", "si", "rx", "rz", "cx", "cz", "rzz", "crz", "swap")
PIPELINES: dict[str, Pipeline] = {
    **{step.name: (step,) for step in (FOLD, CANCEL, MERGE, COMMUTE, KNOWN, LIGHTCONE)},
    "O1": O1,
    "O2": O2,
}


def gates(module: CircuitModule) -> int:
    return sum(len(segment.body) for segment in module.segments)


@pytest.mark.parametrize("name", PIPELINES)
@given(module=circuits(max_wires=3, max_gates=14, gates=FEW))
@settings(max_examples=40)
def test_a_second_run_changes_nothing(name: str, module: CircuitModule) -> None:
    once = run(module, PIPELINES[name])
    assert run(once, PIPELINES[name]) == once


@given(module=circuits(max_wires=3, max_gates=14))
@settings(max_examples=40)
def test_a_set_of_gates_is_reached_at_once(module: CircuitModule) -> None:
    """What is written with a set already stays as it stands."""
    named = frozenset({"rx", "rz", "cz"})
    once = decompose(module, named)
    assert decompose(once, named) == once


@given(module=circuits(max_wires=3, max_gates=14))
@settings(max_examples=40)
def test_nothing_is_outside_of_a_light_cone_that_was_cut(module: CircuitModule) -> None:
    """The slots that do not matter stay the same ones, and there is no gate left that only they turn."""
    cut = run(module, (LIGHTCONE,))
    assert outside(cut) == ()
    assert dead_slots(cut) == dead_slots(module)
