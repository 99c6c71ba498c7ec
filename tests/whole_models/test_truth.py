"""Attention from its definition: Python loops over sentences and their words, states as vectors of 2^n amplitudes.

Nothing of the product is used on the right side of a comparison. Batches are ragged, and one sentence has one word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import pytest
from oracle import dense
from running import Arrays, compiled

from qsanc.ir.layout import Layout
from qsanc.passes.model.pipeline import Level

SENTENCES = ((2, 0, 2), (1,), (0, 1, 2, 1))
LABELS = np.array([1, 0, 2])


def applied(psi: np.ndarray, *gates: tuple[object, ...]) -> np.ndarray:
    """The state after gates (name, wires, angles ...)."""
    n = int(math.log2(len(psi)))
    for name, wires, *angles in gates:
        psi = dense.embed(dense.GATES[name](*angles), wires, n) @ psi
    return psi


def mean_of(psi: np.ndarray, letters: str) -> float:
    """<psi| P |psi> for a word of I, X, Y, Z with a letter for each qubit."""
    product = reduce(np.kron, [dense.PAULIS.get(letter, dense.ONE) for letter in letters])
    return float(np.vdot(psi, product @ psi).real)


def softmax(row: np.ndarray) -> np.ndarray:
    return np.exp(row) / np.exp(row).sum()


def divided(row: np.ndarray) -> np.ndarray:
    return row / row.sum() if row.sum() else 0 * row


NORMALIZE: dict[str, Callable[[np.ndarray], np.ndarray]] = {"rows": divided, "softmax": softmax, "none": np.array}


def attention(
    score: Callable[[int, int], float], values: Sequence[np.ndarray], *, causal: bool, normalize: str
) -> np.ndarray:
    """out[s] = sum over the words j that s may see of W[s, j] value_j."""
    out = []
    for s in range(len(values)):
        seen = range(s + 1) if causal else range(len(values))
        weights = NORMALIZE[normalize](np.array([score(s, j) for j in seen]))
        out.append(sum(w * values[j] for w, j in zip(weights, seen, strict=True)))
    return np.array(out)


def batch(**shapes: tuple[int, ...]) -> tuple[Arrays, Layout]:
    generator = np.random.default_rng(5)
    inputs = {name: generator.normal(size=shape) for name, shape in shapes.items()}
    inputs["tokens"] = np.concatenate([np.array(words) for words in SENTENCES])
    return inputs, Layout(len(SENTENCES), {"S": np.array([len(words) for words in SENTENCES])})


BLOCK = """
qsan 1.0
attention att[S: dim](x: angle[S, 2], tq: angle[2], tk: angle[2], tv: angle[2]) on q: qubit[2] -> real[S, 3] {{
  encode {{ ry(x[0]) q[0]; rx(2 * x[1]) q[1]; cx q[0], q[1]; {place} }}
  query {{ rx(tq[0]) q[0]; crx(tq[1]) q[0], q[1]; }} {query}
  key {{ ry(tk[0]) q[1]; crz(tk[1]) q[1], q[0]; h q; }} {key}
  value {{ u3(tv[0], tv[1], 0.3) q[0]; cx q[0], q[1]; }} -> [Z(q[0]), X(q[0]) @ Y(q[1]), 0.5 * Z(q[1]) - 2];
  mask {mask};
  score {score};
  normalize {normalize};
}}
"""
ONE_HEAD = """
model m {
  data { dim S; tokens: int[S] in 0..3; label: bit; }
  params { emb: angle[3, 2]; tq: angle[2]; tk: angle[2]; tv: angle[2]; }
  flow { y = att(emb[tokens], tq, tk, tv); z = mean(y, axis = 0); predict z[0] + 2 * z[1] - z[2]; }
  loss mse(predict, label);
}
"""
SHAPES = {"emb": (3, 2), "tq": (2,), "tk": (2,), "tv": (2,)}
GAUSS = {"query": "-> Z(q[0]);", "key": "-> Y(q[1]);", "score": "exp(-(query - key)^2)"}
PRODUCT = {"query": "-> [Z(q[0]), X(q[1])];", "key": "-> [X(q[0]), Z(q[1])];", "score": "0.2 + dot(query, key)"}
WHOLE = {"query": "", "key": "", "score": "overlap(query, key)"}
PART = {"query": "", "key": "", "score": "exp(3 * overlap(query, key, on = q[1..2]))"}
PLACE = {"": lambda s, length: (), "rz(pi * pos / len) q[0]; ry(0.1 * pos) q[1];": lambda s, length: (
    ("rz", (0,), np.pi * s / length), ("ry", (1,), 0.1 * s))}  # fmt: skip


def encoded(x: np.ndarray, *more: tuple[object, ...]) -> np.ndarray:
    return applied(np.eye(4)[0], ("ry", (0,), x[0]), ("rx", (1,), 2 * x[1]), ("cx", (0, 1)), *more)


def query_of(psi: np.ndarray, t: np.ndarray) -> np.ndarray:
    return applied(psi, ("rx", (0,), t[0]), ("crx", (0, 1), t[1]))


def key_of(psi: np.ndarray, t: np.ndarray) -> np.ndarray:
    return applied(psi, ("ry", (1,), t[0]), ("crz", (1, 0), t[1]), ("h", (0,)), ("h", (1,)))


def value_of(psi: np.ndarray, t: np.ndarray) -> np.ndarray:
    psi = applied(psi, ("u3", (0,), t[0], t[1], 0.3), ("cx", (0, 1)))
    return np.array([mean_of(psi, "ZI"), mean_of(psi, "XY"), 0.5 * mean_of(psi, "IZ") - 2])


def score_of(kind: str, query: np.ndarray, key: np.ndarray) -> float:
    if kind == GAUSS["score"]:
        return float(np.exp(-((mean_of(query, "ZI") - mean_of(key, "IY")) ** 2)))
    if kind == PRODUCT["score"]:
        return 0.2 + mean_of(query, "ZI") * mean_of(key, "XI") + mean_of(query, "IX") * mean_of(key, "IZ")
    if kind == WHOLE["score"]:
        return float(abs(np.vdot(query, key)) ** 2)
    one, other = (np.einsum("ab,ac->bc", psi.reshape(2, 2), psi.reshape(2, 2).conj()) for psi in (query, key))
    return float(np.exp(3 * np.trace(one @ other).real))


def one_head(sentence: Sequence[int], p: Arrays, kind: str, place: str, *, causal: bool, normalize: str) -> np.ndarray:
    states = [encoded(p["emb"][word], *PLACE[place](s, len(sentence))) for s, word in enumerate(sentence)]
    queries = [query_of(psi, p["tq"]) for psi in states]
    keys = [key_of(psi, p["tk"]) for psi in states]
    values = [value_of(psi, p["tv"]) for psi in states]
    return attention(lambda s, j: score_of(kind, queries[s], keys[j]), values, causal=causal, normalize=normalize)


@pytest.mark.parametrize("normalize", ["rows", "softmax", "none"])
@pytest.mark.parametrize("mask", ["none", "causal"])
@pytest.mark.parametrize("parts", [GAUSS, PRODUCT, WHOLE, PART], ids=["gauss", "dot", "overlap", "part"])
@pytest.mark.parametrize("place", list(PLACE), ids=["set", "places"])
def test_every_normalisation_under_every_mask(normalize: str, mask: str, parts: dict[str, str], place: str) -> None:
    text = BLOCK.format(place=place, mask=mask, normalize=normalize, **parts) + ONE_HEAD
    inputs, layout = batch(**SHAPES)
    found = compiled(text).values(("predict",), inputs, layout)
    expected = []
    for sentence in SENTENCES:
        out = one_head(sentence, inputs, parts["score"], place, causal=mask == "causal", normalize=normalize)
        expected.append(out.mean(axis=0) @ [1, 2, -1])
    np.testing.assert_allclose(found["predict"], expected, rtol=0, atol=1e-10)


TWO_HEADS = """
model m {
  data { dim S; tokens: int[S] in 0..3; label: nat in 0..3; }
  params { emb: angle[3, 2]; tq: angle[2, 2]; tk: angle[2, 2]; tv: angle[2, 2];
           mix: real[6, 2]; w: real[2, 3]; b: real[3]; }
  flow {
    x = emb[tokens] + sinusoid(S, 2);
    heads = concat([att(x, tq[h], tk[h], tv[h]) for h in 0..2], axis = 1);
    x = x + matmul(heads, mix);
    predict softmax(matmul(mean(x, axis = 0), w) + b);
  }
  loss cross_entropy(predict, label) + 0.1 * sumsq(w) / size(w);
}
"""


@pytest.mark.parametrize("level", ["O0", "O2"])
def test_two_heads_and_three_classes(level: Level) -> None:
    text = BLOCK.format(place="", mask="causal", normalize="softmax", **GAUSS) + TWO_HEADS
    two = dict.fromkeys(("tq", "tk", "tv"), (2, 2))
    inputs, layout = batch(emb=(3, 2), **two, mix=(6, 2), w=(2, 3), b=(3,))
    inputs["label"] = LABELS
    found = compiled(text, level).values(("predict", "loss"), inputs, layout)
    for r, sentence in enumerate(SENTENCES):
        x = np.array([inputs["emb"][word] + [np.sin(s), np.cos(s)] for s, word in enumerate(sentence)])
        heads = []
        for h in range(2):
            own = {"emb": x, **{name: inputs[name][h] for name in two}}
            heads.append(one_head(range(len(x)), own, GAUSS["score"], "", causal=True, normalize="softmax"))
        y = x + np.concatenate(heads, axis=1) @ inputs["mix"]
        predict = softmax(y.mean(axis=0) @ inputs["w"] + inputs["b"])
        loss = -np.log(predict[LABELS[r]]) + 0.1 * np.mean(inputs["w"] ** 2)
        np.testing.assert_allclose(found["predict"][r], predict, rtol=0, atol=1e-10)
        np.testing.assert_allclose(found["loss"][r], loss, rtol=0, atol=1e-10)


ORTHOGONAL = """
qsan 1.0
attention att[S: dim](x: angle[S]) on q: qubit -> real[S, 1] {
  encode { ry(x) q; }
  query { }
  key { x q; }
  value { } -> [Z(q)];
  score overlap(query, key);
  normalize rows;
}
model m {
  data { dim S; tokens: int[S] in 0..3; label: bit; }
  params { emb: angle[3]; }
  flow { predict sum(att(emb[tokens])); }
  loss mse(predict, label);
}
"""


def test_words_that_nothing_attends_to_give_nothing() -> None:
    """Every word is in state 0 and every key in state 1: rows of zeros stay zeros, and so do their gradients."""
    inputs, layout = batch(emb=(3,))
    inputs |= {"emb": np.zeros(3), "label": np.ones(3)}
    values, gradient = compiled(ORTHOGONAL).gradient(inputs, layout, "adjoint")
    np.testing.assert_array_equal(values["predict"], np.zeros(3))
    np.testing.assert_allclose(gradient["emb"], np.zeros(3), atol=1e-12)
