"""Values of compiled programs against the same things written out by hand: Kronecker products and loops over tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import pytest
from oracle.dense import GATES, PAULIS, embed, reduced
from small_programs import compiled, sentences

from qsanc.ir.layout import Layout

Gate = tuple[Any, ...]
LEVELS = ("O0", "O2")


def state(n: int, *gates: Gate) -> np.ndarray:
    """Gates such as ("rx", 0.3, 0) or ("cx", 0, 1), one after the other, on |0...0>."""
    psi = np.eye(2**n)[0].astype(complex)
    for name, *rest in gates:
        wires = tuple(item for item in rest if isinstance(item, int))
        angles = [float(item) for item in rest if not isinstance(item, int)]
        psi = embed(GATES[name](*angles), wires, n) @ psi
    return psi


def expectation(psi: np.ndarray, **letters: str) -> float:
    """<X_0 Z_2> is expectation(psi, w0="X", w2="Z")."""
    n = int(np.log2(len(psi)))
    factors = [PAULIS[letters[f"w{k}"]] if f"w{k}" in letters else np.eye(2) for k in range(n)]
    return float((psi.conj() @ reduce(np.kron, factors) @ psi).real)


def overlap(psi: np.ndarray, phi: np.ndarray, wires: tuple[int, ...]) -> float:
    n = int(np.log2(len(psi)))
    one, other = (reduced(np.outer(v, v.conj()), wires, n) for v in (psi, phi))
    return float(np.trace(one @ other).real)


# ---- attention -----------------------------------------------------------------------------------------------------

BLOCK = """
attention att[S: dim, n: nat](x: angle[S, n], tq: angle[n], tk: angle[n], tv: angle[n])
    on q: qubit[n] -> real[S, n, 2] {
  encode {
    h q;
    for i in 0..n { ry(x[i]) q[i]; }
    for i in 0..n - 1 { cx q[i], q[i + 1]; }
    rz(pi * pos / len) q[0];
    rx(x[0] * x[1] + pos ^ 2 / 3) q[1];
  }
  query { for i in 0..n { rx(tq[i]) q[i]; } } QUERY
  key { for i in 0..n { ry(2 * tk[i] - 0.1) q[i]; } cz q[0], q[1]; } KEY
  value { for i in 0..n { rx(tv[i]) q[i]; } } -> [[Z(q[i]), X(q[i]) @ Y(q[(i + 1) % n])] for i in 0..n];
  mask MASK;
  score SCORE;
  normalize NORMALIZE;
}
"""
N = 2


def encoded(x: np.ndarray, place: int, length: int) -> list[Gate]:
    return [
        ("h", 0),
        ("h", 1),
        ("ry", x[0], 0),
        ("ry", x[1], 1),
        ("cx", 0, 1),
        ("rz", np.pi * place / length, 0),
        ("rx", x[0] * x[1] + place**2 / 3, 1),
    ]


Pair = Callable[[np.ndarray, np.ndarray], float]


def attention_by_hand(
    batch: Sequence[np.ndarray], angles: dict[str, np.ndarray], score: Pair, mask: str, normalize: str
) -> np.ndarray:
    """The tokens of all sentences one after the other: [token, n, 2]."""
    out = []
    for record, sentence in enumerate(batch):
        tq, tk, tv = (angles[name][record] for name in ("tq", "tk", "tv"))
        length = len(sentence)
        prefixes = [encoded(x, s, length) for s, x in enumerate(sentence)]
        queries = [state(N, *p, *(("rx", tq[i], i) for i in range(N))) for p in prefixes]
        keys = [state(N, *p, *(("ry", 2 * tk[i] - 0.1, i) for i in range(N)), ("cz", 0, 1)) for p in prefixes]
        values = []
        for prefix in prefixes:
            psi = state(N, *prefix, *(("rx", tv[i], i) for i in range(N)))
            pairs = [expectation(psi, w0="X", w1="Y"), expectation(psi, w0="Y", w1="X")]
            values.append([[expectation(psi, **{f"w{i}": "Z"}), pairs[i]] for i in range(N)])
        for s in range(length):
            row = [score(queries[s], keys[j]) for j in range(length)]
            seen = [j for j in range(length) if mask == "none" or j <= s]
            if normalize == "rows":
                total = sum(row[j] for j in seen)
                weights = {j: row[j] / total for j in seen}
            elif normalize == "softmax":
                total = sum(np.exp(row[j]) for j in seen)
                weights = {j: np.exp(row[j]) / total for j in seen}
            else:
                weights = {j: row[j] for j in seen}
            out.append(sum(weights[j] * np.array(values[j]) for j in seen))
    return np.array(out)


def measured(psi: np.ndarray) -> np.ndarray:
    return np.array([expectation(psi, w0="Z"), expectation(psi, w1="X") - 0.5 * expectation(psi, w0="Y") + 0.25])


OBSERVED = "-> [Z(q[0]), X(q[1]) - 0.5 * Y(q[0]) + 0.25];"
SCORES: dict[str, tuple[str, str, Pair]] = {
    "gaussian": (
        OBSERVED,
        "exp(-sum((query - key)^2))",
        lambda q, k: np.exp(-sum((measured(q) - measured(k)) ** 2)),
    ),
    "product": (OBSERVED, "2 + dot(query, key) / 3", lambda q, k: 2 + measured(q) @ measured(k) / 3),
    "fidelity": ("", "overlap(query, key)", lambda q, k: abs(q.conj() @ k) ** 2),
    "parts": (
        "",
        "sum(overlap(query, key, on = q[0])) + overlap(query, key, on = q[1..2])^2 * overlap(key, query)",
        lambda q, k: overlap(q, k, (0,)) + overlap(q, k, (1,)) ** 2 * abs(q.conj() @ k) ** 2,
    ),
    "each": (
        "",
        "sum([(i + 1) * overlap(query, key, on = q[i]) for i in 0..n])",
        lambda q, k: overlap(q, k, (0,)) + 2 * overlap(q, k, (1,)),
    ),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("mask", ["causal", "none"])
@pytest.mark.parametrize("normalize", ["rows", "softmax", "none"])
@pytest.mark.parametrize("score", SCORES)
def test_attention(score: str, normalize: str, mask: str, level: str) -> None:
    observed, written, pair = SCORES[score]
    text = BLOCK.replace("QUERY", observed).replace("KEY", observed).replace("SCORE", written)
    program = compiled(text.replace("MASK", mask).replace("NORMALIZE", normalize), "att", level=level, sizes={"n": N})
    rng = np.random.default_rng(3)
    lengths = (3, 1, 4)
    batch = [rng.normal(size=(length, N)) for length in lengths]
    angles = {name: rng.normal(size=(len(lengths), N)) for name in ("tq", "tk", "tv")}
    (found,) = program.evaluate({"x": np.concatenate(batch), **angles}, sentences(*lengths))
    np.testing.assert_allclose(found, attention_by_hand(batch, angles, pair, mask, normalize), atol=1e-10)


# ---- models --------------------------------------------------------------------------------------------------------

HEADS = """
attention head[S: dim, n: nat](x: angle[S, n], tq: angle[n], tv: angle[n], sharpness: real = 1)
    on q: qubit[n] -> real[S, n] {
  encode { for i in 0..n { ry(x[i]) q[i]; } cx q[0], q[1]; }
  query { for i in 0..n { rx(tq[i]) q[i]; } } -> Z(q[0]);
  key { for i in 0..n { rx(-tq[i]) q[i]; } } -> Z(q[1]);
  value { for i in 0..n { ry(tv[i]) q[i]; } } -> [Z(q[i]) for i in 0..n];
  score exp(-sharpness * (query - key)^2);
  normalize rows;
}

