"""Whether ways to differentiate agree: parameter-shift, adjoint and finite differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from qsanc.api import Circuit, Model
from qsanc.driver import Compiled
from qsanc.grad.circuit import Method
from qsanc.grad.reverse import evaluate, prepare, value_and_gradient
from qsanc.ir.layout import Layout
from qsanc.target import Context, Floats
from qsanc.testing.assertions.evidence import Evidence
from qsanc.testing.assertions.options import seeded, tolerance
from qsanc.testing.differences import differences
from qsanc.testing.failed import CheckFailed
from qsanc.train.parameters import trained
from qsanc.train.records import ONE
from qsanc.train.task import objective_of

Arrays = Mapping[str, Floats]
_DIFFERENCES = "finite differences"


@dataclass(frozen=True, slots=True)
class _Differentiable:
    """A scalar of named arrays, its value, and its gradient by a method."""

    what: str
    point: Arrays
    value: Callable[[Arrays], float]
    gradient: Callable[[Method], Arrays]
    methods: tuple[Method, ...]


def assert_gradient(
    subject: Circuit | Model,
    /,
    *arguments: Any,
    wrt: Sequence[str] | None = None,
    tol: float = 1e-6,
    seed: int = 0,
    **named: ArrayLike,
) -> Evidence:
    """The gradient is the same by parameter-shift, by the backend's adjoint method, and by finite differences.

    Of a circuit at its arguments, given as in a call: the gradient of its results, weighted at random. Of a model for
    records and labels, given as to `fit`, or for none where it takes no data: the gradient of its mean loss by what is
    trained. `wrt` names arguments or parameters, if not all of them. All values are exact, without shots. `tol` is
    absolute, or relative to the largest derivative where that is above one. Where finite differences cannot be had as
    exactly as that, what they may be off by is allowed for, and said.

    Raises CheckFailed, which names the ways that disagree, and where the most, or what is not finite; QsanError for
    arguments that do not fit.
    """
    tolerance(tol)
    seeded(seed)
    if isinstance(subject, Circuit):
        scalar = _of_circuit(subject, arguments, named, wrt, seed)
    elif isinstance(subject, Model):
        scalar = _of_model(subject, arguments, wrt)
    else:
        raise TypeError(f"a {type(subject).__name__} has no gradient here: give a qsanc.Circuit or a qsanc.Model")
    if not np.isfinite(value := scalar.value({})):
        raise CheckFailed(f"{scalar.what} is {value} here, and has no gradient")
    ways: dict[str, Arrays] = {method.replace("_", "-"): scalar.gradient(method) for method in scalar.methods}
    size = max([1.0, *(float(np.abs(g).max()) for way in ways.values() for g in way.values() if g.size)])
    ways[_DIFFERENCES], errors = _finite_differences(scalar, tuple(next(iter(ways.values()))))
    _hold_finite(scalar.what, ways)
    exact = dict.fromkeys(errors, np.zeros(()))
    method = f"{scalar.what}: {', '.join(ways)}"
    method += _coarse(errors, tol * size)
    worst, disagreements = 0.0, []
    for (one, left), (other, right) in combinations(ways.items(), 2):
        name, place, off = _furthest(left, right, errors if other == _DIFFERENCES else exact)
        worst = max(worst, off)
        if not off <= tol * size:
            disagreements.append(
                f"  {one} and {other} on {_at(name, place)}: {left[name][place]:.9g} and {right[name][place]:.9g}"
            )
    if disagreements:
        title = f"the gradients of {scalar.what} disagree by {worst:.3g}, tolerance {tol * size:.3g}"
        raise CheckFailed("\n".join([title, *disagreements]))
    return Evidence(method, worst, tol * size)


def _of_circuit(
    circuit: Circuit,
    arguments: tuple[ArrayLike, ...],
    named: Arrays | Mapping[str, ArrayLike],
    wrt: Sequence[str] | None,
    seed: int,
) -> _Differentiable:
    sizes, given = circuit._bound(arguments, named)
    compiled = circuit._for(sizes, {name: array.shape for name, array in given.items()})
    if not compiled.program.functions:
        raise ValueError(f"`{circuit._entry}` is an ansatz and has no result to differentiate")
    function = compiled.program.function(circuit._entry)
    reals = [value.name for value in function.inputs if value.type.kind == "real"]
    chosen = _chosen(reals, wrt, f"`{circuit._entry}`")
    point = {value.name: circuit._fitting(value, given[value.name]) for value in function.inputs}
    inputs = {name: array[np.newaxis] for name, array in point.items()}
    modules = compiled.program.modules
    plain, active = prepare(function, modules, ("result",)), prepare(function, modules, ("result",), wrt=chosen)

    def results(at: Arrays) -> Floats:
        fed = {**inputs, **{name: array[np.newaxis] for name, array in at.items()}}
        return np.asarray(evaluate(plain, compiled.executables, fed, Layout(1))["result"], np.float64)

    weights = np.random.default_rng(seed).normal(size=results({}).shape)

    def gradient(method: Method) -> Arrays:
        _, found = value_and_gradient(
            active, compiled.executables, inputs, Layout(1), method=method, cotangents={"result": weights}
        )
        return {name: np.asarray(found[name][0], np.float64) for name in chosen}

    return _Differentiable(
        f"the circuit `{circuit._entry}`",
        {name: np.asarray(point[name], np.float64) for name in chosen},
        lambda at: float((weights * results(at)).sum()),
        gradient,
        _methods(compiled),
    )


def _of_model(model: Model, arguments: tuple[Any, ...], wrt: Sequence[str] | None) -> _Differentiable:
    if len(arguments) not in (0, 2):
        raise TypeError("a model takes records and labels, or neither")
    if model._model.fields and not arguments:
        raise TypeError(f"the loss of `{model.name}` is a mean over records: give records and labels")
    model._settled()
    records = model._records(*arguments) if arguments else ONE
    chosen = _chosen(list(trained(model._model)), wrt, f"the model `{model.name}`")
    compiled, point = model._compiled, dict(model.params)
    exact = objective_of(compiled, "parameter_shift")

    def value(at: Arrays) -> float:
        return float(exact.outputs({**point, **at}, records, context=Context(purpose="inference")).loss.mean())

    def gradient(method: Method) -> Arrays:
        return objective_of(compiled, method).gradient(point, records, wrt=chosen, context=Context())[1]

    at = {name: point[name] for name in chosen}
    return _Differentiable(f"the loss of `{model.name}`", at, value, gradient, _methods(compiled))


def _methods(compiled: Compiled) -> tuple[Method, ...]:
    return ("parameter_shift", "adjoint") if "adjoint" in compiled.capabilities.gradients else ("parameter_shift",)


def _chosen(known: list[str], wrt: Sequence[str] | None, what: str) -> tuple[str, ...]:
    strange = [name for name in wrt or () if name not in known]
    if strange:
        raise ValueError(f"{what} cannot be differentiated by `{strange[0]}`; there is {', '.join(known) or 'nothing'}")
    if wrt is not None and not len(wrt):
        raise ValueError("wrt names nothing to differentiate by")
    if not known:
        raise ValueError(f"{what} has nothing to be differentiated by")
    return tuple(known if wrt is None else wrt)


def _finite_differences(scalar: _Differentiable, names: tuple[str, ...]) -> tuple[Arrays, Arrays]:
    """Derivatives, and estimates of their errors."""

    def along(name: str) -> Callable[[Floats], Floats]:
        return lambda places: np.array([scalar.value({name: place}) for place in places])

    found = {name: differences(along(name), scalar.point[name]) for name in names}
    return {name: slopes for name, (slopes, _) in found.items()}, {name: errors for name, (_, errors) in found.items()}


def _hold_finite(what: str, ways: Mapping[str, Arrays]) -> None:
    for way, slopes in ways.items():
        for name, found in slopes.items():
            if not np.isfinite(found).all():
                place = tuple(int(k) for k in np.argwhere(~np.isfinite(found))[0])
                raise CheckFailed(f"the gradient of {what} by {way} is {found[place]} on {_at(name, place)}")


def _coarse(errors: Arrays, tol: float) -> str:
    """Where finite differences are judged with less than the tolerance, or not at all."""
    most = max((float(error.max(initial=0.0)) for error in errors.values()), default=0.0)
    if most <= tol:
        return ""
    if np.isfinite(most):
        return f" to within {most:.2g}"
    name, place = next((name, np.argwhere(~np.isfinite(error))[0]) for name, error in errors.items() if np.inf in error)
    return f" (not on {_at(name, tuple(map(int, place)))}, which turns too fast for them)"


def _at(name: str, place: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, place))}]" if place else name


def _furthest(one: Arrays, other: Arrays, allowed: Arrays) -> tuple[str, tuple[int, ...], float]:
    """Where they differ most beyond what is allowed for, and by how much."""
    worst: tuple[str, tuple[int, ...], float] = (next(iter(one)), (0,) * next(iter(one.values())).ndim, 0.0)
    for name in one:
        off = np.maximum(np.abs(one[name] - other[name]) - allowed[name], 0.0)
        if off.size and off.max() > worst[2]:
            place = np.unravel_index(int(np.argmax(off)), off.shape)
            worst = name, tuple(int(k) for k in place), float(off.max())
    return worst
