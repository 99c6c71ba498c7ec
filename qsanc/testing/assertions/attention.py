"""The laws of attention: what the weights of a model's attention blocks are for one record, and for changes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qsanc.api import Model
from qsanc.target import Floats
from qsanc.testing.assertions.evidence import Evidence
from qsanc.testing.assertions.options import seeded, tolerance
from qsanc.testing.failed import CheckFailed

Record: TypeAlias = "str | Sequence[int] | NDArray[np.generic]"
Weights: TypeAlias = "Callable[[Any], NDArray[np.generic]]"


def assert_attention(
    subject: Model | Weights,
    record: Record,
    *,
    rows: Literal["sum_to_one", "free"] = "sum_to_one",
    mask: Literal["none", "causal"] = "none",
    order: Literal["equivariant", "matters"] | None = None,
    tol: float = 1e-9,
    seed: int = 0,
) -> Evidence:
    """The weights of every attention block of a model obey the laws of attention for this record.

    - Weights are finite; each row sums to one unless `rows` are free (`normalize none`).
    - With `mask` causal no word sees a later one: zeros above the diagonal.
    - A word alone attends to itself with weight one, unless `rows` are free.
    - Words in another order give the same weights in that order, where `order` is equivariant. That holds without a
      mask and without positions, in the scores and in what comes before; a causal mask makes `order` matter.

    `order` is equivariant without a mask, if it is not given. `record` is a text, word numbers int[token], or an array
    [token, ...]. `subject` may also be a function from a record to weights float64[token, token]. Raises CheckFailed;
    ValueError for a model with shots or without attention, and what `Model.inspect` raises.
    """
    _one_of("rows", rows, ("sum_to_one", "free"))
    _one_of("mask", mask, ("none", "causal"))
    _one_of("order", order, (None, "equivariant", "matters"))
    tolerance(tol)
    seeded(seed)
    if mask == "causal" and order == "equivariant":
        raise ValueError("a causal mask depends on the order of words")
    choice = order or ("matters" if mask == "causal" else "equivariant")
    words = record.split() if isinstance(record, str) else record
    count = len(words)
    if not count:
        raise ValueError("a record without words has no weights")
    weights = _weights_of(subject, record, count)
    worst, laws = 0.0, ["finite weights"]

    def hold(law: str, off: Floats, block: str) -> None:
        nonlocal worst
        worst = max(worst, float(off.max(initial=0.0)))
        if not off.max(initial=0.0) <= tol:
            place = ", ".join(map(str, np.unravel_index(int(np.argmax(off)), off.shape)))
            raise CheckFailed(f"{block}: {law} is broken at [{place}], by {off.max():.3g}, tolerance {tol:.3g}")

    for block, found in weights.items():
        if not np.isfinite(found).all():
            place = ", ".join(map(str, np.argwhere(~np.isfinite(found))[0]))
            raise CheckFailed(f"{block}: the weight at [{place}] is {found[~np.isfinite(found)][0]}")
        if rows == "sum_to_one":
            hold("`rows sum to one`", np.abs(found.sum(axis=1) - 1), block)
        if mask == "causal":
            hold("`no word sees a later one`", np.abs(np.triu(found, 1)), block)
    laws += ["rows sum to one"] * (rows == "sum_to_one") + ["causal mask"] * (mask == "causal")
    if rows == "sum_to_one":
        laws.append("a word alone attends to itself")
        for k in sorted({0, count - 1}):
            for block, found in _weights_of(subject, _taken(record, words, [k]), 1).items():
                hold(f"`word {k} alone attends to itself`", np.abs(found - 1), block)
    if choice == "equivariant" and count > 1:
        laws.append("permutations of words")
        for permutation in _permutations(count, seed):
            moved = _weights_of(subject, _taken(record, words, permutation), count)
            for block, found in moved.items():
                law = f"`weights follow the words` in the order {permutation}"
                hold(law, np.abs(found - weights[block][np.ix_(permutation, permutation)]), block)
    return Evidence(f"{', '.join(weights)} for {count} words: {', '.join(laws)}", worst, tol)


def _weights_of(subject: Model | Weights, record: Record, count: int) -> Mapping[str, Floats]:
    """float64[token, token] of each block."""
    if isinstance(subject, Model):
        if subject._shots is not None:
            raise ValueError("the laws of attention hold for exact values: load the model without shots")
        probes = subject.inspect(record)
        found = {name.removesuffix(".weights"): value for name, value in probes.items() if name.endswith(".weights")}
        if not found:
            raise ValueError(f"the model {subject.name} has no attention block")
    else:
        found = {"the weights": np.asarray(subject(record))}
    for block, value in found.items():
        if value.shape != (count, count):
            raise CheckFailed(f"{block}: the weights of {count} words are {list(value.shape)}, not [{count}, {count}]")
        if value.dtype.kind not in "biuf":
            raise CheckFailed(f"{block}: the weights are of type {value.dtype}, which are no real numbers")
    return {block: np.asarray(value, np.float64) for block, value in found.items()}


def _one_of(option: str, given: object, legal: tuple[object, ...]) -> None:
    if given not in legal:
        raise ValueError(f"{option} is one of {', '.join(map(repr, legal))}, not {given!r}")


def _taken(record: Record, words: Sequence[Any] | NDArray[np.generic], places: Sequence[int]) -> Record:
    if isinstance(record, str):
        return " ".join(words[k] for k in places)
    if isinstance(record, np.ndarray):
        moved: NDArray[np.generic] = record[np.array(places)]
        return moved
    return [words[k] for k in places]


def _permutations(count: int, seed: int) -> list[list[int]]:
    """A rotation, the reverse, and one at random."""
    shuffled = np.random.default_rng(seed).permutation(count).tolist()
    rotated, reverse = [*range(1, count), 0], list(reversed(range(count)))
    return [list(order) for order in dict.fromkeys(map(tuple, (rotated, reverse, shuffled)))]
