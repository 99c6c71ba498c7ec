"""Programs, models, calls of templates and records, as strategies draw them, are taken without an error."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import qsanc
from qsanc import driver
from qsanc.api.names import module_of
from qsanc.diagnostics import QsanError
from qsanc.elaborate import elaborate
from qsanc.ir.gates import GATES
from qsanc.ir.verify import verify
from qsanc.source import Source
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import print_file
from qsanc.testing.strategies import AnsatzCall, Dataset, Written, ansatz_calls, datasets, models, qsan_source
from qsanc.testing.strategies.fitting import legal

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
MODELS = ("qsann", "qsann_multiclass", "vqc")


def smallest(strategy: st.SearchStrategy[T], condition: Callable[[T], bool]) -> T:
    return find(strategy, condition, settings=settings(max_examples=1000, database=None), random=random.Random(0))


def many(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    drawn: list[T] = []

    @settings(max_examples=count, database=None, phases=[Phase.generate])
    @given(strategy)
    def collect(value: T) -> None:
        drawn.append(value)

    collect()
    return drawn


@given(qsan_source())
@settings(max_examples=40)
def test_programs_check_and_their_print_is_a_fixed_point(text: str) -> None:
    printed = print_file(parse(Source("drawn.qsan", text)))
    assert print_file(parse(Source("printed.qsan", printed))) == printed
    driver.check(module_of(text))
    driver.check(module_of(printed))


def test_programs_hold_every_item_and_every_gate() -> None:
    texts = many(qsan_source(), 200)
    words = Counter(word for text in texts for word in text.replace("(", " ").replace("[", " ").split())
    for item in ("const", "size", "hyper", "ansatz", "circuit", "noise", "attention", "model", "property", "test"):
        assert words[item] > 2, item
    bodies = " ".join(many(qsan_source(items=("ansatz",), max_items=8), 200)).replace("(", " ").split()
    assert set(GATES) <= set(bodies)


def test_only_the_items_asked_for_are_drawn() -> None:
    for text in many(qsan_source(items=("ansatz",)), 40):
        assert {type(item).__name__ for item in parse(Source("drawn.qsan", text)).items} <= {"Import", "Ansatz"}


def test_a_program_shrinks_to_the_item_that_matters() -> None:
    assert smallest(qsan_source(), lambda text: True) == "qsan 1.0\nfrom std.ring import ring_of_cx;\n"
    text = smallest(qsan_source(), lambda text: "cswap" in text)
    assert len(text.splitlines()) <= 9
    assert text.count("ansatz") + text.count("circuit") == 1


@given(models())
@settings(max_examples=25)
def test_models_check_and_read_the_records_that_they_are_given(written: Written) -> None:
    driver.check(module_of(written.text))
    program, _ = elaborate(module_of(written.text), entry=written.name)
    fields = {field.name: field for field in program.models[0].fields}
    assert ("tokens" in fields, "x" in fields) == (written.words > 0, written.numbers > 0)
    assert fields["label"].classes == {"bit": 2, "class": written.classes, "real": None}[written.label]
    for module in program.modules:
        verify(module)


def test_only_the_models_asked_for_are_drawn() -> None:
    for written in many(models(kinds=["attention"], labels=["real"]), 20):
        assert (written.words, written.label) == (4, "real")
    assert {w.label for w in many(models(kinds=["circuit"]), 40)} == {"bit", "class", "real"}


def test_a_model_with_attention_shrinks_to_its_simplest_form() -> None:
    written = smallest(models(), lambda written: "attention" in written.text)
    assert "score exp(-(query - key)^2);\n  normalize none;" in written.text
    assert "x = emb[tokens];\n    x = att(x, t[0], t[1], t[2]);\n    z = flatten" in written.text
    assert "attention" not in smallest(models(), lambda written: True).text


@pytest.mark.parametrize(
    "file", ["models/qsann.qsan", "models/qsann_blocks.qsan", "qsanc/std/encoders.qsan", "qsanc/std/brickwall.qsan"]
)
@given(data=st.data())
@settings(max_examples=25)
def test_calls_of_templates_become_circuits(file: str, data: st.DataObject) -> None:
    call = data.draw(CALLS[file])
    circuit = call.bound()
    verify(circuit.module())
    assert 1 <= circuit.wires <= 5
    assert all(np.isfinite(array).all() for array in call.arguments.values())


CALLS = {
    file: ansatz_calls(ROOT / file)
    for file in ("models/qsann.qsan", "models/qsann_blocks.qsan", "qsanc/std/encoders.qsan", "qsanc/std/brickwall.qsan")
}


@given(CALLS["models/qsann.qsan"])
@settings(max_examples=25)
def test_a_call_is_written_as_in_a_file(call: AnsatzCall) -> None:
    text = (ROOT / "models/qsann.qsan").read_text(encoding="utf-8")
    driver.check(module_of(f"{text}\ntest it {{ assert unitary({call}); }}\n"))


def test_a_bound_call_equals_the_circuit_with_its_slots_bound() -> None:
    module = module_of(ROOT / "qsanc/std/ring.qsan")
    for call in many(ansatz_calls(module, name="ring"), 20):
        program, _ = elaborate(module, entry="ring", sizes=dict(call.sizes))
        slots = np.concatenate([array.ravel() for array in call.arguments.values()])
        expected = type(call.bound()).of(program.modules[0], 0, slots)
        np.testing.assert_allclose(call.bound().unitary(), expected.unitary(), atol=1e-12)


LEGAL = """qsan 1.0
ansatz a[n: nat in 2..=3, flip: bool, m: nat in 0..n](
    x: real[n] in 0.5..2, p: prob, y: real, k: nat in 1..=2, z: angle[m, 2],
) on q: qubit[n], r: qubit {
  require n + m > 2, "more";
  rx(1 / x[0] + log(x[1]) + y^2 * p) q[0];
  if flip { crx(sqrt(p) * y) q[1], r; }
  for i in 0..k { ry(sin(z[0, 1]) * y) r; }
}
ansatz b(y: real) on q: qubit { rz(log(y)) q; rx(1 / y) q; }
ansatz list(n: nat[2]) on q: qubit[n[0]] { h q; }
"""


@given(ansatz_calls(LEGAL, name="a"))
def test_ranges_and_requirements_are_obeyed(call: AnsatzCall) -> None:
    assert 2 <= call.sizes["n"] <= 3
    assert 0 <= call.sizes["m"] < call.sizes["n"]
    assert call.sizes["n"] + call.sizes["m"] > 2
    assert call.sizes["k"] in (1, 2)
    assert np.all((call.arguments["x"] >= 0.5) & (call.arguments["x"] < 2))
    assert 0 <= call.arguments["p"] <= 1
    assert call.arguments["z"].shape == (call.sizes["m"], 2)
    assert call.bound().wires == call.sizes["n"] + 1


def test_the_sizes_to_draw_from_are_all_that_are_legal() -> None:
    every = {tuple(fitting.sizes.values()) for fitting in legal(module_of(LEGAL), "a", {}, 5, 200)}
    assert every == {(n, f, m, k) for n, m in ((2, 1), (3, 1), (3, 2)) for f in (False, True) for k in (1, 2)}
    drawn = {tuple(call.sizes.values()) for call in many(ansatz_calls(LEGAL, name="a"), 200)}
    assert drawn <= every
    assert len(drawn) > len(every) / 2


def test_arguments_of_functions_for_positive_numbers_are_positive() -> None:
    for call in many(ansatz_calls(LEGAL, name="b"), 50):
        assert call.arguments["y"] > 0
        call.bound()


def test_a_call_shrinks_to_the_smallest_sizes_and_to_zeros() -> None:
    entangler = ansatz_calls(ROOT / "models/qsann.qsan", name="entangler")
    call = smallest(entangler, lambda call: True)
    assert str(call) == "entangler[n = 2, depth = 0](th = [[0.0, 0.0], [0.0, 0.0]])"
    turned = smallest(entangler, lambda call: bool(call.arguments["th"].any()))
    assert np.count_nonzero(turned.arguments["th"]) == 1


def test_sizes_can_be_fixed() -> None:
    fixed = ansatz_calls(ROOT / "models/qsann.qsan", name="entangler", sizes={"n": 3})
    assert {call.sizes["n"] for call in many(fixed, 20)} == {3}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ansatz_calls(ROOT / "models/vqe_h2.qsan"), "has no ansatz"),
        (lambda: ansatz_calls(LEGAL, name="c"), "has no ansatz 'c'"),
        (lambda: ansatz_calls(LEGAL, name="list"), "`list` takes `n`, which cannot be drawn: n: nat"),
        (lambda: ansatz_calls(LEGAL, sizes={"width": 2}), "no ansatz has the size 'width'"),
        (lambda: ansatz_calls(LEGAL, name="a", max_wires=2), "none of the small sizes"),
        (lambda: ansatz_calls(LEGAL, name="a", sizes={"n": 9}), "none of the small sizes"),
    ],
)
def test_templates_that_cannot_be_called_are_told(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_file_with_errors_is_told_by_diagnostics() -> None:
    with pytest.raises(QsanError):
        ansatz_calls("qsan 1.0\nansatz a on q: qubit { nothing q; }\n")


@pytest.mark.parametrize("name", MODELS)
def test_records_are_trained_on_and_predicted(name: str) -> None:
    for data in many(datasets(qsanc.load(ROOT / f"models/{name}.qsan")), 6):
        model = qsanc.load(ROOT / f"models/{name}.qsan")
        model.fit(data.columns, data.labels, epochs=1)
        assert len(model.predict(data.columns)) == len(data) >= 3


@given(st.data())
@settings(max_examples=15)
def test_records_of_any_model_are_read(data: st.DataObject) -> None:
    model = qsanc.load(data.draw(models()).text)
    records = data.draw(datasets(model, min_records=1, max_records=3))
    assert set(model.gradient(records.columns, records.labels)) == {*model.params}
    assert len(model.predict(records.columns)) == len(records)


TWO = """qsan 1.0
model two {
  data {
    dim S in 2..=3;
    left: int[S] in 0..5; right: int[S] in 0..4; k: real[2] in 0..=3; u: real in -1..1;
    label: nat in 0..3;
  }
  params { w: real[5]; v: real[5]; }
  flow {
    predict softmax([sum(w[left] * v[right]), u, sum(k)]);
  }
  loss cross_entropy(predict, label);
}
"""


@given(datasets(elaborate(module_of(TWO), entry="two")[0].models[0], max_words=2))
def test_records_lie_in_the_declared_ranges(data: Dataset) -> None:
    assert data.labels is not None
    assert len(set(data.labels)) > 1
    for left, right, k, u in zip(*(data.columns[name] for name in ("left", "right", "k", "u")), strict=True):
        assert len(left) == len(right) == 2
        assert set(left) <= set(range(5))
        assert set(right) <= set(range(4))
        assert all(0 <= number <= 3 for number in k)
        assert -1 <= u < 1


def test_records_shrink_to_the_smallest_ones() -> None:
    data = smallest(datasets(qsanc.load(ROOT / "models/qsann.qsan", vocab=9)), lambda data: True)
    assert data == Dataset({"tokens": [[0], [0], [0]]}, [0, 0, 1])
    words = smallest(datasets(qsanc.load(ROOT / "models/qsann.qsan")), lambda data: "code" in data.columns["tokens"])
    assert sorted(words.columns["tokens"]) == ["code", "cook", "cook"]


def test_a_model_without_data_has_no_records() -> None:
    with pytest.raises(ValueError, match="`vqe_h2` has no data block"):
        datasets(qsanc.load(ROOT / "models/vqe_h2.qsan"))
