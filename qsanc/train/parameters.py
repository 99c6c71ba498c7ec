"""The trained arrays: initial values, ranges, and whether given arrays fit the model."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.ir.program import Distribution, Model, Parameter
from qsanc.target import Floats
from qsanc.train import draws, errors


def initial(model: Model, seed: int) -> dict[str, Floats]:
    """Initial values by name. What one parameter draws depends on the seed, its name and its shape alone."""
    return {parameter.name: _initial(parameter, seed) for parameter in model.parameters}


def _initial(parameter: Parameter, seed: int) -> Floats:
    source, shape = parameter.initial, parameter.shape
    if isinstance(source, Distribution):
        generator = draws.generator(seed, "initial", draws.number_of(parameter.name))
        values = _drawn(source, shape, generator)
    elif isinstance(source, tuple):
        values = np.array(source, dtype=np.float64).reshape(shape)
    else:
        values = np.full(shape, source, dtype=np.float64)
    return project(parameter, values)


def _drawn(source: Distribution, shape: tuple[int, ...], generator: np.random.Generator) -> Floats:
    if source.name == "normal":
        mean, deviation = source.numbers
        return mean + deviation * generator.standard_normal(shape)
    if source.name == "uniform":
        low, high = source.numbers
        return low + (high - low) * generator.random(shape)
    reach = math.sqrt(6.0 / (math.prod(shape[:-1]) + (shape[-1] if shape else 1)))
    return reach * (2.0 * generator.random(shape) - 1.0)


def project(parameter: Parameter, values: Floats) -> Floats:
    """The nearest values within the range of the parameter; a `prob` lies in 0..=1 whatever was declared."""
    low, high = bounds(parameter)
    return values if low is None and high is None else np.clip(values, low, high)


def bounds(parameter: Parameter) -> tuple[float | None, float | None]:
    if parameter.kind != "prob":
        return parameter.low, parameter.high
    low = 0.0 if parameter.low is None else parameter.low
    return low, 1.0 if parameter.high is None else parameter.high


def trained(model: Model) -> tuple[str, ...]:
    """The names of the parameters that are not frozen, in the model's order."""
    return tuple(parameter.name for parameter in model.parameters if not parameter.frozen)


def fitted(
    model: Model, arrays: Mapping[str, NDArray[np.generic]], *, origin: str, complete: bool = True
) -> dict[str, Floats]:
    """Foreign arrays as parameters of the model: float64, by name. `origin` stands for them in messages.

    Raises QsanError for unknown names, wrong shapes or kinds, values that are not finite or outside their range, and,
    where `complete`, for parameters that were not given.
    """
    found: list[Diagnostic] = []
    names = [parameter.name for parameter in model.parameters]
    for name in arrays:
        if name not in names:
            help = errors.near(name, names)
            notes = (f"parameters of the model: {errors.listed(names)}",)
            found.append(
                errors.weights_mismatch(f"{origin}: the model has no parameter `{name}`", notes=notes, help=help)
            )
    values: dict[str, Floats] = {}
    for parameter in model.parameters:
        if parameter.name not in arrays:
            if complete:
                found.append(errors.weights_mismatch(f"{origin}: the parameter `{parameter.name}` is missing"))
            continue
        array = np.asarray(arrays[parameter.name])
        misfit = _misfit(parameter, array, origin)
        if misfit is not None:
            found.append(misfit)
        else:
            values[parameter.name] = np.array(array, dtype=np.float64)
    if found:
        raise QsanError(found)
    return values


def _misfit(parameter: Parameter, array: NDArray[np.generic], origin: str) -> Diagnostic | None:
    place = f"{origin}: the parameter `{parameter.name}`"
    if array.dtype.kind not in "fiu":
        return errors.weights_mismatch(f"{place} holds {array.dtype}", expected="real numbers")
    if array.shape != parameter.shape:
        title = f"{place} has shape {list(array.shape)}"
        help = "the sizes of the model may differ from those the weights were made with"
        return errors.weights_mismatch(title, expected=str(list(parameter.shape)), help=help)
    values = array.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        index = [int(i) for i in np.unravel_index(int(wrong[0]), values.shape)]
        title = f"{place} holds {values.flat[int(wrong[0])]} at {index}"
        return errors.weights_mismatch(title, expected="finite numbers")
    low, high = bounds(parameter)
    outside = np.flatnonzero(values != project(parameter, values))
    if outside.size:
        title = f"{place} holds {values.flat[int(outside[0])]:g}, outside its range"
        return errors.weights_mismatch(title, expected=f"{low} to {high}".replace("None", "any"))
    return None
