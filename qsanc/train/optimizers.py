"""Optimisers as pure steps: (values, gradient, state) -> (values, state), the state being arrays with names.

A step makes new arrays and never writes into old ones: whoever is interrupted keeps the state before the step.

    adam   Kingma and Ba (2015), algorithm 1, with bias correction
    sgd    v <- momentum * v + g;  x <- x - lr * v
    spsa   x <- x - a / (A + k + 1)^alpha * g, k steps done before (Spall 1998, with its exponents)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.ir.program import Model, Optimizer
from qsanc.target import Floats
from qsanc.train import errors
from qsanc.train.parameters import project

State: TypeAlias = Mapping[str, NDArray[np.float64] | NDArray[np.int64]]
Arrays: TypeAlias = Mapping[str, Floats]


class Rule(Protocol):
    """One way to step. `start` gives the state before the first step for these values."""

    def start(self, values: Arrays) -> State: ...

    def step(self, values: Arrays, gradient: Arrays, state: State) -> tuple[dict[str, Floats], State]: ...


@dataclass(frozen=True, slots=True)
class Adam:
    lr: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def start(self, values: Arrays) -> State:
        zeros = {
            f"{kind}.{name}": np.zeros_like(value) for name, value in values.items() for kind in ("mean", "square")
        }
        return {**zeros, "count": np.array(0, dtype=np.int64)}

    def step(self, values: Arrays, gradient: Arrays, state: State) -> tuple[dict[str, Floats], State]:
        count = int(state["count"]) + 1
        rate = self.lr / (1.0 - self.beta1**count)
        unbias = 1.0 / (1.0 - self.beta2**count)
        after: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {"count": np.array(count, dtype=np.int64)}
        moved = {}
        for name, value in values.items():
            g = gradient[name]
            mean = self.beta1 * state[f"mean.{name}"] + (1.0 - self.beta1) * g
            square = self.beta2 * state[f"square.{name}"] + (1.0 - self.beta2) * (g * g)
            moved[name] = value - rate * mean / (np.sqrt(square * unbias) + self.eps)
            after[f"mean.{name}"], after[f"square.{name}"] = mean, square
        return moved, after


@dataclass(frozen=True, slots=True)
class Sgd:
    lr: float = 0.01
    momentum: float = 0.0

    def start(self, values: Arrays) -> State:
        return {f"velocity.{name}": np.zeros_like(value) for name, value in values.items()}

    def step(self, values: Arrays, gradient: Arrays, state: State) -> tuple[dict[str, Floats], State]:
        velocity = {name: self.momentum * state[f"velocity.{name}"] + gradient[name] for name in values}
        moved = {name: value - self.lr * velocity[name] for name, value in values.items()}
        return moved, {f"velocity.{name}": value for name, value in velocity.items()}


@dataclass(frozen=True, slots=True)
class Spsa:
    """`c` and `gamma` set the size of the perturbation, see `spsa`."""

    a: float = 0.1
    c: float = 0.1
    A: float = 10.0
    alpha: float = 0.602
    gamma: float = 0.101

    def start(self, values: Arrays) -> State:
        return {"count": np.array(0, dtype=np.int64)}

    def step(self, values: Arrays, gradient: Arrays, state: State) -> tuple[dict[str, Floats], State]:
        count = int(state["count"])
        gain = self.a / (self.A + count + 1) ** self.alpha
        moved = {name: value - gain * gradient[name] for name, value in values.items()}
        return moved, {"count": np.array(count + 1, dtype=np.int64)}


_RULES: dict[str, type[Adam] | type[Sgd] | type[Spsa]] = {"adam": Adam, "sgd": Sgd, "spsa": Spsa}
_BELOW_ONE = ("beta1", "beta2", "momentum")
_MAY_BE_ZERO = ("beta1", "beta2", "momentum", "A", "alpha", "gamma", "eps")


def rule_of(optimizer: Optimizer) -> Adam | Sgd | Spsa:
    """The rule that an optimiser names. Raises QsanError for unknown options and for values out of their range."""
    if optimizer.name not in _RULES:
        title = f"there is no optimiser `{optimizer.name}`"
        raise errors.fail(errors.bad_setting(title, help=f"choose one of {errors.listed(_RULES)}"))
    kind = _RULES[optimizer.name]
    known = [field.name for field in fields(kind)]
    found: list[Diagnostic] = []
    for name, value in optimizer.options:
        if name not in known:
            title = f"the optimiser {optimizer.name} has no option `{name}`"
            help = errors.near(name, known) or f"its options are {errors.listed(known)}"
            found.append(errors.bad_setting(title, help=help))
            continue
        enough = value >= 0 if name in _MAY_BE_ZERO else value > 0
        if not np.isfinite(value) or not enough or (name in _BELOW_ONE and value >= 1):
            low = "at least 0" if name in _MAY_BE_ZERO else "above 0"
            expected = low + (" and below 1" if name in _BELOW_ONE else "")
            found.append(errors.bad_setting(f"{name} = {value:g} for the optimiser {optimizer.name}", expected))
    if found:
        raise QsanError(found)
    return kind(**dict(optimizer.options))


def advance(
    model: Model, rule: Rule, values: Arrays, gradient: Arrays, state: State
) -> tuple[dict[str, Floats], State]:
    """One step of the parameters that are not frozen, each then projected into its range.

    A step too large gives numbers that are not finite, without a warning: whoever steps looks at them.
    """
    free = {parameter.name: values[parameter.name] for parameter in model.parameters if not parameter.frozen}
    with np.errstate(all="ignore"):
        moved, after = rule.step(free, gradient, state)
        projected = {
            parameter.name: project(parameter, moved[parameter.name])
            for parameter in model.parameters
            if not parameter.frozen
        }
    return {**values, **projected}, after
