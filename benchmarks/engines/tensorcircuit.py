"""TensorCircuit-NG on JAX: circuits for encoder, query, key and value; vmap over tokens, jit over the step."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import tensorcircuit as tc

from benchmarks.work.sentences import LAMBDA, NAMES, Epoch, Floats

DISTRIBUTIONS = ("tensorcircuit-ng", "jax", "jaxlib", "numpy")

tc.set_backend("jax")
tc.set_dtype("complex128")


def template(circuit: tc.Circuit, angles: jax.Array, n: int) -> None:
    for i in range(n):
        circuit.rx(i, theta=angles[0, i])
    for i in range(n):
        circuit.ry(i, theta=angles[1, i])
    for i in range(n):
        circuit.cnot(i, (i + 1) % n)
    for i in range(n):
        circuit.ry(i, theta=angles[2, i])


def token(x: jax.Array, tq: jax.Array, tk: jax.Array, tv: jax.Array) -> jax.Array:
    """query, key and values of one token with angles x[3, n]."""
    n = x.shape[1]
    encoder = tc.Circuit(n)
    for i in range(n):
        encoder.h(i)
    template(encoder, x, n)
    state = encoder.state()
    found = []
    for angles in (tq, tk):
        circuit = tc.Circuit(n, inputs=state)
        template(circuit, angles, n)
        found.append(circuit.expectation_ps(z=[0]))
    circuit = tc.Circuit(n, inputs=state)
    template(circuit, tv, n)
    found += [circuit.expectation_ps(z=[i]) for i in range(n)]
    found += [circuit.expectation_ps(x=[i]) for i in range(n)]
    found += [circuit.expectation_ps(y=[i]) for i in range(n)]
    return jnp.real(jnp.stack(found))


tokens = jax.vmap(token, in_axes=(0, None, None, None))


def loss_of(parameters: dict[str, jax.Array], batch: dict[str, jax.Array]) -> jax.Array:
    mask = batch["mask"]
    rows = parameters["emb"][batch["distinct"]]
    angles = rows.shape[1:]
    x = rows.reshape(len(rows), -1)[batch["inverse"]]
    for layer in range(parameters["tq"].shape[0]):
        shared = [parameters[name][layer] for name in ("tq", "tk", "tv")]
        found = tokens(rows, *shared)[batch["slots" if layer else "inverse"]]
        query, key, value = found[..., 0], found[..., 1], found[..., 2:]
        score = jnp.exp(-((query[:, :, None] - key[:, None, :]) ** 2)) * mask[:, None, :]
        weights = score / jnp.maximum(score.sum(-1, keepdims=True), 1e-30)
        x = x + weights @ value
        rows = x.reshape(-1, *angles)[batch["filled"]]
    mean = (x * mask[..., None]).sum(1) / jnp.maximum(mask.sum(1), 1.0)[:, None]
    predicted = jax.nn.sigmoid(mean @ parameters["w"] + parameters["b"])
    squares = (predicted - batch["labels"]) ** 2 * batch["rows"]
    return squares.sum() / batch["rows"].sum() / 2 + LAMBDA * (parameters["w"] ** 2).mean() / 2


class EpochEngine:
    """With `scan` the epoch is one compiled loop over the batches, else each batch is a call of its own."""

    def __init__(self, work: Epoch, *, scan: bool = True) -> None:
        padded = work.padded()
        self.scan = scan
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
        gradient = jax.value_and_grad(loss_of)

        def step(
            parameters: dict[str, jax.Array], batch: dict[str, jax.Array]
        ) -> tuple[dict[str, jax.Array], jax.Array]:
            loss, slopes = gradient(parameters, batch)
            return {name: parameters[name] - work.rate * slopes[name] for name in NAMES}, loss

        self.step = jax.jit(step)
        self.run = jax.jit(lambda parameters, batches: jax.lax.scan(step, parameters, batches))

    def first(self) -> None:
        if self.scan:
            self.epoch()
        else:
            jax.block_until_ready(self.step(self.parameters, {name: rows[0] for name, rows in self.batches.items()}))

    def epoch(self) -> tuple[list[float], dict[str, Floats]]:
        parameters, losses = self.parameters, []
        if self.scan:
            parameters, found = self.run(parameters, self.batches)
            losses = list(found)
        else:
            for k in range(len(self.batches["rows"])):
                parameters, loss = self.step(parameters, {name: rows[k] for name, rows in self.batches.items()})
                losses.append(loss)
        return list(map(float, losses)), {name: np.asarray(parameters[name]) for name in NAMES}
