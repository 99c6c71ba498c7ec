"""The gradient by simultaneous perturbation (Spall 1992, 1998): two losses a step, whatever the number of parameters.

Step k (from 0) moves every free parameter by +c_k or -c_k at random, c_k = c / (k + 1)^gamma, takes the loss there and
at the mirrored place, and divides the difference by the displacement of each element. Both places are projected into
the ranges of the parameters; an element that could not move gets gradient 0.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qsanc.ir.program import Model
from qsanc.target import Context, Floats
from qsanc.train import draws
from qsanc.train.objective import Objective, Outputs, Parameters
from qsanc.train.parameters import project
from qsanc.train.records import Records


def estimate(
    objective: Objective,
    model: Model,
    parameters: Parameters,
    records: Records,
    *,
    c: float,
    gamma: float,
    context: Context,
) -> tuple[Outputs, dict[str, Floats]]:
    """The outputs (means over both places) and the estimate, for step `context.step` of seed `context.seed`."""
    context = replace(context, purpose="forward")
    generator = draws.generator(context.seed, "spsa", context.step)
    size = c / (context.step + 1) ** gamma
    above, below = dict(parameters), dict(parameters)
    for parameter in model.parameters:
        if not parameter.frozen:
            value = parameters[parameter.name]
            move = size * draws.signs(value.shape, generator)
            above[parameter.name] = project(parameter, value + move)
            below[parameter.name] = project(parameter, value - move)
    high = objective.outputs(above, records, context=context)
    low = objective.outputs(below, records, context=context)
    difference = float(np.mean(high.loss)) - float(np.mean(low.loss))
    gradient: dict[str, Floats] = {}
    for parameter in model.parameters:
        if not parameter.frozen:
            distance = above[parameter.name] - below[parameter.name]
            moved = distance != 0
            gradient[parameter.name] = np.where(moved, difference / np.where(moved, distance, 1.0), 0.0)
    return Outputs((high.predict + low.predict) / 2, (high.loss + low.loss) / 2), gradient
