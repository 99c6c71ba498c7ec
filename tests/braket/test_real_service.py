"""Amazon Braket itself, asked only on demand: QSANC_BRAKET_REAL=1, with credentials and a region. It costs 0.004 USD.

Everything else in `tests/braket/` talks to the stand-in; this says whether the stand-in is like the service.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from qsanc.diagnostics import QsanError
from qsanc.ir.circuit import Angle, CircuitModule, Expectation, Gate, Observable, Pauli, Segment
from qsanc.target import Bindings, Context, Request
from qsanc_braket.backend import backend
from qsanc_braket.cloud.journal import Journal


@pytest.fixture
def asked_for() -> None:
    if os.environ.get("QSANC_BRAKET_REAL") != "1":
        pytest.skip("QSANC_BRAKET_REAL=1 asks the real service, for 0.004 USD")
    boto3 = pytest.importorskip("boto3", reason="needs the extra `braket`")
    session = boto3.Session()
    if session.get_credentials() is None or session.region_name is None:
        pytest.skip("there are no AWS credentials, or no region")


@pytest.mark.usefixtures("asked_for")
def test_one_circuit_on_sv1_is_paid_for_once(tmp_path: Path) -> None:
    """And not at all under a limit that is too low for it, which is known before anything is sent."""
    turn = Segment("all", None, (Gate("ry", (0,), (Angle.slot(0),)),))
    results = (Expectation(0, Observable(((1.0, Pauli(((0, "Z"),))),))),)
    executable = backend("SV1").lower(CircuitModule("turn", 1, ("t",), (), (turn,), results))
    request = Request(Bindings(np.array([0.7]), np.zeros((1, 0))), (0,))
    with pytest.raises(QsanError) as caught:
        executable.submit(request, Context(run_folder=tmp_path, budget_usd=0.001))
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["QS802"]
    assert Journal.read(tmp_path).entries() == ()
    context = Context(run_folder=tmp_path, budget_usd=0.01)
    for _ in range(2):
        value = executable.collect(executable.submit(request, context)).estimates[0].value
        np.testing.assert_allclose(np.asarray(value), np.cos(0.7), atol=1e-9)
    journal = Journal.read(tmp_path)
    (task,) = journal.entries()
    assert (task.state, task.executables, task.shots) == ("COMPLETED", 1, 0)
    assert task.arn is not None
    assert 0 < journal.spent <= task.reserved_usd <= 0.01
    assert journal.reserved == 0
    assert journal.kept(task.token) is not None
