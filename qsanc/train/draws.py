"""Random numbers from counters: each draw is a function of (seed, purpose, number), so no generator state is kept."""

from __future__ import annotations

import zlib
from typing import Literal, TypeAlias

import numpy as np

from qsanc.target import Floats, Ints

Purpose: TypeAlias = Literal["split", "initial", "shuffle", "spsa"]
_PURPOSES: dict[Purpose, int] = {"split": 1, "initial": 2, "shuffle": 3, "spsa": 4}


def _bits(seed: int, purpose: Purpose, number: int) -> np.random.Philox:
    """A Philox stream of its own for each (seed, purpose, number): the number is the high part of the counter."""
    return np.random.Philox(key=seed % 2**128, counter=[0, 0, number % 2**64, _PURPOSES[purpose]])


def generator(seed: int, purpose: Purpose, number: int = 0) -> np.random.Generator:
    return np.random.Generator(_bits(seed, purpose, number))


def permutation(count: int, seed: int, purpose: Purpose, number: int = 0) -> Ints:
    """int64[count]: a uniformly random order of 0..count, made of raw 64-bit draws, whose stream NumPy guarantees."""
    return np.argsort(_bits(seed, purpose, number).random_raw(count), kind="stable").astype(np.int64, copy=False)


def signs(shape: tuple[int, ...], generator: np.random.Generator) -> Floats:
    """float64[shape] of independent fair signs -1 and +1."""
    return generator.integers(0, 2, size=shape).astype(np.float64) * 2.0 - 1.0


def number_of(name: str) -> int:
    """A fixed 32-bit number for a name, so that what one parameter draws does not depend on the others."""
    return zlib.crc32(name.encode("utf-8"))
