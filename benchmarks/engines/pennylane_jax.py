"""PennyLane, default.qubit under jax.jit: tokens by parameter broadcasting, backpropagation through the simulator.

The encoder is a circuit of its own whose state is loaded by the circuits of query, key and value.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pennylane as qml

from benchmarks.work.sentences import LAMBDA, NAMES, Epoch, Floats

DISTRIBUTIONS = ("pennylane", "jax", "jaxlib", "numpy")

jax.config.update("jax_enable_x64", True)


def template(angles: jax.Array, n: int) -> None:
    for i in range(n):
        qml.RX(angles[0][i], i)
    for i in range(n):
        qml.RY(angles[1][i], i)
    for i in range(n):
        qml.CNOT([i, (i + 1) % n])
    for i in range(n):
        qml.RY(angles[2][i], i)


class EpochEngine:
    def __init__(self, work: Epoch) -> None:
        n, layers = work.n, work.layers
        device = qml.device("default.qubit", wires=n)

        def encoder(x: jax.Array) -> jax.Array:
            for i in range(n):
                qml.Hadamard(i)
            template([[x[:, k, i] for i in range(n)] for k in range(3)], n)
            return qml.state()

        def single(state: jax.Array, t: jax.Array) -> jax.Array:
            qml.StatePrep(state, range(n), validate_norm=False)
            template(t, n)
            return qml.expval(qml.Z(0))

        def several(state: jax.Array, t: jax.Array) -> list[jax.Array]:
            qml.StatePrep(state, range(n), validate_norm=False)
            template(t, n)
            return [qml.expval(pauli(i)) for pauli in (qml.Z, qml.X, qml.Y) for i in range(n)]

        encoded, one, every_value = (
            qml.QNode(circuit, device, interface="jax", diff_method="backprop")
            for circuit in (encoder, single, several)
        )

        def loss_of(parameters: dict[str, jax.Array], batch: dict[str, jax.Array]) -> jax.Array:
            mask = batch["mask"]
            rows = parameters["emb"][batch["distinct"]]
            x = rows.reshape(len(rows), -1)[batch["inverse"]]
            for layer in range(layers):
                state = encoded(rows)
                found = [one(state, parameters[name][layer]) for name in ("tq", "tk")]
                found += every_value(state, parameters["tv"][layer])
                every = jnp.stack(found, -1)[batch["slots" if layer else "inverse"]]
                query, key, value = every[..., 0], every[..., 1], every[..., 2:]
                score = jnp.exp(-((query[:, :, None] - key[:, None, :]) ** 2)) * mask[:, None, :]
                weights = score / jnp.maximum(score.sum(-1, keepdims=True), 1e-30)
                x = x + weights @ value
                rows = x.reshape(-1, 3, n)[batch["filled"]]
            mean = (x * mask[..., None]).sum(1) / jnp.maximum(mask.sum(1), 1.0)[:, None]
            predicted = jax.nn.sigmoid(mean @ parameters["w"] + parameters["b"])
            squares = (predicted - batch["labels"]) ** 2 * batch["rows"]
            return squares.sum() / batch["rows"].sum() / 2 + LAMBDA * (parameters["w"] ** 2).mean() / 2

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
        gradient = jax.value_and_grad(loss_of)

        def step(
            parameters: dict[str, jax.Array], batch: dict[str, jax.Array]
        ) -> tuple[dict[str, jax.Array], jax.Array]:
            loss, slopes = gradient(parameters, batch)
            return {name: parameters[name] - work.rate * slopes[name] for name in NAMES}, loss

        self.step = jax.jit(step)

    def first(self) -> None:
        jax.block_until_ready(self.step(self.parameters, {name: rows[0] for name, rows in self.batches.items()}))

    def epoch(self) -> tuple[list[float], dict[str, Floats]]:
        parameters, losses = self.parameters, []
        for k in range(len(self.batches["rows"])):
            parameters, loss = self.step(parameters, {name: rows[k] for name, rows in self.batches.items()})
            losses.append(loss)
        return list(map(float, losses)), {name: np.asarray(parameters[name]) for name in NAMES}
