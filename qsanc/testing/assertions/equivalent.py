"""Whether two circuits are the same operation."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

from qsanc.ir.bound import Bound
from qsanc.ir.draw import draw
from qsanc.testing import failures
from qsanc.testing.assertions import compare
from qsanc.testing.assertions.evidence import Evidence
from qsanc.testing.assertions.options import level, positive, seeded, tolerance
from qsanc.testing.assertions.sampling import random_preparation, zeros_of
from qsanc.testing.convert import Operator, as_bound, as_operators, unitary
from qsanc.testing.failed import CheckFailed
from qsanc.testing.reduce.circuits import reduce_pair
from qsanc.testing.reduce.written import written_pair
from qsanc.testing.statistics import fits

SHOTS = 4096
"""Shots of the inverse test, unless they are given."""
_INPUTS = 8
_POWER = 0.95


def assert_equivalent(
    a: object,
    b: object,
    *,
    wires: Sequence[Hashable] | None = None,
    strict: bool = False,
    tol: float = 1e-9,
    seed: int = 0,
    shots: int | None = None,
    alpha: float = 1e-6,
    examples: int = 1,
    backend: str = "numpy",
    keep: Path | str | None = failures.FOLDER,
) -> Evidence:
    """Two circuits are the same operation, up to a global phase unless `strict`.

    Whole unitaries are compared up to 10 wires, random states up to 20. Beyond that, or where `shots` are given, `a`
    and then the inverse of `b` run on `backend` from random product inputs, and all zeros must come back; what that
    could miss is said. `a` and `b` are anything that `qsanc.testing.convert.as_operator` takes. Equal labels of
    circuits from elsewhere are one wire, and integers are numbers of wires, unless `wires` names the labels in order.

    Raises CheckFailed with an input on which they differ and the pair reduced, which is kept in the folder `keep` as a
    program that fails by itself. Of each test only the last one stays; under pytest, `.qsanc/failures` is that of the
    root folder. Raises TypeError and ValueError for what is no circuit.

    >>> from qsanc.ir.bound import Bound
    >>> from qsanc.ir.circuit import Gate
    >>> flip, turn = Gate("h", (0,)), Gate("z", (0,))
    >>> print(assert_equivalent(Bound(1, (flip, turn, flip)), Bound(1, (Gate("x", (0,)),))).method)
    whole unitaries on 1 wire, up to a global phase
    """
    chosen, folder = level(alpha, examples), _folder(keep)
    tolerance(tol)
    seeded(seed)
    if shots is not None:
        positive("shots", shots)
    one, other, _ = as_operators(a, b, wires=wires)
    if one.wires != other.wires:
        raise CheckFailed(f"the circuits are not equivalent: one is on {one.wires} wires, the other on {other.wires}")
    if shots is not None or one.wires > compare.STATE_WIRES:
        if strict:
            raise ValueError("shots do not see a global phase: compare with strict = False, or up to 20 wires without")
        return _inverse_test(as_bound(one), as_bound(other), shots or SHOTS, chosen, seed, backend, tol, folder)
    method = compare.method(one.wires, strict=strict)
    one, other = unitary(one), unitary(other)
    off = compare.deviation(one, other, strict=strict, seed=seed)
    if off <= tol:
        return Evidence(method, off, tol)
    what = "entries differ" if one.wires <= compare.EXACT_WIRES else "states are apart"
    title = f"the circuits are not equivalent ({method}): {what} by {off:.3g}, tolerance {tol:.3g}"
    shown = compare.telling_input(one, other, strict=strict, seed=seed, tol=tol)
    raise _failure(f"{title}\n  {shown}", title, one, other, strict=strict, tol=tol, seed=seed, keep=folder)


def _inverse_test(
    a: Bound, b: Bound, shots: int, alpha: float, seed: int, backend: str, tol: float, keep: Path | None
) -> Evidence:
    inputs = min(_INPUTS, shots)
    method = f"inverse test on {a.wires} wires from {inputs} random product inputs, {shots} shots on {backend}"
    lost = 0
    share, rest = divmod(shots, inputs)
    for k in range(inputs):
        start = Bound(a.wires, random_preparation(a.wires, seed + k))
        there_and_back = start.then(a).then(b.inverse()).then(start.inverse())
        each = share + (k < rest)
        lost += each - zeros_of(there_and_back, shots=each, seed=seed + k, backend=backend)
    chance = fits([shots - lost, lost], [1.0, 0.0])
    missed = 1 - (1 - _POWER) ** (1 / shots)
    power = f"an infidelity of {missed:.2g} on average over the inputs is found with probability {_POWER:g}"
    if chance > alpha:
        return Evidence(method, p_value=chance, alpha=alpha, shots=shots, shots_needed=shots, power=power)
    title = f"the circuits are not equivalent ({method}): {lost} shots did not come back to zero, alpha {alpha:.3g}"
    message = f"{title}\n  {power}"
    raise _failure(message, title, a, b, strict=False, tol=tol, seed=seed, keep=keep)


def _failure(
    message: str, title: str, a: Operator, b: Operator, *, strict: bool, tol: float, seed: int, keep: Path | None
) -> CheckFailed:
    """What is raised: with the pair reduced, drawn and kept, as far as both are gates and their states can be held."""
    if not isinstance(a, Bound) or not isinstance(b, Bound):
        return CheckFailed(f"{message}\n  not reduced: not all of it are gates of qsanc")
    if a.wires > compare.STATE_WIRES:
        return CheckFailed(f"{message}\n  not reduced: more than {compare.STATE_WIRES} wires")

    def differ(one: Bound, other: Bound) -> bool:
        return compare.deviation(one, other, strict=strict, seed=seed) > tol

    if not differ(a, b):
        return CheckFailed(f"{message}\n  not reduced: the difference is the backend's, the circuits are equal")
    left, right = reduce_pair(a, b, differ)
    drawings = "\n".join(_drawn(side, name) for side, name in ((left, "left"), (right, "right")))
    sizes = f"{len(a.body)} and {len(b.body)} gates, reduced to {len(left.body)} and {len(right.body)}"
    complete = f"{message}\n  {sizes}:\n{drawings}"
    if keep is None:
        return CheckFailed(complete)
    name, folder = "equivalent", keep
    if (test := failures.running()) is not None:
        name, folder = test.name, test.folder if keep == failures.FOLDER else keep
    try:
        text = written_pair(left, right, title=title, seed=seed, tol=tol, strict=strict)
        return CheckFailed(complete, reproduction=failures.keep_last(text, name=name, folder=folder))
    except (OSError, ValueError) as error:
        return CheckFailed(f"{complete}\n  could not be kept in {folder}: {error}")


def _folder(keep: object) -> Path | None:
    if keep is None or isinstance(keep, Path):
        return keep
    if isinstance(keep, str):
        return Path(keep)
    raise TypeError(f"`keep` is a folder or None, not {type(keep).__name__}")


def _drawn(circuit: Bound, name: str) -> str:
    drawing = draw(circuit.module(name)).partition("\n\nr0 = ")[0]
    return "\n".join(f"    {line}".rstrip() for line in drawing.splitlines() if line != name)
