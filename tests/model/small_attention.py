"""Small quantum attention models, built operation by operation, and what they compute, sentence by sentence.

The circuit prepares a token from its three angles, turns it by shared angles into query, key and value, and reads Z0 of
the first two and Z0, X1, Z0 Z1 of the third; or, with `overlap`, the overlap of query and key on wire 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from oracle import dense

from qsanc.ir.circuit import (
    Angle,
    CircuitModule,
    Expectation,
    Gate,
    Observable,
    Overlap,
    Pauli,
    Segment,
)
from qsanc.ir.layout import Layout
from qsanc.ir.model import Function, Input, Type
from qsanc.passes.model.graph import Graph
from qsanc.target import Bindings

WORDS, ANGLES = 5, 3
TOKENS = Type("real", ("record", "S"))
PAIRS = Type("real", ("record", "S", "S"))


def circuit(*, overlap: bool = False) -> CircuitModule:
    """Slots 0 to 5 are shared, two for each of query, key and value; slots 6 to 8 are the token's."""

    def block(name: str, first: int) -> Segment:
        body = (
            Gate("ry", (0,), (Angle.slot(first),)),
            Gate("cx", (0, 1)),
            Gate("crx", (1, 0), (Angle.slot(first + 1),)),
        )
        return Segment(name, 0, body)

    encode = (
        Gate("h", (0,)),
        Gate("rx", (0,), (Angle.slot(6),)),
        Gate("ry", (1,), (Angle.slot(7, 2.0) + Angle(0.1),)),
        Gate("rzz", (0, 1), (Angle.slot(8) + Angle.slot(6, 0.5),)),
    )
    query_and_key = (Overlap(1, 2, (0,)),) if overlap else (_read(1, "Z0"), _read(2, "Z0"))
    values = (_read(3, "Z0"), _read(3, "X1"), _read(3, "Z0 Z1"))
    return CircuitModule(
        "attention",
        2,
        tuple(f"t[{k}]" for k in range(6)),
        tuple(f"x[{k}]" for k in range(ANGLES)),
        (Segment("encode", None, encode), block("query", 0), block("key", 2), block("value", 4)),
        (*query_and_key, *values),
    )


def _read(segment: int, product: str) -> Expectation:
    factors = tuple((int(factor[1]), factor[0]) for factor in product.split())
    return Expectation(segment, Observable(((1.0, Pauli(factors)),)))


def model(
    *, layers: int = 1, heads: int = 1, overlap: bool = False, positional: bool = False
) -> tuple[Function, CircuitModule]:
    """Residual layers of Gaussian (or overlap) attention over trained words, then a mean and a linear head."""
    module = circuit(overlap=overlap)
    inputs = (
        Input("emb", "parameter", Type("real", (WORDS, ANGLES))),
        Input("turns", "parameter", Type("real", (layers, heads, 6))),
        Input("w", "parameter", Type("real", (ANGLES,))),
        Input("b", "parameter", Type("real")),
        Input("tokens", "data", Type("int", ("record", "S"))),
        Input("label", "data", Type("int", ("record",))),
    )
    emb, turns, w, b, tokens, label = range(6)
    graph = Graph(inputs, {module.name: module})
    x = graph.add("gather", (emb, tokens))
    if positional:
        x = graph.add("add", (x, graph.add("sinusoid", (), [("dim", "S"), ("axes", (ANGLES,))])))
    probes: list[tuple[str, int]] = []
    for layer in range(layers):
        own = graph.add("select", (turns,), [("axis", 0), ("index", layer)])
        out = x
        for head in range(heads):
            shared = graph.add("select", (own,), [("axis", 0), ("index", head)])
            values, weights = _attention(graph, shared, x, overlap=overlap)
            out = graph.add("add", (out, graph.add("attend", (weights, values))))
            probes.append((f"attention.{layer}.{head}.weights", weights))
        x = out
    logit = graph.add("matmul", (graph.add("mean", (x,), [("axis", 1)]), w))
    logit = graph.add("add", (logit, graph.add("broadcast", (b,), [("axes", ("record",))])))
    loss = graph.add("sigmoid_cross_entropy", (logit, label))
    predict = graph.add("sigmoid", (logit,))
    before = Function("model", inputs, (), (("predict", predict), ("loss", loss)), tuple(probes))
    return graph.finish(before, {number: number for number in range(len(graph.types))}), module


def _attention(graph: Graph, shared: int, x: int, *, overlap: bool) -> tuple[int, int]:
    inputs = [shared, x]
    if overlap:
        left = graph.add("pairs", (), [("dim", "S")])
        inputs += [left, left + 1]
    first = graph.add("circuit", inputs, [("module", "attention")])
    columns = [
        graph.add("reshape", (first + k,), [("axes", (1,))]) for k in range(1 if overlap else 2, 4 if overlap else 5)
    ]
    values = graph.add("concat", columns, [("axis", 2)])
    score = first
    if not overlap:
        query = graph.add("spread", (first,), [("side", "left")])
        key = graph.add("spread", (first + 1,), [("side", "right")])
        two = graph.add(
            "broadcast", (graph.add("constant", (), [("value", 2.0), ("axes", ())]),), [("axes", PAIRS.axes)]
        )
        square = graph.add("pow", (graph.add("sub", (query, key)), two))
        score = graph.add("exp", (graph.add("neg", (square,)),))
    return values, graph.add("normalize_rows", (score,))


def written_out(
    inputs: Mapping[str, np.ndarray],
    layout: Layout,
    *,
    layers: int = 1,
    heads: int = 1,
    overlap: bool = False,
    positional: bool = False,
) -> np.ndarray:
    """The predictions, sentence by sentence, from dense matrices."""
    module = circuit(overlap=overlap)
    predictions, at = [], 0
    for length in layout.lengths["S"]:
        x = inputs["emb"][inputs["tokens"][at : at + length]]
        at += length
        if positional:
            place = np.arange(length)[:, None] / 10000.0 ** np.array([[0.0, 0.0, 2 / 3]])
            x = x + np.where([[True, False, True]], np.sin(place), np.cos(place))
        for layer in range(layers):
            out = x.copy()
            for head in range(heads):
                bindings = Bindings(inputs["turns"][layer, head], x)
                pairs = np.array([(s, j) for s in range(length) for j in range(length)])
                found = dense.results(module, bindings, pairs)
                if overlap:
                    score = found[0].reshape(length, length)
                else:
                    score = np.exp(-((found[0][:, None] - found[1][None, :]) ** 2))
                out += score / score.sum(axis=1, keepdims=True) @ np.stack(found[-3:], axis=1)
            x = out
        predictions.append(1 / (1 + np.exp(-(x.mean(axis=0) @ inputs["w"] + inputs["b"]))))
    return np.array(predictions)


def batch(
    lengths: tuple[int, ...] = (3, 1, 4), *, layers: int = 1, heads: int = 1
) -> tuple[dict[str, np.ndarray], Layout]:
    """Parameters and a batch of sentences in which words come back."""
    rng = np.random.default_rng(7)
    layout = Layout(len(lengths), {"S": np.array(lengths)})
    inputs = {
        "emb": rng.normal(size=(WORDS, ANGLES)),
        "turns": rng.normal(size=(layers, heads, 6)),
        "w": rng.normal(size=ANGLES),
        "b": np.array(0.3),
        "tokens": rng.integers(0, WORDS - 1, size=sum(lengths)),
        "label": rng.integers(0, 2, size=len(lengths)),
    }
    return inputs, layout
