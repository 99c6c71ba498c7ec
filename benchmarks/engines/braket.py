"""Amazon Braket's LocalSimulator through its SDK: exact expectation values, derivatives by parameter-shift."""

from __future__ import annotations

import numpy as np
from braket.circuits import Circuit, Observable
from braket.devices import LocalSimulator

from benchmarks.engines.attention import Circuits, SentenceEngine
from benchmarks.work.registers import Register
from benchmarks.work.sentences import Epoch, Floats

DISTRIBUTIONS = ("amazon-braket-sdk", "amazon-braket-default-simulator", "numba", "numpy")


def template(circuit: Circuit, angles: Floats, n: int) -> None:
    for i in range(n):
        circuit.rx(i, angles[0, i])
    for i in range(n):
        circuit.ry(i, angles[1, i])
    for i in range(n):
        circuit.cnot(i, (i + 1) % n)
    for i in range(n):
        circuit.ry(i, angles[2, i])


class BraketCircuits(Circuits):
    def __init__(self, n: int) -> None:
        self.n = n
        self.device = LocalSimulator("braket_sv")
        one = [(Observable.Z(), 0)]
        every = [(kind(), i) for kind in (Observable.Z, Observable.X, Observable.Y) for i in range(n)]
        self.wanted = (one, one, every)

    def _run(self, angles: Floats, kind: int) -> Floats:
        """The results of query (0), key (1) or value (2) for angles[6, n] of encoder and tail."""
        circuit = Circuit()
        for i in range(self.n):
            circuit.h(i)
        template(circuit, angles[:3], self.n)
        template(circuit, angles[3:], self.n)
        for observable, target in self.wanted[kind]:
            circuit.expectation(observable, target)
        return np.array(self.device.run(circuit, shots=0).result().values)

    def numbers(self, x: Floats, tq: Floats, tk: Floats, tv: Floats) -> Floats:
        rows = [[self._run(np.concatenate([row, t]), k) for k, t in enumerate((tq, tk, tv))] for row in x]
        return np.array([np.concatenate(row) for row in rows])

    def gradient(
        self, x: Floats, tq: Floats, tk: Floats, tv: Floats, bars: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        slopes = np.zeros((len(x), 3, 6, self.n))
        for k, row in enumerate(x):
            weights = (bars[k, :1], bars[k, 1:2], bars[k, 2:])
            for kind, t in enumerate((tq, tk, tv)):
                angles = np.concatenate([row, t])
                for place in np.ndindex(angles.shape):
                    ends = []
                    for shift in (np.pi / 2, -np.pi / 2):
                        moved = angles.copy()
                        moved[place] += shift
                        ends.append(self._run(moved, kind))
                    slopes[k, kind][place] = weights[kind] @ (ends[0] - ends[1]) / 2
        by_shared = slopes[:, :, 3:].sum(0)
        return slopes[:, :, :3].sum(1), by_shared[0], by_shared[1], by_shared[2]


class EpochEngine(SentenceEngine):
    def __init__(self, work: Epoch) -> None:
        super().__init__(work, BraketCircuits(work.n))


class RegisterEngine:
    def __init__(self, work: Register) -> None:
        self.work = work
        self.device = LocalSimulator("braket_sv")

    def value(self) -> float:
        n = self.work.n
        circuit = Circuit()
        for layer in self.work.angles:
            for i in range(n):
                circuit.rx(i, layer[0, i])
            for i in range(n):
                circuit.ry(i, layer[1, i])
            for i in range(n):
                circuit.cnot(i, (i + 1) % n)
        circuit.expectation(Observable.Z(), 0)
        return float(self.device.run(circuit, shots=0).result().values[0])
