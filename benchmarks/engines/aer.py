"""Qiskit Aer, state vectors with gate fusion. Gradients are not offered by the simulator."""

from __future__ import annotations

from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

from benchmarks.work.registers import Register

DISTRIBUTIONS = ("qiskit", "qiskit-aer", "numpy")


class RegisterEngine:
    def __init__(self, work: Register) -> None:
        self.work = work
        self.simulator = AerSimulator(method="statevector", precision="double", fusion_enable=True)
        self.observable = SparsePauliOp.from_sparse_list([("Z", [0], 1.0)], work.n)

    def value(self) -> float:
        n = self.work.n
        circuit = QuantumCircuit(n)
        for layer in self.work.angles:
            for i in range(n):
                circuit.rx(layer[0, i], i)
            for i in range(n):
                circuit.ry(layer[1, i], i)
            for i in range(n):
                circuit.cx(i, (i + 1) % n)
        circuit.save_expectation_value(self.observable, list(range(n)))
        return float(self.simulator.run(circuit).result().data()["expectation_value"])
