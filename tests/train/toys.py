"""Two models made by hand: mean embedding and logistic head on text, and a quadratic bowl without data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from qsanc.ir.model import Type
from qsanc.ir.program import DataField, DimBounds, Distribution, Model, Optimizer, Parameter, Recipe
from qsanc.target import Context, Floats
from qsanc.train.objective import Outputs, Parameters
from qsanc.train.records import Records

TOKENS = DataField("tokens", "tokens", Type("int", ("record", "S")), 0, 9, False)
LABEL = DataField("label", "label", Type("int", ("record",)), 0, 1, True, 2)


def numbers(
    name: str, *axes: int, low: float | None = None, high: float | None = None, closed: bool = True
) -> DataField:
    return DataField(name, "numbers", Type("real", ("record", *axes)), low, high, closed)


def model_of(*fields: DataField, dim: tuple[int, int | None] = (1, 5), recipe: Recipe | None = None) -> Model:
    dims = (DimBounds("S", *dim),) if any(field.role == "tokens" for field in fields) else ()
    return Model("toy", (), fields, dims, (), recipe or Recipe())


def text_model(vocab: int = 9, width: int = 3, recipe: Recipe | None = None) -> Model:
    parameters = (
        Parameter("emb", "real", (vocab, width), Distribution("normal", (0.0, 0.5))),
        Parameter("w", "real", (width,), Distribution("uniform", (-1.0, 1.0)), low=-1.5, high=1.5),
        Parameter("b", "real", (), 0.25),
        Parameter("still", "real", (2,), (3.0, 4.0), frozen=True),
    )
    tokens = replace(TOKENS, high=vocab)
    recipe = recipe or Recipe(Optimizer("adam", (("lr", 0.05),)), epochs=3, batch=4, seed=11)
    return Model("toy", parameters, (tokens, LABEL), (DimBounds("S", 1, 5),), (), recipe)


def text_records(count: int, seed: int = 0, vocab: int = 9) -> Records:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, 6, count)
    tokens = draw.integers(0, vocab, lengths.sum())
    sums = np.add.reduceat(tokens, np.cumsum(lengths) - lengths)
    label = (sums / lengths > vocab / 2 - 0.5).astype(np.int64)
    return Records.of(count, {"tokens": tokens, "label": label}, {"tokens": "S"}, {"S": lengths})


class MeanEmbedding:
    """sigmoid(w . mean of embeddings + b) with squared error / 2, differentiated by hand.

    `calls` notes what was asked for, with the number of records; `before` runs first, and may raise.
    """

    def __init__(self, before: Callable[[str, Records], None] | None = None) -> None:
        self.calls: list[tuple[str, Records]] = []
        self._before = before

    def _note(self, kind: str, records: Records) -> None:
        self.calls.append((kind, records))
        if self._before is not None:
            self._before(kind, records)

    def gradient(
        self, parameters: Parameters, records: Records, *, wrt: tuple[str, ...], context: Context
    ) -> tuple[Outputs, Parameters]:
        self._note("gradient", records)
        owner = np.repeat(np.arange(records.count), records.lengths["S"])
        mean, outputs = self._forward(parameters, records)
        p = outputs.predict
        z_bar = (p - records.columns["label"]) * p * (1 - p) / records.count
        x_bar = (z_bar / records.lengths["S"])[owner, None] * parameters["w"]
        emb_bar = np.zeros_like(parameters["emb"])
        np.add.at(emb_bar, records.columns["tokens"], x_bar)
        bars = {"emb": emb_bar, "w": z_bar @ mean, "b": np.asarray(z_bar.sum())}
        return outputs, {name: bars[name] for name in wrt}

    def outputs(self, parameters: Parameters, records: Records, *, context: Context) -> Outputs:
        self._note("outputs", records)
        return self._forward(parameters, records)[1]

    def predict(self, parameters: Parameters, records: Records, *, context: Context) -> Floats:
        return self._forward(parameters, records)[1].predict

    def _forward(self, parameters: Parameters, records: Records) -> tuple[Floats, Outputs]:
        offsets = records.offsets["S"][:-1]
        mean = np.add.reduceat(parameters["emb"][records.columns["tokens"]], offsets) / records.lengths["S"][:, None]
        predict = 1 / (1 + np.exp(-(mean @ parameters["w"] + parameters["b"])))
        return mean, Outputs(predict, (predict - records.columns["label"]) ** 2 / 2)


def bowl_model(recipe: Recipe) -> Model:
    return Model("bowl", (Parameter("x", "real", (3,), 2.0),), (), (), (), recipe)


class Bowl:
    """Loss |x - (1, 2, 3)|^2 of one record without fields."""

    target = np.array([1.0, 2.0, 3.0])

    def gradient(
        self, parameters: Parameters, records: Records, *, wrt: tuple[str, ...], context: Context
    ) -> tuple[Outputs, Parameters]:
        return self.outputs(parameters, records, context=context), {"x": 2 * (parameters["x"] - self.target)}

    def outputs(self, parameters: Parameters, records: Records, *, context: Context) -> Outputs:
        loss = np.array([np.sum((parameters["x"] - self.target) ** 2)])
        return Outputs(loss, loss)

    def predict(self, parameters: Parameters, records: Records, *, context: Context) -> Floats:
        return self.outputs(parameters, records, context=context).predict
