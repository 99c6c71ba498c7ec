"""The fake backend behaves like a device: it is slow, it takes few gates, and it fails when told to."""

from __future__ import annotations

import pytest
from fake import CHUNK, FakeBackend
from made import lowered
from test_conformance import ROWS, TWO_SEGMENTS

from qsanc.ir.circuit import CircuitModule, Segment, State
from qsanc.target import BackendFailure, Context, Request


def test_work_is_done_in_chunks_while_one_looks() -> None:
    executable = lowered(FakeBackend(), TWO_SEGMENTS, 10)
    handle = executable.submit(Request(ROWS, (0, 1, 2, 3, 4, 5), shots=10), Context())
    circuits = len(handle.expansion.circuits)
    looks = 0
    while not handle.done:
        looks += 1
    assert looks == -(-circuits // CHUNK)
    assert executable.collect(handle).estimates[0].shots == 10


@pytest.mark.parametrize("retryable", [True, False])
def test_a_failure_reaches_whoever_collects(retryable: bool) -> None:
    backend = FakeBackend()
    executable = lowered(backend, TWO_SEGMENTS, 10)
    backend.fail_next = BackendFailure("the device is down for calibration", retryable=retryable)
    handle = executable.submit(Request(ROWS, (0,), shots=10), Context())
    with pytest.raises(BackendFailure, match="calibration") as caught:
        executable.collect(handle)
    assert caught.value.retryable is retryable
    again = executable.submit(Request(ROWS, (0,), shots=10), Context())
    assert executable.collect(again).estimates[0].value.shape == (4,)


def test_what_it_cannot_do_is_refused_before() -> None:
    state = CircuitModule("m", 7, (), (), (Segment("only", None, ()),), (State(0),))
    assert len(FakeBackend().check(state, shots=None)) == 3
