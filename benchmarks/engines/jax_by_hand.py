"""JAX, written by hand for this model: the whole epoch is one compiled scan over batches.

A token's state is made once for each different token of a batch, from the product state that the first two columns
prepare. Up to five qubits query, key and value are matrices in the Heisenberg picture, multiplied by the outer products
of states; above, the shared circuits are applied to the states, groups of qubits of a column at once.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.work.sentences import LAMBDA, NAMES, Epoch, Floats

DISTRIBUTIONS = ("jax", "jaxlib", "numpy")

jax.config.update("jax_enable_x64", True)

_HEISENBERG = 5


def ring(n: int) -> np.ndarray:
    """new[i] = old[ring[i]] for cx 0-1, 1-2, ..., n-1 - 0; qubit 0 is the most significant bit."""
    source = np.arange(2**n)
    for q in reversed(range(n)):
        control, target = n - 1 - q, n - 1 - (q + 1) % n
        source = np.where(source >> control & 1, source ^ (1 << target), source)
    return source


def rotations(x: jax.Array, y: jax.Array) -> jax.Array:
    """RY(y) RX(x), [..., 2, 2]."""
    a, b = jnp.cos(x / 2), jnp.sin(x / 2)
    c, s = jnp.cos(y / 2), jnp.sin(y / 2)
    rows = [[c * a + 1j * s * b, -s * a - 1j * c * b], [s * a - 1j * c * b, c * a - 1j * s * b]]
    return jnp.stack([jnp.stack(row, -1) for row in rows], -2)


def turns(y: jax.Array) -> jax.Array:
    """RY(y), [..., 2, 2]."""
    c, s = jnp.cos(y / 2), jnp.sin(y / 2)
    return jnp.stack([jnp.stack([c, -s], -1), jnp.stack([s, c], -1)], -2)


def product(vectors: jax.Array) -> jax.Array:
    """[row, n, 2] to [row, 2^n]."""
    state = vectors[:, 0]
    for q in range(1, vectors.shape[1]):
        state = (state[:, :, None] * vectors[:, q, None, :]).reshape(len(state), -1)
    return state


def kron(matrices: jax.Array) -> jax.Array:
    """[n, 2, 2] to [2^n, 2^n]."""
    result = matrices[0]
    for matrix in matrices[1:]:
        result = jnp.kron(result, matrix)
    return result


def column(state: jax.Array, matrices: jax.Array) -> jax.Array:
    """One shared 2x2 matrix for each qubit, four qubits at once; state [row, 2^n]."""
    rows, n = state.shape[0], matrices.shape[0]
    for start in range(0, n, 4):
        group = kron(matrices[start : start + 4])
        inner = 2 ** max(0, n - start - 4)
        state = jnp.einsum("ij,rajb->raib", group, state.reshape(rows, 2**start, group.shape[0], inner))
    return state.reshape(rows, -1)


def turned(state: jax.Array, angles: jax.Array) -> jax.Array:
    """RY by its own angle for each row and qubit; state [row, 2^n], angles [row, n]."""
    rows, n = angles.shape
    c, s = jnp.cos(angles / 2), jnp.sin(angles / 2)
    for q in range(n):
        state = state.reshape(rows, 2**q, 2, -1)
        cq, sq = c[:, q, None, None], s[:, q, None, None]
        state = jnp.stack([cq * state[:, :, 0] - sq * state[:, :, 1], sq * state[:, :, 0] + cq * state[:, :, 1]], 2)
    return state.reshape(rows, -1)


def encoded(x: jax.Array, real: bool) -> jax.Array:
    """States of the encoder, [token, 2^n], for angles x[token, 3, n]."""
    n = x.shape[2]
    if real:
        half = x[:, 1] / 2 + np.pi / 4
        vectors = jnp.stack([jnp.cos(half), jnp.sin(half)], -1)
    else:
        vectors = rotations(x[:, 0], x[:, 1]).sum(-1) * np.sqrt(0.5)
    return turned(product(vectors)[:, ring(n)], x[:, 2])


def matrix(t: jax.Array) -> jax.Array:
    """The unitary of the template with angles t[3, n]."""
    return kron(turns(t[2])) @ kron(rotations(t[0], t[1]))[ring(t.shape[1])]


def paulis(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Z_i, X_i, Y_i as (source, factor): (P v)[i] = factor[i] v[source[i]]."""
    index = np.arange(2**n)
    bits = [index >> (n - 1 - q) & 1 for q in range(n)]
    flipped = [index ^ (1 << (n - 1 - q)) for q in range(n)]
    z = [(index, 1.0 - 2.0 * bits[q] + 0j) for q in range(n)]
    x = [(flipped[q], np.ones(2**n) + 0j) for q in range(n)]
    y = [(flipped[q], -1j * (1.0 - 2.0 * bits[q])) for q in range(n)]
    return [*z, *x, *y]


