"""What the NumPy backend refuses, before anything runs."""

from __future__ import annotations

import pytest

from qsanc.ir.circuit import Channel, CircuitModule, Expectation, Observable, Overlap, Pauli, Segment, State
from qsanc.target.memory import readable
from qsanc_numpy import backend
from qsanc_numpy.backend import NumpyBackend
from qsanc_numpy.memory import needed


def module(wires: int, *results: object, segments: int = 1, body: tuple = ()) -> CircuitModule:
    tree = tuple(Segment(f"s{k}", k - 1 if k else None, body) for k in range(segments))
    return CircuitModule("m", wires, (), (), tree, results)  # type: ignore[arg-type]


def codes(module: CircuitModule, *, shots: int | None = None, target: str | None = None) -> list[tuple[str, str]]:
    return [(d.code, d.title) for d in NumpyBackend(target).check(module, shots=shots)]


def test_what_fits_is_accepted() -> None:
    assert codes(module(12, State(0))) == []
    assert codes(module(2, Expectation(0, Observable(((1.0, Pauli(((0, "Z"),))),)))), shots=100) == []


def test_more_than_26_qubits() -> None:
    assert codes(module(27)) == [("QS307", "the state of `m` is too large: 27 qubits, and `numpy` simulates 26")]


def test_a_state_that_does_not_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "available", lambda: 3 << 30)
    assert codes(module(26)) == [("QS307", "the state of `m` is too large: 26 qubits need 4 GiB of memory")]
    assert codes(module(25, segments=2)) == []


def test_what_is_counted() -> None:
    """A state for each segment and three to work on, reduced matrices of an overlap, signs of an observable."""
    assert needed(module(10)) == 4 * 16 * 2**10
    assert needed(module(10, segments=3)) == 6 * 16 * 2**10
    assert needed(module(10, Overlap(0, 0, (0, 1, 2)))) == 4 * 16 * 2**10 + 2 * 16 * 4**3
    assert needed(module(10, Overlap(0, 0, tuple(range(10))))) == 4 * 16 * 2**10
    assert readable(3 << 29) == "1.5 GiB"


def test_noise_targets_and_shots() -> None:
    assert [code for code, _ in codes(module(1, body=(Channel("bit_flip", (0,), (0.1,)),)))] == ["QS505"]
    assert codes(module(1), target="gpu") == [("QS801", "the backend `numpy` has no target `gpu`")]
    assert codes(module(1, State(0)), shots=10) == [("QS801", "shots cannot give the state of `m`")]
    assert [code for code, _ in codes(module(1), shots=0)] == ["QS801"]
