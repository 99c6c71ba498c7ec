"""Circuit calls on the watch, each under its own name.

Calls differentiated by shifts are given to the model graph as if the executable had a gradient of its own, so that the
rules can be timed apart from the circuits they run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import cycle

from qsanc.grad.circuit import Method, differentiable_call
from qsanc.grad.reverse import Prepared
from qsanc.ir.circuit import CircuitModule
from qsanc.target import Context, Differentiable, Executable, Floats, Gradient, Handle, Pullback, Request, Results
from qsanc.target.profile import Part, Phase, Profiled
from qsanc.train.profile.watch import Section, Stopwatch

WHOLE = "the whole request"
"""The part that a call is where its executable tells of no parts."""


def watched(
    executables: Mapping[str, Executable], method: Method, watch: Stopwatch, prepared: Prepared
) -> dict[str, Executable]:
    """The same executables on the watch; their gradient is found by `method`.

    The section of a call is the name of its module, with a number where a step calls it several times.
    """
    modules = [call.module for level in prepared.levels for call, _ in level.calls]

    def sections(module: str) -> Iterator[Section]:
        count = modules.count(module)
        names = [module] if count < 2 else [f"{module}, call {number}" for number in range(1, count + 1)]
        return cycle(watch.section(name) for name in names)

    return {name: Watched(executable, method, sections(name)) for name, executable in executables.items()}


class Watched:
    """An executable on the watch."""

    def __init__(self, inner: Executable, method: Method, sections: Iterator[Section]) -> None:
        self._inner, self._method, self._sections = inner, method, sections

    @property
    def module(self) -> CircuitModule:
        return self._inner.module

    def plan(self) -> str:
        return self._inner.plan()

    def submit(self, request: Request, context: Context) -> Handle:
        return _Call(self._inner, next(self._sections)).submit(request, context)

    def collect(self, handle: Handle) -> Results:
        assert isinstance(handle, _Waiting)
        return handle.call.collect(handle)

    def vjp(self, request: Request, context: Context) -> tuple[Results, Pullback]:
        section = next(self._sections)
        results, back = differentiable_call(_Call(self._inner, section), request, context, self._method)
        found = results()

        def pullback(cotangents: Mapping[int, Floats]) -> Gradient:
            with section.time(rules) if self._method == "parameter_shift" else nullcontext():
                return back(dict(cotangents))

        rules = Part("backward", "shift rules")
        return found, pullback


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """Work that was handed over, or its results where they are known already."""

    call: _Call
    part: Part | None
    handle: Handle | None
    results: Results | None

    @property
    def done(self) -> bool:
        return self.handle is None or self.handle.done


class _Call:
    """One call of an executable: by parts where it is `Profiled`, else as a whole."""

    def __init__(self, inner: Executable, section: Section) -> None:
        self._inner, self._section = inner, section

    @property
    def module(self) -> CircuitModule:
        return self._inner.module

    def plan(self) -> str:
        return self._inner.plan()

    def submit(self, request: Request, context: Context) -> Handle:
        part = self._whole(request)
        if request.shots is None and isinstance(self._inner, Profiled):
            if request.shifts is None:
                return _Waiting(self, None, None, self._inner.profile(request, context, self._section)[0])
            with self._section.time(part):
                return _Waiting(self, None, None, self._inner.profile_shifts(request, context, self._section))
        with self._section.time(part):
            handle = self._inner.submit(request, context)
        return _Waiting(self, part, handle, None)

    def collect(self, handle: Handle) -> Results:
        assert isinstance(handle, _Waiting)
        if handle.results is not None:
            return handle.results
        assert handle.part is not None
        assert handle.handle is not None
        with self._section.time(handle.part):
            return self._inner.collect(handle.handle)

    def vjp(self, request: Request, context: Context) -> tuple[Results, Pullback]:
        if isinstance(self._inner, Profiled):
            return self._inner.profile(request, context, self._section)
        assert isinstance(self._inner, Differentiable)
        with self._section.time(self._whole(request)):
            results, back = self._inner.vjp(request, context)

        def pullback(cotangents: Mapping[int, Floats]) -> Gradient:
            with self._section.time(self._whole(request, "backward")):
                return back(cotangents)

        return results, pullback

    def _whole(self, request: Request, phase: Phase = "forward") -> Part:
        if request.shifts is not None:
            return Part("backward", "shifted circuits", f"{len(request.shifts)} at a time")
        many = request.bindings.rows if request.pairs is None else len(request.pairs)
        what = "rows" if request.pairs is None else "pairs of rows"
        shots = "" if request.shots is None else f", {request.shots} shots"
        return Part(phase, WHOLE, f"{many} {what}{shots}")
