"""PennyLane's lightning.qubit: all circuits of a sentence in one batch; derivatives by the adjoint method or shifts."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pennylane as qml

from benchmarks.engines.attention import Circuits, SentenceEngine
from benchmarks.work.registers import Register
from benchmarks.work.sentences import Epoch, Floats

DISTRIBUTIONS = ("pennylane", "pennylane-lightning", "numpy")
_CONFIG = qml.devices.ExecutionConfig(gradient_method="adjoint", use_device_gradient=True)


def template(angles: Floats, n: int) -> None:
    for i in range(n):
        qml.RX(angles[0, i], i)
    for i in range(n):
        qml.RY(angles[1, i], i)
    for i in range(n):
        qml.CNOT([i, (i + 1) % n])
    for i in range(n):
        qml.RY(angles[2, i], i)


class LightningCircuits(Circuits):
    def __init__(self, n: int, method: Literal["adjoint", "parameter_shift"]) -> None:
        self.n, self.method = n, method
        self.device = qml.device("lightning.qubit", wires=n)
        one = [qml.Z(0)]
        every = [pauli(i) for pauli in (qml.Z, qml.X, qml.Y) for i in range(n)]
        self.wanted = (one, one, every)

    def _tapes(self, x: Floats, shared: tuple[Floats, ...]) -> list[qml.tape.QuantumScript]:
        tapes = []
        for row in x:
            for angles, observables in zip(shared, self.wanted, strict=True):
                with qml.queuing.AnnotatedQueue() as queue:
                    for i in range(self.n):
                        qml.Hadamard(i)
                    template(row, self.n)
                    template(angles, self.n)
                    for observable in observables:
                        qml.expval(observable)
                tapes.append(qml.tape.QuantumScript.from_queue(queue))
        return tapes

    def numbers(self, x: Floats, tq: Floats, tk: Floats, tv: Floats) -> Floats:
        results = self.device.execute(self._tapes(x, (tq, tk, tv)), _CONFIG)
        return np.concatenate([np.atleast_1d(np.asarray(result)) for result in results]).reshape(len(x), -1)

    def gradient(
        self, x: Floats, tq: Floats, tk: Floats, tv: Floats, bars: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        tapes = self._tapes(x, (tq, tk, tv))
        cotangents = [part for row in bars for part in (float(row[0]), float(row[1]), tuple(row[2:]))]
        if self.method == "adjoint":
            found = np.array(self.device.compute_vjp(tapes, cotangents, _CONFIG))
        else:
            found = self._shifted(tapes, cotangents)
        slopes = found.reshape(len(x), 3, 2, 3, self.n)
        by_shared = slopes[:, :, 1].sum(0)
        return slopes[:, :, 0].sum(1), by_shared[0], by_shared[1], by_shared[2]

    def _shifted(self, tapes: list[qml.tape.QuantumScript], cotangents: list[float | tuple[float, ...]]) -> Floats:
        batches = [qml.gradients.param_shift(tape) for tape in tapes]
        results = iter(self.device.execute([tape for shifted, _ in batches for tape in shifted], _CONFIG))
        found = []
        for (shifted, join), cotangent in zip(batches, cotangents, strict=True):
            jacobian = np.asarray(join([next(results) for _ in shifted])).reshape(-1, 6 * self.n)
            found.append(np.atleast_1d(np.asarray(cotangent)) @ jacobian)
        return np.array(found)


class EpochEngine(SentenceEngine):
    def __init__(self, work: Epoch, *, method: Literal["adjoint", "parameter_shift"] = "adjoint") -> None:
        super().__init__(work, LightningCircuits(work.n, method))


class RegisterEngine:
    def __init__(self, work: Register) -> None:
        self.work = work
        self.device = qml.device("lightning.qubit", wires=work.n)

    def _tape(self) -> qml.tape.QuantumScript:
        n = self.work.n
        with qml.queuing.AnnotatedQueue() as queue:
            for layer in self.work.angles:
                for i in range(n):
                    qml.RX(layer[0, i], i)
                for i in range(n):
                    qml.RY(layer[1, i], i)
                for i in range(n):
                    qml.CNOT([i, (i + 1) % n])
            qml.expval(qml.Z(0))
        return qml.tape.QuantumScript.from_queue(queue)

    def value(self) -> float:
        return float(self.device.execute([self._tape()], _CONFIG)[0])

    def gradient(self) -> Floats:
        _, (slopes,) = self.device.execute_and_compute_derivatives([self._tape()], _CONFIG)
        return np.array(slopes).reshape(self.work.angles.shape)