model heads {
  size n = 2;
  size H = 2;
  size layers = 2;
  size vocab;
  size classes;
  hyper strength: real = 0.5;
  data { dim S in 1..=9; tokens: int[S] in 0..vocab; label: nat in 0..classes; }
  params {
    emb: angle[vocab, n];
    tq: angle[layers, H, n];
    tv: angle[layers, H, n];
    sharpness: real;
    mix: real[H * n, n];
    w: real[n, classes];
    b: real[classes];
  }
  flow {
    x = emb[tokens] + strength * sinusoid(S, n);
    repeat l in 0..layers {
      x = x + matmul(concat([head(x, tq[l, h], tv[l, h], sharpness) for h in 0..H], axis = 1), mix);
    }
    predict softmax(matmul(mean(x, axis = 0), w) + b);
  }
  loss cross_entropy(predict, label) + 0.01 * sumsq(w) / size(w);
}
"""


def head_by_hand(x: np.ndarray, tq: np.ndarray, tv: np.ndarray, sharpness: float) -> np.ndarray:
    prefixes = [[("ry", row[0], 0), ("ry", row[1], 1), ("cx", 0, 1)] for row in x]
    queries = [expectation(state(2, *p, ("rx", tq[0], 0), ("rx", tq[1], 1)), w0="Z") for p in prefixes]
    keys = [expectation(state(2, *p, ("rx", -tq[0], 0), ("rx", -tq[1], 1)), w1="Z") for p in prefixes]
    states = [state(2, *p, ("ry", tv[0], 0), ("ry", tv[1], 1)) for p in prefixes]
    values = np.array([[expectation(psi, w0="Z"), expectation(psi, w1="Z")] for psi in states])
    out = []
    for query in queries:
        row = np.array([np.exp(-sharpness * (query - key) ** 2) for key in keys])
        out.append(row @ values / row.sum())
    return np.array(out)


@pytest.mark.parametrize("level", LEVELS)
def test_heads_layers_places_and_classes(level: str) -> None:
    program = compiled(HEADS, "heads", level=level, data_sizes={"vocab": 5, "classes": 3})
    rng = np.random.default_rng(5)
    shapes = {p.name: p.shape for p in program.program.models[0].parameters}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    batch = [[1, 2, 2, 4], [0], [3, 1]]
    labels = [2, 0, 1]
    predictions, losses = [], []
    for words, label in zip(batch, labels, strict=True):
        places = np.array([[np.sin(s), np.cos(s)] for s in range(len(words))])
        x = params["emb"][words] + 0.5 * places
        for layer in range(2):
            parts = [
                head_by_hand(x, params["tq"][layer, h], params["tv"][layer, h], params["sharpness"]) for h in range(2)
            ]
            x = x + np.concatenate(parts, axis=1) @ params["mix"]
        z = x.mean(axis=0) @ params["w"] + params["b"]
        p = np.exp(z) / np.exp(z).sum()
        predictions.append(p)
        losses.append(-np.log(p[label]) + 0.01 * (params["w"] ** 2).sum() / params["w"].size)
    inputs = {**params, "tokens": np.concatenate(batch), "label": np.array(labels)}
    found = program.evaluate(inputs, sentences(4, 1, 2), ("predict", "loss"))
    np.testing.assert_allclose(found[0], predictions, atol=1e-10)
    np.testing.assert_allclose(found[1], losses, atol=1e-10)


REUPLOAD = """
ansatz turns[n: nat](th: angle[n, 2]) on q: qubit[n] {
  for i in 0..n { rz(th[i, 0]) q[i]; ry(th[i, 1]) q[i]; }
  for i in 0..n - 1 { cz q[i], q[i + 1]; }
}
circuit reupload[n: nat, L: nat](x: real[n], th: angle[L, n, 2], s: real[L, n]) on q: qubit[n] -> real {
  for l in 0..L {
    for i in 0..n { ry(s[l, i] * x[i]) q[i]; }
    if l == L - 1 { inv @ turns(th[l]) q; } else { turns(th[l]) q; }
  }
  pow(2) @ rxx(x[0] / 4) q[0], q[1];
  return expval(Z(q[0]) @ Z(q[1]) - 0.3 * X(q[n - 1]));
}
model vqc {
  size n = 3;
  size L = 2;
  data { x: real[n] in -pi..=pi; label: bit; }
  params { th: angle[L, n, 2]; s: real[L, n]; scale: real; b: real; }
  flow { z = reupload(x, th, s); predict sigmoid(scale * z + b); }
  loss cross_entropy(predict, label);
}
"""


@pytest.mark.parametrize("level", LEVELS)
def test_data_times_trained_scales(level: str) -> None:
    program = compiled(REUPLOAD, "vqc", level=level)
    rng = np.random.default_rng(7)
    params = {p.name: rng.normal(size=p.shape) for p in program.program.models[0].parameters}
    data, labels = rng.uniform(-2, 2, (4, 3)), np.array([0, 1, 1, 0])
    expected = []
    for x in data:
        gates: list[Gate] = []
        for layer in range(2):
            gates += [("ry", params["s"][layer, i] * x[i], i) for i in range(3)]
            th = params["th"][layer]
            turns = [g for i in range(3) for g in (("rz", th[i, 0], i), ("ry", th[i, 1], i))]
            ties: list[Gate] = [("cz", 0, 1), ("cz", 1, 2)]
            if layer == 0:
                gates += turns + ties
            else:
                gates += ties[::-1] + [(name, -angle, wire) for name, angle, wire in reversed(turns)]
        psi = state(3, *gates, ("rxx", x[0] / 4, 0, 1), ("rxx", x[0] / 4, 0, 1))
        expected.append(expectation(psi, w0="Z", w1="Z") - 0.3 * expectation(psi, w2="X"))
    p = 1 / (1 + np.exp(-(params["scale"] * np.array(expected) + params["b"])))
    found = program.evaluate({**params, "x": data, "label": labels}, Layout(4), ("predict", "loss"))
    np.testing.assert_allclose(found[0], p, atol=1e-10)
    np.testing.assert_allclose(found[1], -np.log(np.where(labels, p, 1 - p)), atol=1e-10)


@pytest.mark.parametrize("level", LEVELS)
def test_energy_with_a_constant(level: str) -> None:
    text = """
    circuit energy(th: angle[2]) on q: qubit[2] -> real {
      let bonds = sum([0.5 * Z(q[i]) @ Z(q[1 - i]) for i in 0..2]);
      ry(th[0]) q[0]; ry(th[1]) q[1]; cx q[0], q[1];
      return expval(-1.05 + 0.4 * Z(q[0]) - bonds + (X(q[0]) @ X(q[1]) - Z(q[1])) / 4);
    }
    model vqe { params { th: angle[2]; } flow { e = energy(th); predict e; } loss e; }
    """
    th = np.array([0.7, -1.3])
    psi = state(2, ("ry", th[0], 0), ("ry", th[1], 1), ("cx", 0, 1))
    expected = -1.05 + 0.4 * expectation(psi, w0="Z") - expectation(psi, w0="Z", w1="Z")
    expected += (expectation(psi, w0="X", w1="X") - expectation(psi, w1="Z")) / 4
    (found,) = compiled(text, "vqe", level=level).evaluate({"th": th}, Layout(1), ("loss",))
    assert float(found) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("level", LEVELS)
def test_several_registers_and_results(level: str) -> None:
    text = """
    ansatz prepare[n: nat](x: angle[n]) on q: qubit[n] { for i in 0..n { ry(x[i]) q[i]; } cx q[0], q[1]; }
    circuit swap_test[n: nat](x: angle[n], y: angle[n]) on a: qubit[n], c: qubit, b: qubit[n] -> real[4] {
      prepare(x) a;
      prepare(y) b;
      h c;
      for i in 0..n { cswap c, a[i], b[i]; }
      h c;
      return [expval(Z(c)), prob_of([c, a[1]], 2), probs(b[1])];
    }
    """
    x, y = np.array([[0.4, -0.9], [1.1, 0.2]]), np.array([[0.3, 2.0], [-0.6, 0.8]])
    rows = []
    for left, right in zip(x, y, strict=True):
        one = [("ry", left[0], 0), ("ry", left[1], 1), ("cx", 0, 1)]
        two = [("ry", right[0], 3), ("ry", right[1], 4), ("cx", 3, 4)]
        psi = state(5, *one, *two, ("h", 2), ("cswap", 2, 0, 3), ("cswap", 2, 1, 4), ("h", 2))
        rho = np.outer(psi, psi.conj())
        both, last = np.diag(reduced(rho, (2, 1), 5)).real, np.diag(reduced(rho, (4,), 5)).real
        rows.append([expectation(psi, w2="Z"), both[2], *last])
    (found,) = compiled(text, "swap_test", level=level, sizes={"n": 2}).evaluate({"x": x, "y": y}, Layout(2))
    np.testing.assert_allclose(found, rows, atol=1e-10)
    fidelity = [abs(state(2, *_two(a)).conj() @ state(2, *_two(b))) ** 2 for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(found[:, 0], fidelity, atol=1e-10)


def _two(angles: np.ndarray) -> list[Gate]:
    return [("ry", angles[0], 0), ("ry", angles[1], 1), ("cx", 0, 1)]
