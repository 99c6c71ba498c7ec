"""Arrays in safetensors files, which hold names, shapes and numbers and can run nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from qsanc.ir.program import Model
from qsanc.target import Floats
from qsanc.train import atomic, errors
from qsanc.train.parameters import fitted


def packed(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    return save({name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()})


def unpacked(content: bytes, file: str) -> dict[str, NDArray[np.generic]]:
    """Raises QsanError where the content is no whole safetensors file of kinds that NumPy knows."""
    try:
        arrays: dict[str, NDArray[np.generic]] = load(content)
    except SafetensorError as failure:
        raise errors.fail(errors.damaged(file, f"it is no whole safetensors file ({failure})")) from None
    except KeyError as failure:
        raise errors.fail(errors.damaged(file, f"it holds numbers of the kind {failure}")) from None
    return arrays


def write_weights(path: Path, parameters: Mapping[str, Floats]) -> None:
    atomic.write(path, packed(parameters))


def read_weights(path: Path, model: Model) -> dict[str, Floats]:
    """The parameters of a model by name. Raises QsanError unless each is there, fits and is finite."""
    return stored(model, unpacked(atomic.read(path), str(path)), str(path))


def stored(model: Model, arrays: Mapping[str, NDArray[np.generic]], file: str) -> dict[str, Floats]:
    """Arrays of a file as the parameters of a model. In a file they are floating-point numbers, and no others."""
    wrong = [name for name, array in arrays.items() if array.dtype.kind != "f"]
    if wrong:
        title = f"{file}: the parameter `{wrong[0]}` holds {arrays[wrong[0]].dtype}"
        raise errors.fail(errors.weights_mismatch(title, expected="floating-point numbers"))
    return fitted(model, arrays, origin=file)
