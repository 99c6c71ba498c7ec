"""Requests answered: exact values from the lowered module, samples from exact distributions, adjoint gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import numpy as np

from qsanc.diagnostics import CompilerBug, QsanError
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule, Overlap
from qsanc.target import Context, Estimate, Gradient, Handle, Pullback, Request, Results
from qsanc.target.memory import available, ran_out, too_large
from qsanc.target.profile import Watch
from qsanc.target.sampled import Sampler
from qsanc.target.sampling import measured_module
from qsanc_numpy import register
from qsanc_numpy.arrays import Floats
from qsanc_numpy.engine import Engine
from qsanc_numpy.evaluate import Lowered, Values
from qsanc_numpy.memory import (
    Way,
    keep_pages,
    needed_for_gradient,
    needed_for_overlaps,
    needed_for_shots,
    needed_for_values,
)
from qsanc_numpy.profile import watched_values_and_adjoint, watched_values_at_shifts
from qsanc_numpy.threads import BlasThreads


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """Work that was done when it was submitted."""

    results: Results

    @property
    def done(self) -> bool:
        return True


class NumpyExecutable:
    """A module lowered for NumPy. States stay in memory only for the length of a call, or of a pullback."""

    def __init__(self, module: CircuitModule, tier: Tier = OFF, *, single: bool = False) -> None:
        self._module, self._tier, self._single = module, tier, single
        with self._enough("the plan"):
            self._lowered = Lowered.of(module, single=single)
        self._threads = BlasThreads()
        self._sampler = Sampler(module)
        keep_pages()
        self._overlaps = frozenset(k for k, result in enumerate(module.results) if isinstance(result, Overlap))

    @property
    def module(self) -> CircuitModule:
        return self._module

    def plan(self) -> str:
        return self._lowered.text()

    def submit(self, request: Request, context: Context) -> Finished:
        self._verify(request)
        self._fits(request, gradient=False)
        with self._threads.one(), self._enough("the state"):
            if request.shots is None:
                values = self._exact(self._lowered, request, request.results)
                return Finished(Results(tuple(Estimate(values[k]) for k in request.results)))
            return Finished(
                self._sampler.estimates(
                    request, request.shots, context, lambda wanted: self._distributions(request, wanted)
                )
            )

    def collect(self, handle: Handle) -> Results:
        if not isinstance(handle, Finished):
            raise CompilerBug("this handle belongs to another backend")
        return handle.results

    def vjp(self, request: Request, context: Context) -> tuple[Results, Pullback]:
        if request.shots is not None or request.shifts is not None:
            raise CompilerBug("the adjoint method is exact and knows no shifts")
        self._verify(request)
        self._fits(request, gradient=True)
        with self._threads.one(), self._enough("the gradient"):
            values, reverse = self._lowered.values_and_adjoint(
                request.bindings, request.results, request.pairs, self._engine(self._lowered, request)
            )
        return self._answer(request, values, reverse)

    def profile(self, request: Request, context: Context, watch: Watch) -> tuple[Results, Pullback]:
        """What `vjp` gives, on the watch."""
        self._verify(request)
        self._fits(request, gradient=True)
        with self._threads.one(), self._enough("the gradient"):
            values, reverse = watched_values_and_adjoint(
                self._lowered, self._engine(self._lowered, request), request, watch
            )
        return self._answer(request, values, reverse)

    def profile_shifts(self, request: Request, context: Context, watch: Watch) -> Results:
        """What `submit` comes to, on the watch."""
        self._verify(request)
        self._fits(request, gradient=False)
        with self._threads.one(), self._enough("the state"):
            values = watched_values_at_shifts(self._lowered, request, watch)
        return Results(tuple(Estimate(values[k]) for k in request.results))

    def _answer(self, request: Request, values: Values, reverse: Pullback) -> tuple[Results, Pullback]:
        lock = Lock()

        def pullback(cotangents: Mapping[int, Floats]) -> Gradient:
            with lock, self._threads.one(), self._enough("the gradient"):
                return reverse(cotangents)

        return Results(tuple(Estimate(values[k]) for k in request.results)), pullback

    def _verify(self, request: Request) -> None:
        """Raise `CompilerBug` where a request does not fit the module: its callers are ours."""
        module, bindings = self._module, request.bindings
        if bindings.shared.shape != (len(module.shared),) or bindings.items.shape[1:] != (len(module.items),):
            raise CompilerBug(f"{module.name}: bindings {bindings.shared.shape} and {bindings.items.shape} do not fit")
        asked = self._overlaps.intersection(request.results)
        if len(asked) != (len(set(request.results)) if request.pairs is not None else 0):
            raise CompilerBug(f"{module.name}: overlaps are asked for with pairs, and nothing else is")

    def _fits(self, request: Request, *, gradient: bool) -> None:
        """Raise QsanError (QS307) where a large register needs more memory than there is."""
        if self._module.wires < register.WIRES:
            return
        rows, what = request.bindings.rows, "the gradient" if gradient else "the state"
        if request.pairs is not None:
            what = f"{'the gradient by overlaps' if gradient else 'the table of overlaps'} of {rows} rows"
        with self._enough(what):
            need = self.need(request, gradient=gradient)
        if need > (have := available()):
            raise QsanError([too_large(self._module, what, need, have)])

    def need(self, request: Request, *, gradient: bool = False) -> int:
        """Bytes that a request on a large register takes at most, beside the request itself."""
        rows, shifts = request.bindings.rows, None if request.shifts is None else len(request.shifts)
        native = self._tier.mode != "off" and not self._single and shifts is None
        compiled = len(self._lowered.plan.nodes) if native and self._lowered.compiles(rows) else 0
        way = Way(rows, shifts, gradient, self._single, register.threads(), native, compiled)
        if request.pairs is not None:
            return needed_for_overlaps(self._module, way)
        if gradient:
            return needed_for_gradient(self._module, way)
        if request.shots is not None:
            return needed_for_shots(self._module, self._sampler.readings, request.results, way)
        return needed_for_values(self._module, way)

    @contextmanager
    def _enough(self, what: str) -> Iterator[None]:
        """QsanError (QS307) instead of a `MemoryError`: without its frames, which would hold what there is."""
        try:
            yield
            return
        except MemoryError:
            pass
        raise QsanError([ran_out(self._module, what)])

    def _engine(self, lowered: Lowered, request: Request) -> Engine:
        return lowered.engine(self._tier, request.bindings.rows)

    def _exact(self, lowered: Lowered, request: Request, results: Sequence[int]) -> Values:
        if request.shifts is None:
            return lowered.values(request.bindings, results, request.pairs, self._engine(lowered, request))
        return lowered.values_at_shifts(request.bindings, results, request.pairs, request.shifts)

    @cached_property
    def _measured(self) -> Lowered:
        return Lowered.of(measured_module(self._module, self._sampler.readings.settings), single=self._single)

    def _distributions(self, request: Request, wanted: tuple[int, ...]) -> Mapping[int, Floats]:
        """Of settings, or, where the request has pairs, the values of overlaps."""
        values = self._exact(self._measured if request.pairs is None else self._lowered, request, wanted)
        return {k: np.asarray(value, np.float64) for k, value in values.items()}
