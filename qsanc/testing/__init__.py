"""Tests of circuits and models: strategies for Hypothesis, assertions, and what makes failures small.

    from hypothesis import given
    from qsanc.testing import assert_equivalent, bound_circuits

    @given(bound_circuits())
    def test_a_circuit_is_undone_by_its_inverse(circuit):
        assert_equivalent(circuit.then(circuit.inverse()), Bound(circuit.wires))

Names are imported when they are first used, so that the pytest plug-in costs nothing where it is not needed. Needs the
extra `testing`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qsanc.ir.bound import Bound
    from qsanc.testing.assertions import (
        Evidence,
        assert_attention,
        assert_distribution,
        assert_equivalent,
        assert_expectation,
        assert_gradient,
        assert_roundtrip,
        assert_state,
        assert_unitary,
    )
    from qsanc.testing.failed import CheckFailed
    from qsanc.testing.reduce.circuits import reduce_circuit, reduce_pair
    from qsanc.testing.reduce.program import reduce_program
    from qsanc.testing.strategies import (
        angles,
        ansatz_calls,
        bindings,
        bound_circuits,
        circuits,
        datasets,
        models,
        observables,
        qsan_source,
        sentences,
        states,
    )

__all__ = [
    "Bound",
    "CheckFailed",
    "Evidence",
    "angles",
    "ansatz_calls",
    "assert_attention",
    "assert_distribution",
    "assert_equivalent",
    "assert_expectation",
    "assert_gradient",
    "assert_roundtrip",
    "assert_state",
    "assert_unitary",
    "bindings",
    "bound_circuits",
    "circuits",
    "datasets",
    "models",
    "observables",
    "qsan_source",
    "reduce_circuit",
    "reduce_pair",
    "reduce_program",
    "sentences",
    "states",
]

_ELSEWHERE = {
    "Bound": "qsanc.ir.bound",
    "CheckFailed": "qsanc.testing.failed",
    "Evidence": "qsanc.testing.assertions",
    "reduce_circuit": "qsanc.testing.reduce.circuits",
    "reduce_pair": "qsanc.testing.reduce.circuits",
    "reduce_program": "qsanc.testing.reduce.program",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    kind = "assertions" if name.startswith("assert_") else "strategies"
    return getattr(import_module(_ELSEWHERE.get(name, f"qsanc.testing.{kind}")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
