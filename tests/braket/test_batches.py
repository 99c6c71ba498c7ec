"""Circuits as tasks, and what tasks cost: the figures of a gradient step of 1 568 circuits with 100 shots each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsanc_braket.batches import chunks, cost
from qsanc_braket.devices.model import Device, Price, ProgramSets

GARNET = Device(
    "Garnet", "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet", "IQM", "qpu", "online", 20, tuple(range(1, 21)),
    frozenset(), frozenset(), None, (1, 20_000), False, frozenset(), frozenset(), ProgramSets(100, 200_000), None,
    Price(0.30, 0.00145, 0, 0, "2026-01-01", "a page"), None, "2026-01-01",
)  # fmt: skip
CEPHEUS = replace(GARNET, name="Cepheus", price=replace(GARNET.price, shot_usd=0.000425))
FORTE = replace(GARNET, name="Forte", program_sets=None, price=replace(GARNET.price, shot_usd=0.08))
SV1 = replace(FORTE, name="SV1", kind="simulator", exact=True, price=Price(0, 0, 0.075, 3, "2026-01-01", "a page"))


@pytest.mark.parametrize(
    ("device", "tasks", "usd"),
    [
        (GARNET, 16, 16 * 0.30 + 156_800 * 0.00145),
        (replace(GARNET, program_sets=None), 1568, 1568 * 0.30 + 156_800 * 0.00145),
        (CEPHEUS, 16, 71.44),
        (replace(CEPHEUS, program_sets=None), 1568, 537.04),
        (FORTE, 1568, 13_014.40),
        (SV1, 1568, 5.88),
    ],
)
def test_one_gradient_step_costs_what_it_costs_by_hand(device: Device, tasks: int, usd: float) -> None:
    assert len(chunks(1568, 100, device)) == tasks
    assert cost(device, 1568, 100, tasks) == pytest.approx(usd)


@given(
    circuits=st.integers(0, 500),
    shots=st.integers(0, 5_000),
    executables=st.integers(1, 120),
    total=st.integers(1, 20_000),
)
def test_tasks_hold_every_circuit_once_and_keep_both_limits(
    circuits: int, shots: int, executables: int, total: int
) -> None:
    device = replace(GARNET, program_sets=ProgramSets(executables, total))
    found = chunks(circuits, shots, device)
    assert [number for task in found for number in task] == list(range(circuits))
    for task in found:
        assert 1 <= len(task) <= executables
        assert len(task) == 1 or len(task) * shots <= total
    assert all(len(task) == len(found[0]) for task in found[:-1]), "no task is left half empty"


def test_exact_values_are_a_task_each() -> None:
    assert len(chunks(7, 0, GARNET)) == 7


def test_a_set_is_bounded_by_its_shots_first() -> None:
    assert [len(task) for task in chunks(45, 10_000, GARNET)] == [20, 20, 5]


def test_shots_of_an_executable_that_no_set_could_hold_stand_alone() -> None:
    assert [len(task) for task in chunks(3, 200_001, GARNET)] == [1, 1, 1]
