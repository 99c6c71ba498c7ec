"""Assertions about circuits and models. Each returns the `Evidence` that it found, or raises `CheckFailed`."""

from qsanc.testing.assertions.attention import assert_attention
from qsanc.testing.assertions.equivalent import assert_equivalent
from qsanc.testing.assertions.evidence import Evidence
from qsanc.testing.assertions.gradient import assert_gradient
from qsanc.testing.assertions.roundtrip import assert_roundtrip
from qsanc.testing.assertions.sampled import assert_distribution, assert_expectation
from qsanc.testing.assertions.states import assert_state, assert_unitary

__all__ = [
    "Evidence",
    "assert_attention",
    "assert_distribution",
    "assert_equivalent",
    "assert_expectation",
    "assert_gradient",
    "assert_roundtrip",
    "assert_state",
    "assert_unitary",
]
