"""Backends by name, and the three ways in which that can fail."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
from fake import FakeBackend

from qsanc import registry
from qsanc.diagnostics import CompilerBug, Diagnostic, QsanError
from qsanc.ir.circuit import CircuitModule
from qsanc_numpy.backend import NumpyBackend

EMPTY = CircuitModule("m", 1, (), (), (), ())


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, registry.GROUP)


def only_diagnostic(error: QsanError) -> Diagnostic:
    (found,) = error.diagnostics
    return found


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """Entry points instead of the installed ones, as a list that the test fills."""
    found: list[EntryPoint] = []
    monkeypatch.setattr(registry, "_points", lambda: tuple(found))
    return found


def test_ours_comes_through_the_entry_points() -> None:
    assert ("numpy", "qsanc_numpy.backend:NumpyBackend", "qsanc") in {
        (offer.entry, offer.object, offer.distribution) for offer in registry.available()
    }
    assert isinstance(registry.load("numpy"), NumpyBackend)


def test_a_target_stands_behind_a_colon(points: list[EntryPoint]) -> None:
    points.append(point("numpy", "qsanc_numpy.backend:NumpyBackend"))
    backend = registry.load("numpy:arn:aws:1")
    assert "`arn:aws:1`" in str(backend.check(EMPTY, shots=None)[0].title)


def test_an_unknown_backend(points: list[EntryPoint]) -> None:
    points += [point("numpy", "a:b"), point("braket", "c:d")]
    with pytest.raises(QsanError) as caught:
        registry.load("numpi")
    found = only_diagnostic(caught.value)
    assert (found.code, found.help) == ("QS810", "did you mean `numpy`?")
    assert found.expected == "one of braket, numpy"


def test_no_backend_at_all(points: list[EntryPoint]) -> None:
    with pytest.raises(QsanError) as caught:
        registry.load("numpy")
    assert only_diagnostic(caught.value).expected == "a backend, but none is installed"


def test_a_backend_offered_twice(points: list[EntryPoint]) -> None:
    points += [point("numpy", "a:b"), point("numpy", "c:d")]
    with pytest.raises(QsanError) as caught:
        registry.load("numpy")
    found = only_diagnostic(caught.value)
    assert (found.code, len(found.notes)) == ("QS811", 2)


def test_a_missing_dependency(points: list[EntryPoint]) -> None:
    points.append(point("cloud", "no_such_vendor_sdk.backend:Backend"))
    assert [offer.entry for offer in registry.available()] == ["cloud"], "listing imports nothing"
    with pytest.raises(QsanError) as caught:
        registry.load("cloud")
    found = only_diagnostic(caught.value)
    assert (found.code, found.help) == ("QS812", "pip install 'no_such_vendor_sdk'")


def test_something_else_is_no_backend(points: list[EntryPoint]) -> None:
    points.append(point("text", "builtins:str"))
    with pytest.raises(CompilerBug):
        registry.load("text")


def test_the_fake_one_is_a_backend() -> None:
    assert registry._is_backend(FakeBackend())
