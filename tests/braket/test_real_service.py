"""Amazon Braket itself, asked only where QSANC_TEST_AWS=1 says so, with credentials and a region: 0.004 USD."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from qsanc.ir.circuit import Angle, CircuitModule, Expectation, Gate, Observable, Pauli, Segment
from qsanc.target import Bindings, Context, Request
from qsanc_braket.backend import backend

pytestmark = pytest.mark.skipif(
    os.environ.get("QSANC_TEST_AWS") != "1", reason="QSANC_TEST_AWS=1 asks the real service"
)


def test_one_circuit_on_sv1_is_paid_for_once(tmp_path: Path) -> None:
    turn = Segment("all", None, (Gate("ry", (0,), (Angle.slot(0),)),))
    results = (Expectation(0, Observable(((1.0, Pauli(((0, "Z"),))),))),)
    executable = backend("SV1").lower(CircuitModule("turn", 1, ("t",), (), (turn,), results))
    request = Request(Bindings(np.array([0.7]), np.zeros((1, 0))), (0,))
    context = Context(run_folder=tmp_path, budget_usd=0.01)
    for _ in range(2):
        value = executable.collect(executable.submit(request, context)).estimates[0].value
        np.testing.assert_allclose(np.asarray(value), np.cos(0.7), atol=1e-9)
    assert len((tmp_path / "tasks.jsonl").read_text().splitlines()) >= 4
    assert len(list((tmp_path / "tasks").iterdir())) == 1
