"""Making what fails small, and writing it down as a program that fails by itself."""

from qsanc.testing.reduce.alone import self_contained
from qsanc.testing.reduce.circuits import reduce_circuit, reduce_pair
from qsanc.testing.reduce.program import reduce_file, reduce_program
from qsanc.testing.reduce.written import written_pair, written_program

__all__ = [
    "reduce_circuit",
    "reduce_file",
    "reduce_pair",
    "reduce_program",
    "self_contained",
    "written_pair",
    "written_program",
]
