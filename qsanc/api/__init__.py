"""The Python interface: models that are trained and predict, circuits that are called like functions.

    model = qsanc.load("models/qsann.qsan", n=2)
    model.fit(texts, labels, epochs=10, seed=1)
    model.predict(["patient chef bakes bread"])

Angles are radians. Arrays are float64; axis names stand in square brackets, so float64[record, class] has one row for
each record.
"""

from __future__ import annotations

from qsanc.api.circuit import Circuit, compile
from qsanc.api.model import Model, load, load_run
from qsanc.api.parameters import Parameters

__all__ = ["Circuit", "Model", "Parameters", "compile", "load", "load_run"]
