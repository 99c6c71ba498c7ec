"""The model graph by instructions against NumPy where a function has an edge, and where a value is used again."""

from __future__ import annotations

import numpy as np
import pytest
from graph_in_both import TIERS, assert_same, tier_named
from small_attention import circuit

from qsanc.fast import Tier
from qsanc.grad.reverse import evaluate, prepare
from qsanc.ir.layout import Layout
from qsanc.ir.model_text import read_function


@pytest.fixture(scope="module", params=TIERS)
def tier(request: pytest.FixtureRequest) -> Tier:
    return tier_named(request.param)


ABS = """
function @abs
  %0 = parameter x: real[record]
  %1: real[record] = abs %0
  output y = %1
"""


def test_abs_has_slope_zero_at_zero_and_none_at_nan(tier: Tier) -> None:
    x = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 2.0, -3.0])
    assert_same(read_function(ABS), {"x": x}, Layout(len(x)), tier)


POWER = """
function @power
  %0 = parameter x: real[record]
  %1 = parameter p: real[record]
  %2: real[record] = pow %0, %1
  output y = %2
"""


def test_each_power_of_each_number(tier: Tier) -> None:
    """0 ** 0 is 1, and both of its slopes are 0."""
    some = np.array([0.0, 1.0, -1.0, 2.0, 0.5, -2.5, np.nan, np.inf, -np.inf])
    x, p = (side.reshape(-1) for side in np.meshgrid(some, some))
    assert_same(read_function(POWER), {"x": x, "p": p}, Layout(len(x)), tier)


LISTS = np.array(
    [
        [-np.inf, -np.inf, -np.inf, -np.inf],
        [-np.inf, 1.0, -np.inf, 2.0],
        [np.inf, 1.0, -np.inf, 0.0],
        [0.0, np.nan, 1.0, 2.0],
        [np.inf, np.nan, -np.inf, 0.0],
        [800.0, -800.0, 799.0, 0.0],
    ]
)
"""One of them for each record, along an axis of four places or along four tokens."""
OF_FOUR = Layout(len(LISTS), {"S": np.full(len(LISTS), 4)})
SOFTMAX = """
function @softmax
  %0 = parameter x: real[record, {axes}]
  %1: real[record, {axes}] = softmax %0 {{axis = 1}}
  output y = %1
"""


@pytest.mark.parametrize(("axes", "shape"), [("4", (6, 4)), ("4, 6", (6, 4, 6)), ("S", (24,)), ("S, 6", (24, 6))])
def test_softmax_of_nothing_but_minus_infinity_is_zero(tier: Tier, axes: str, shape: tuple[int, ...]) -> None:
    """Other infinities and nan make all of their list nan."""
    side_by_side = np.stack([np.roll(LISTS, k, axis=0) for k in range(6)], axis=-1)
    x = (LISTS if len(axes) == 1 else side_by_side).reshape(shape)
    assert_same(read_function(SOFTMAX.format(axes=axes)), {"x": x}, OF_FOUR, tier)


CROSS_ENTROPY = """
function @cross_entropy
  %0 = parameter z: real[record, 4]
  %1 = data label: int[record]
  %2: real[record] = softmax_cross_entropy %0, %1
  output y = %2
"""


@pytest.mark.parametrize("label", range(4))
def test_cross_entropy_of_infinities(tier: Tier, label: int) -> None:
    inputs = {"z": LISTS, "label": np.full(len(LISTS), label)}
    assert_same(read_function(CROSS_ENTROPY), inputs, OF_FOUR, tier)


EXP = """
function @exp
  %0 = data x: real[record]
  %1: real[record] = exp %0
  output y = %1
"""


def test_exponentials_are_right_to_a_few_units_in_the_last_place(tier: Tier) -> None:
    x = np.linspace(-708.0, 709.7, 2001)
    y = evaluate(prepare(read_function(EXP), (), ("y",)), {}, {"x": x}, Layout(len(x)), tier=tier)["y"]
    np.testing.assert_array_max_ulp(y, np.exp(x), maxulp=4)


DISTINCT = """
function @distinct
  %0 = parameter table: real[5, 2]
  %1 = data tokens: int[record, S]
  %2: int[U0], %3: int[record, S] = distinct %1 {axis = U0}
  %4: real[U0, 2] = gather %0, %2
  %5: real[U0] = matmul %4, %4
  %6: real[U0, 3] = broadcast %5 {axes = [U0, 3]}
  output y = %6
"""


def test_rows_that_belong_to_no_record(tier: Tier) -> None:
    """Each word is multiplied by itself, and there are more words than records."""
    inputs = {"table": np.arange(10.0).reshape(5, 2), "tokens": np.array([0, 4, 1, 4, 3])}
    assert_same(read_function(DISTINCT), inputs, Layout(2, {"S": np.array([3, 2])}), tier)


CIRCUIT = """
function @used_again
  %0 = parameter turns: real[6]
  %1 = parameter x: real[record, S, 3]
  %2: real[record, S], %3: real[record, S], %4: real[record, S], %5: real[record, S], %6: real[record, S]
    = circuit %0, %1 {module = @attention}
  %7: real[record, S] = mul %2, %2
  %8: real[record, S] = sin %3
  %9: real[record, S] = mul %3, %8
  %10: real[record, S, 1] = reshape %4 {axes = [1]}
  %11: real[record, S, 2] = concat %10, %10 {axis = 2}
  output square = %7
  output query = %2
  output again = %2
  output product = %9
  output pair = %11
""".replace("\n    =", " =")


def test_each_use_of_a_circuit_result_counts(tier: Tier) -> None:
    """Results that an operation takes twice, two operations take, or that are outputs as well."""
    rng = np.random.default_rng(3)
    inputs = {"turns": rng.normal(size=6), "x": rng.normal(size=(5, 3))}
    layout = Layout(2, {"S": np.array([2, 3])})
    assert_same(read_function(CIRCUIT), inputs, layout, tier, modules=[circuit()])
