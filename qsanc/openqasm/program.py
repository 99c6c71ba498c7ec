"""What a program is found to say: registers, inputs, gates, and what is read at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from qsanc.diagnostics import Diagnostic
from qsanc.ir.circuit import Gate, Pauli


@dataclass(frozen=True, slots=True)
class Register:
    """Qubits by name; `size` None is a single one. The first is wire `first`."""

    name: str
    size: int | None
    first: int

    @property
    def wires(self) -> tuple[int, ...]:
        return tuple(range(self.first, self.first + (1 if self.size is None else self.size)))


@dataclass(frozen=True, slots=True)
class Expectations:
    """The expectation of each product."""

    products: tuple[Pauli, ...]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The probabilities of all outcomes of these wires, the first the most significant."""

    wires: tuple[int, ...]


Reading: TypeAlias = Expectations | Outcomes


@dataclass(frozen=True, slots=True)
class Imported:
    """A circuit as it was read. Angles are affine in `atoms`, texts of .qsan; the first of them are the inputs.

    `inputs` are pairs of the name in .qsan and the one in OpenQASM. `reading` None: nothing is measured. `hardware` are
    the numbers of the qubits by wire, rising, where the program names them so (`$3`); there is one register then.
    """

    registers: tuple[Register, ...]
    inputs: tuple[tuple[str, str], ...]
    atoms: tuple[str, ...]
    body: tuple[Gate, ...]
    reading: Reading | None
    warnings: tuple[Diagnostic, ...]
    hardware: tuple[int, ...] = ()

    @property
    def wires(self) -> int:
        return sum(len(register.wires) for register in self.registers)
