"""Equal words once, wherever they stand: one a record, one a token, or one a pair of tokens."""

from __future__ import annotations

import numpy as np
import pytest
from small_attention import ANGLES, WORDS, circuit
from test_reverse import Recorder

from qsanc.grad.reverse import evaluate, prepare
from qsanc.ir.layout import Layout
from qsanc.ir.model import Function, Input, Type
from qsanc.ir.ops import OPS, Call
from qsanc.ir.verify_model import verify_function
from qsanc.passes.model.graph import Graph
from qsanc.passes.model.pipeline import DISTINCT
from qsanc_numpy.backend import NumpyBackend

PARTS = 2


@pytest.mark.parametrize("rows", [("record",), ("record", "S"), ("record", "S", "S")])
def test_words_of_any_row_space_are_shared(rows: tuple[str, ...]) -> None:
    """The angles of a word are the sum over an axis of its embedding, whose place follows the axes of the rows."""
    module = circuit()
    inputs = (
        Input("emb", "parameter", Type("real", (WORDS, PARTS, ANGLES))),
        Input("turns", "parameter", Type("real", (6,))),
        Input("words", "data", Type("int", rows)),
    )
    graph = Graph(inputs, {module.name: module})
    angles = graph.add("sum", (graph.add("gather", (0, 2)),), [("axis", len(rows))])
    first = graph.add("circuit", (1, angles), [("module", module.name)])
    before = graph.finish(
        Function("model", inputs, (), (("score", first),)), {number: number for number in range(len(graph.types))}
    )
    after = DISTINCT.rewrite(before, {module.name: module})
    verify_function(after, {module.name: module})

    rng = np.random.default_rng(5)
    layout = Layout(3, {"S": np.array([2, 3, 1])})
    words = rng.integers(0, WORDS - 1, size=layout.count(rows))
    arrays = {"emb": rng.normal(size=(WORDS, PARTS, ANGLES)), "turns": rng.normal(size=6), "words": words}
    executables = [Recorder(NumpyBackend().lower(module)) for _ in range(2)]
    old, new = (
        evaluate(prepare(function, [module], ["score"]), {module.name: executable}, arrays, layout)["score"]
        for function, executable in zip((before, after), executables, strict=True)
    )
    np.testing.assert_allclose(new, old, rtol=0, atol=1e-12)
    ran = [[request.bindings.rows for request in executable.requests] for executable in executables]
    assert ran == [[len(words)], [len(set(words.tolist()))]]


def test_each_batch_has_words_of_its_own() -> None:
    """Two batches of one shape, one after the other: u[place] is x in both."""
    call = Call((Type("int", ("record",)),), {"axis": "U0"}, (Type("int", ("U0",)), Type("int", ("record",))))
    for words in (np.array([4, 1, 4]), np.array([2, 0, 3])):
        values, places = OPS["distinct"].evaluate(call, Layout(3), [words])
        assert values.tolist() == sorted(set(words.tolist()))
        assert values[places].tolist() == words.tolist()
