"""Each operation against its meaning for one record at a time, and each derivative against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_record import REFERENCE, split
from operation_cases import Case, cases

from qsanc.diagnostics import QsanError
from qsanc.ir.layout import Layout
from qsanc.ir.model import Type
from qsanc.ir.ops import OPS, Call, ShapeError, array_shape, infer

SINGLE = sorted(set(OPS) - {"pairs", "distinct"})
DIFFERENTIABLE = sorted(name for name, definition in OPS.items() if definition.pullback)


@pytest.mark.parametrize("name", sorted(OPS))
@settings(max_examples=20)
@given(data=st.data())
def test_value_has_the_inferred_type(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    call, results = case.call, case.value()
    layout = case.layout.with_size("U0", len(results[0])) if name == "distinct" else case.layout
    assert len(results) == len(call.results)
    for array, kind in zip(results, call.results, strict=True):
        assert np.shape(array) == array_shape(kind, layout)
        assert np.asarray(array).dtype == (np.float64 if kind.kind == "real" else np.int64)


@pytest.mark.parametrize("name", SINGLE)
@settings(max_examples=30)
@given(data=st.data())
def test_value_is_that_of_each_record_alone(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name, shortest=1))
    result = split(np.asarray(case.value()[0]), case.call.results[0], case.layout)
    inputs = [split(array, kind, case.layout) for array, kind in zip(case.arrays, case.types, strict=True)]
    for record in range(case.layout.records):
        lengths = {dim: int(length[record]) for dim, length in case.layout.lengths.items()}
        expected = REFERENCE[name](case.attributes, case.types, lengths, *(parts[record] for parts in inputs))
        np.testing.assert_allclose(result[record], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@settings(max_examples=30)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_derivative_is_that_of_finite_differences(name: str, data: st.DataObject, seed: int) -> None:
    case = data.draw(cases(name))
    rng = np.random.default_rng(seed)
    y = np.asarray(case.value()[0])
    y_bar = rng.normal(size=y.shape)
    pullback = OPS[name].pullback
    assert pullback is not None
    for k, kind in enumerate(case.types):
        if kind.kind == "int":
            continue
        x_bar = pullback(k, case.call, case.layout, case.arrays, y, y_bar)
        assert x_bar.shape == case.arrays[k].shape
        direction = rng.normal(size=case.arrays[k].shape)
        expected = np.vdot(y_bar, _difference(case, k, direction))
        assert np.vdot(x_bar, direction) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def _difference(case: Case, k: int, direction: np.ndarray, step: float = 1e-5) -> np.ndarray:
    ends = []
    for sign in (1.0, -1.0):
        moved = list(case.arrays)
        moved[k] = moved[k] + sign * step * direction
        ends.append(np.asarray(case.value(moved)[0]))
    return (ends[0] - ends[1]) / (2 * step)


def evaluate(name: str, *arrays: object, types: tuple[Type, ...], layout: Layout, **attributes: object) -> np.ndarray:
    call = Call(types, attributes, OPS[name].infer(types, attributes))
    return OPS[name].evaluate(call, layout, [np.asarray(array) for array in arrays])[0]


TWO = Layout(2, {"S": np.array([2, 1])})
PAIRS = Type("real", ("record", "S", "S"))


def test_pairs_of_two_sentences() -> None:
    call = Call((), {"dim": "S"}, OPS["pairs"].infer((), {"dim": "S"}))
    left, right = OPS["pairs"].evaluate(call, TWO, [])
    assert left.tolist() == [0, 0, 1, 1, 2]
    assert right.tolist() == [0, 1, 0, 1, 2]


@settings(max_examples=20)
@given(case=cases("distinct"))
def test_distinct_values_and_their_places_give_the_index_back(case: Case) -> None:
    values, places = case.value()
    assert sorted(set(values.tolist())) == values.tolist()
    np.testing.assert_array_equal(values[places], case.arrays[0])


def test_softmax_with_a_causal_fill() -> None:
    scores = evaluate("causal", [0.0, 9.0, 1.0, 1.0, 5.0], types=(PAIRS,), layout=TWO, fill=-np.inf)
    weights = evaluate("softmax", scores, types=(PAIRS,), layout=TWO, axis=2)
    np.testing.assert_allclose(weights, [1.0, 0.0, 0.5, 0.5, 1.0])
    pullback = OPS["softmax"].pullback
    assert pullback is not None
    call = Call((PAIRS,), {"axis": 2}, (PAIRS,))
    assert np.isfinite(pullback(0, call, TWO, [scores], weights, np.arange(5.0))).all()


def test_a_zero_row_stays_zero_with_zero_gradient() -> None:
    x = np.array([0.0, 0.0, 1.0, 3.0, 2.0])
    y = evaluate("normalize_rows", x, types=(PAIRS,), layout=TWO)
    np.testing.assert_allclose(y, [0.0, 0.0, 0.25, 0.75, 1.0])
    pullback = OPS["normalize_rows"].pullback
    assert pullback is not None
    assert pullback(0, Call((PAIRS,), {}, (PAIRS,)), TWO, [x], y, np.ones(5) * [1, 2, 1, 2, 1])[:2].tolist() == [0, 0]


@pytest.mark.parametrize("logit", [-800.0, 800.0])
def test_cross_entropies_of_sure_logits_are_finite(logit: float) -> None:
    one = Layout(1)
    for label in (0, 1):
        types = (Type("real", ("record",)), Type("int", ("record",)))
        expected = [max(0.0, logit if label == 0 else -logit)]
        assert evaluate("sigmoid_cross_entropy", [logit], [label], types=types, layout=one).tolist() == expected
        types = (Type("real", ("record", 2)), Type("int", ("record",)))
        found = evaluate("softmax_cross_entropy", [[0.0, logit]], [label], types=types, layout=one)
        assert found.tolist() == expected


def test_a_number_that_looks_up_nothing_is_refused() -> None:
    types = (Type("real", (3, 2)), Type("int", ("record",)))
    for wrong in (3, -1):
        with pytest.raises(QsanError, match=f"number {wrong} is outside 0..3"):
            evaluate("gather", np.zeros((3, 2)), [wrong, 0], types=types, layout=Layout(2))
    with pytest.raises(QsanError, match="a record has only 1"):
        evaluate("token", [1.0, 2.0, 3.0], types=(Type("real", ("record", "S")),), layout=TWO, index=1)


REFUSED = [
    ("add", ("real[record, 3]", "real[record, 4]"), {}, "`add` takes two values of one type"),
    ("exp", ("int[record]",), {}, "`exp` takes real values, and this one is int[record]"),
    ("broadcast", ("real[3]",), {"axes": (3, 4)}, "real[3] cannot be repeated to real[3, 4]"),
    ("broadcast", ("real",), {"axes": ("S",)}, "run-time axes begin with record"),
    ("broadcast", ("real",), {"axes": ("U0", "record")}, "U0 belongs to the whole batch"),
    ("sum", ("real[record, S, 3]",), {"axis": 0}, "axis 0 of real[record, S, 3] is not the last run-time one"),
    ("sum", ("real[record]",), {"axis": 0}, "no record sees it"),
    ("softmax", ("real[record]",), {"axis": 2}, "real[record] has no axis 2"),
    ("layernorm", ("real[record]",), {}, "needs a static axis"),
    ("reshape", ("real[record, 2, 3]",), {"axes": (5,)}, "[2, 3] has 6 elements and [5] has 5"),
    ("concat", ("real[2, 3]", "real[2, 4]"), {"axis": 0}, "cannot join real[2, 3] and real[2, 4]"),
    ("stack", ("real[2]", "real[3]"), {"axis": 0}, "these are real[2] and real[3]"),
    ("stack", ("real[record, 2]",), {"axis": 0}, "a new axis of real[record, 2] has no place 0"),
    ("select", ("real[3]",), {"axis": 0, "index": 3}, "place 3 is outside an axis of length 3"),
    ("slice", ("real[3]",), {"axis": 0, "start": 2, "stop": 4}, "the stretch 2..4 is outside an axis of length 3"),
    ("token", ("real[record, 3]",), {"index": 0}, "needs a run-time axis beside record"),
    ("gather", ("real[record, 3]", "int"), {}, "looks up along a first static axis"),
    ("pick", ("real[record, 3]", "int[record, S]"), {}, "one number for each row"),
    ("matmul", ("real[record, 3]", "real[4]"), {}, "the last axis of real[record, 3] has length 3"),
    ("matmul", ("real[3]", "real[record, 3]"), {}, "needs the rows of real[record, 3] among those of real[3]"),
    ("attend", ("real[record, S, S]", "real[record, T, 3]"), {}, "do not fit values real[record, T, 3]"),
    ("causal", ("real[record, S, T]",), {"fill": 0.0}, "needs pairs of tokens"),
    ("softmax_cross_entropy", ("real[record]", "int[record]"), {}, "one label belongs to each list of logits"),
    ("position", (), {"dim": "record"}, "needs a run-time dim"),
    ("constant", (), {"axes": (2,), "value": (1.0,)}, "1 numbers for axes [2]"),
    ("circuit", (), {"module": "u"}, "there is no circuit u"),
    ("concat", ("real[record, 2]", "real[record, S]"), {"axis": 1}, "cannot join real[record, 2] and real[record, S]"),
    ("median", (), {}, "there is no operation `median`"),
]


@pytest.mark.parametrize(("name", "types", "attributes", "message"), REFUSED)
def test_what_does_not_fit_is_said_in_words(
    name: str, types: tuple[str, ...], attributes: dict[str, object], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        infer(name, [_type(written) for written in types], attributes)
    assert message in str(caught.value)


def _type(written: str) -> Type:
    kind, _, axes = written.rstrip("]").partition("[")
    return Type(kind, tuple(int(a) if a.isdecimal() else a for a in axes.split(", ") if a))