def numbers(x: jax.Array, tq: jax.Array, tk: jax.Array, tv: jax.Array, real: bool) -> jax.Array:
    """query, key and values of each token, [token, 2 + 3 n]."""
    n = x.shape[2]
    state = encoded(x, real)
    if n <= _HEISENBERG:
        observables = []
        for t, wanted in ((tq, paulis(n)[:1]), (tk, paulis(n)[:1]), (tv, paulis(n))):
            unitary = matrix(t)
            moved = jnp.stack([unitary[source] * factor[:, None] for source, factor in wanted])
            observables.append(jnp.einsum("ia,kib->kab", unitary.conj(), moved))
        every = jnp.concatenate(observables)
        if real:
            flat = jnp.einsum("ta,tb->tab", state, state).reshape(len(state), -1)
            return flat @ every.real.reshape(len(every), -1).T
        flat = jnp.einsum("ta,tb->tab", state.conj(), state).reshape(len(state), -1)
        every = every.reshape(len(every), -1).T
        return flat.real @ every.real - flat.imag @ every.imag
    results = []
    for t, wanted in ((tq, paulis(n)[:1]), (tk, paulis(n)[:1]), (tv, paulis(n))):
        out = column(column(state + 0j, rotations(t[0], t[1]))[:, ring(n)], turns(t[2]) + 0j)
        results += [(out.conj() * (factor * out[:, source])).real.sum(-1) for source, factor in wanted]
    return jnp.stack(results, -1)


def predicted_of(rows: jax.Array, rest: dict[str, jax.Array], batch: dict[str, jax.Array], *, real: bool) -> jax.Array:
    """Probabilities [sentence]; `rows` [U, 3, n] are the embeddings of the different tokens of the batch."""
    layers, n = rest["tq"].shape[0], rows.shape[2]
    mask, inverse = batch["mask"], batch["inverse"]
    x = rows.reshape(len(rows), -1)[inverse]
    for layer in range(layers):
        found = numbers(rows, rest["tq"][layer], rest["tk"][layer], rest["tv"][layer], real)
        found = found[inverse if layer == 0 else batch["slots"]]
        query, key, value = found[..., 0], found[..., 1], found[..., 2:]
        score = jnp.exp(-((query[:, :, None] - key[:, None, :]) ** 2)) * mask[:, None, :]
        weights = score / jnp.maximum(score.sum(-1, keepdims=True), 1e-30)
        x = x + weights @ value
        if layer + 1 < layers:
            rows = x.reshape(-1, 3, n)[batch["filled"]]
    mean = (x * mask[..., None]).sum(1) / jnp.maximum(mask.sum(1), 1.0)[:, None]
    return jax.nn.sigmoid(mean @ rest["w"] + rest["b"])


def loss_of(rows: jax.Array, rest: dict[str, jax.Array], batch: dict[str, jax.Array], *, real: bool) -> jax.Array:
    predicted = predicted_of(rows, rest, batch, real=real)
    squares = (predicted - batch["labels"]) ** 2 * batch["rows"]
    return squares.sum() / batch["rows"].sum() / 2 + LAMBDA * (rest["w"] ** 2).mean() / 2


class EpochEngine:
    """With `real`, what the first column of the encoder does to |+> is known: a phase, and the states are real."""

    def __init__(self, work: Epoch, *, real: bool = False) -> None:
        padded = work.padded()
        self.batches = {
            "distinct": jnp.asarray(padded.distinct),
            "inverse": jnp.asarray(padded.inverse),
            "filled": jnp.asarray(padded.filled),
            "slots": jnp.asarray(padded.slots),
            "mask": jnp.asarray(padded.mask),
            "rows": jnp.asarray(padded.rows),
            "labels": jnp.asarray(padded.labels, jnp.float64),
        }
        self.parameters = {name: jnp.asarray(work.parameters[name]) for name in NAMES}
        gradient = jax.value_and_grad(partial(loss_of, real=real), argnums=(0, 1))

        def step(
            parameters: dict[str, jax.Array], batch: dict[str, jax.Array]
        ) -> tuple[dict[str, jax.Array], jax.Array]:
            rest = {name: parameters[name] for name in NAMES[1:]}
            loss, (rows, others) = gradient(parameters["emb"][batch["distinct"]], rest, batch)
            moved = {name: parameters[name] - work.rate * others[name] for name in NAMES[1:]}
            return {"emb": parameters["emb"].at[batch["distinct"]].add(-work.rate * rows), **moved}, loss

        self.run = jax.jit(lambda parameters, batches: jax.lax.scan(step, parameters, batches))

    def first(self) -> None:
        self.epoch()

    def epoch(self) -> tuple[list[float], dict[str, Floats]]:
        parameters, losses = self.run(self.parameters, self.batches)
        return list(map(float, np.asarray(losses))), {name: np.asarray(parameters[name]) for name in NAMES}


class InferenceEngine:
    """Probabilities of sentences, one compiled call a batch; all are padded to the same length."""

    def __init__(self, work: Epoch) -> None:
        padded = work.padded()
        self.sentences = [batch.sentences for batch in work.batches()]
        parts = {name: getattr(padded, name) for name in ("distinct", "inverse", "filled", "slots", "mask")}
        self.batches = [{name: part[k] for name, part in parts.items()} for k in range(len(self.sentences))]
        self.parameters = {name: jnp.asarray(work.parameters[name]) for name in NAMES}

        def run(parameters: dict[str, jax.Array], batch: dict[str, jax.Array]) -> jax.Array:
            return predicted_of(parameters["emb"][batch["distinct"]], parameters, batch, real=False)

        self.run = jax.jit(run)

    def first(self) -> None:
        jax.block_until_ready(self.run(self.parameters, self.batches[0]))

    def predict(self) -> list[float]:
        found = [self.run(self.parameters, batch) for batch in self.batches]
        return [float(v) for part, count in zip(found, self.sentences, strict=True) for v in np.asarray(part)[:count]]
