"""Hypothesis strategies for everything that qsanc computes with. Every value is legal as it is drawn: nothing is thrown
away, and what shrinks stays legal.

numbers       angles                        circuits      circuits, bound_circuits
observables   observables                   bindings      bindings
states        states                        sentences     sentences
templates     ansatz_calls, AnsatzCall      datasets      datasets, Dataset
models        models, Written               source        qsan_source

Text is made from `fragments` (blocks of models) and `gatelines` (bodies of ansaetze); `fitting` finds legal sizes.
"""

from __future__ import annotations

from qsanc.testing.strategies.bindings import bindings
from qsanc.testing.strategies.circuits import bound_circuits, circuits
from qsanc.testing.strategies.datasets import Dataset, datasets
from qsanc.testing.strategies.models import Written, models
from qsanc.testing.strategies.numbers import angles
from qsanc.testing.strategies.observables import observables
from qsanc.testing.strategies.sentences import sentences
from qsanc.testing.strategies.source import qsan_source
from qsanc.testing.strategies.states import states
from qsanc.testing.strategies.templates import AnsatzCall, ansatz_calls

__all__ = [
    "AnsatzCall",
    "Dataset",
    "Written",
    "angles",
    "ansatz_calls",
    "bindings",
    "bound_circuits",
    "circuits",
    "datasets",
    "models",
    "observables",
    "qsan_source",
    "sentences",
    "states",
]
