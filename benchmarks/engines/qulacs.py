"""Qulacs: parametric circuits for encoder and tails; the gradient by backpropagation of weighted observables."""

from __future__ import annotations

import numpy as np
from qulacs import Observable, ParametricQuantumCircuit, QuantumCircuit, QuantumState
from qulacs.circuit import QuantumCircuitOptimizer

from benchmarks.engines.attention import Circuits, SentenceEngine
from benchmarks.work.registers import Register
from benchmarks.work.sentences import Epoch, Floats

DISTRIBUTIONS = ("qulacs", "numpy")

_MERGED = 17
"""From this many qubits on merging the gates of each qubit was faster than the light optimiser; larger blocks never."""


def template(circuit: ParametricQuantumCircuit, n: int) -> None:
    """Angles are negated: Qulacs turns by exp(i angle P / 2)."""
    for i in range(n):
        circuit.add_parametric_RX_gate(i, 0.0)
    for i in range(n):
        circuit.add_parametric_RY_gate(i, 0.0)
    for i in range(n):
        circuit.add_CNOT_gate(i, (i + 1) % n)
    for i in range(n):
        circuit.add_parametric_RY_gate(i, 0.0)


class QulacsCircuits(Circuits):
    def __init__(self, n: int) -> None:
        self.n = n
        self.circuit = ParametricQuantumCircuit(n)
        for i in range(n):
            self.circuit.add_H_gate(i)
        template(self.circuit, n)
        template(self.circuit, n)
        self.encoder = ParametricQuantumCircuit(n)
        for i in range(n):
            self.encoder.add_H_gate(i)
        template(self.encoder, n)
        self.tail = ParametricQuantumCircuit(n)
        template(self.tail, n)
        self.paulis = [f"{kind} {i}" for kind in "ZXY" for i in range(n)]
        self.observables = [self._observable([1.0], [name]) for name in self.paulis]
        self.state, self.moved = QuantumState(n), QuantumState(n)

    def _observable(self, weights: Floats | list[float], names: list[str]) -> Observable:
        observable = Observable(self.n)
        for weight, name in zip(weights, names, strict=True):
            observable.add_operator(float(weight), name)
        return observable

    @staticmethod
    def _set(circuit: ParametricQuantumCircuit, angles: Floats) -> None:
        for k, angle in enumerate(angles.tolist()):
            circuit.set_parameter(k, -angle)

    def numbers(self, x: Floats, tq: Floats, tk: Floats, tv: Floats) -> Floats:
        found = np.empty((len(x), 2 + 3 * self.n))
        states = []
        for row in x:
            self._set(self.encoder, row.ravel())
            state = QuantumState(self.n)
            self.encoder.update_quantum_state(state)
            states.append(state)
        wanted = (self.observables[:1], self.observables[:1], self.observables)
        for place, angles, observables in zip((0, 1, 2), (tq, tk, tv), wanted, strict=True):
            self._set(self.tail, angles.ravel())
            for k, state in enumerate(states):
                self.moved.load(state)
                self.tail.update_quantum_state(self.moved)
                for offset, observable in enumerate(observables):
                    found[k, place + offset] = observable.get_expectation_value(self.moved)
        return found

    def gradient(
        self, x: Floats, tq: Floats, tk: Floats, tv: Floats, bars: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        by_x, by_shared = np.zeros(x.shape), [np.zeros(tq.shape) for _ in range(3)]
        size = 3 * self.n
        for k, row in enumerate(x):
            asked = ((bars[k, :1], self.paulis[:1]), (bars[k, 1:2], self.paulis[:1]), (bars[k, 2:], self.paulis))
            for place, (angles, (weights, names)) in enumerate(zip((tq, tk, tv), asked, strict=True)):
                self._set(self.circuit, np.concatenate([row.ravel(), angles.ravel()]))
                slopes = -np.array(self.circuit.backprop(self._observable(weights, names)))
                by_x[k] += slopes[:size].reshape(row.shape)
                by_shared[place] += slopes[size:].reshape(row.shape)
        return by_x, by_shared[0], by_shared[1], by_shared[2]


class EpochEngine(SentenceEngine):
    def __init__(self, work: Epoch) -> None:
        super().__init__(work, QulacsCircuits(work.n))


class RegisterEngine:
    """The value with gates fused by Qulacs' optimiser (in the time, as the angles are new each time)."""

    def __init__(self, work: Register) -> None:
        self.work = work
        self.observable = Observable(work.n)
        self.observable.add_operator(1.0, "Z 0")
        self.circuit = ParametricQuantumCircuit(work.n)
        for layer in work.angles:
            for i in range(work.n):
                self.circuit.add_parametric_RX_gate(i, -layer[0, i])
            for i in range(work.n):
                self.circuit.add_parametric_RY_gate(i, -layer[1, i])
            for i in range(work.n):
                self.circuit.add_CNOT_gate(i, (i + 1) % work.n)

    def value(self) -> float:
        n = self.work.n
        circuit = QuantumCircuit(n)
        for layer in self.work.angles:
            for i in range(n):
                circuit.add_RX_gate(i, -layer[0, i])
            for i in range(n):
                circuit.add_RY_gate(i, -layer[1, i])
            for i in range(n):
                circuit.add_CNOT_gate(i, (i + 1) % n)
        if n < _MERGED:
            QuantumCircuitOptimizer().optimize_light(circuit)
        else:
            QuantumCircuitOptimizer().optimize(circuit, 1)
        state = QuantumState(n)
        circuit.update_quantum_state(state)
        return float(self.observable.get_expectation_value(state))

    def gradient(self) -> Floats:
        return -np.array(self.circuit.backprop(self.observable)).reshape(self.work.angles.shape)
