"""Circuits as functions of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsanc import registry
from qsanc.api.names import item_of, module_of, only
from qsanc.api.native import tier_of
from qsanc.api.noise import unexecuted
from qsanc.check.module import Module
from qsanc.diagnostics import Severity
from qsanc.driver import Compiled, compile_entry
from qsanc.elaborate import elaborate, entries
from qsanc.fast import OFF, Mode, Tier
from qsanc.grad.reverse import evaluate, prepare
from qsanc.ir.draw import draw
from qsanc.ir.layout import Layout
from qsanc.ir.model import Input
from qsanc.syntax import ast
from qsanc.target import Bindings, Context, Floats, Request
from qsanc.train import errors, seeds


def compile(
    source: str | Path,
    entry: str | None = None,
    *,
    backend: str = "numpy",
    shots: int | None = None,
    jit: Mode | Tier = "auto",
) -> Circuit:
    """A circuit, or the state that an ansatz prepares, as a function of arrays.

    `source` is a file, or program text (a `str` with a line break); `entry` is needed where the file has several.
    `jit` is as in `load`. Raises QsanError.

    >>> import math, qsanc
    >>> turn = qsanc.compile('''qsan 1.0
    ... circuit turn(t: angle) on q: qubit -> real { ry(t) q; return expval(Z(q)); }
    ... ''')
    >>> round(float(turn(math.pi / 3)), 12)
    0.5
    """
    module = module_of(source)
    if entry is None:
        named = [name for name in entries(module) if not isinstance(item_of(module, name), ast.Model)]
        entry = only(named, "circuit", module)
    return Circuit(module, entry, backend, shots, tier_of(jit))


class Circuit:
    """A circuit as a function: call it with arrays, in the order of its parameters or by name.

    Generics follow from the shapes of the arguments; those that do not are given by name as integers, as are integer
    parameters. An ansatz returns the state that it prepares from |0...0>, complex128[2^qubits], qubit 0 the most
    significant. Raises QsanError for arguments that do not fit.
    """

    def __init__(
        self,
        module: Module,
        entry: str,
        backend: str = "numpy",
        shots: int | None = None,
        tier: Tier = OFF,
        context: Context | None = None,
    ) -> None:
        item = item_of(module, entry)
        if isinstance(item, ast.Noise):
            raise errors.fail(unexecuted(item, Severity.ERROR))
        if isinstance(item, ast.Property | ast.Test):
            title = f"`{entry}` is a {type(item).__name__.lower()}, which returns nothing"
            again = f"qsanc test {module.file.source.name} -k {entry}"
            raise errors.fail(errors.error("QS108", title, item.name_span, help=again))
        if not isinstance(item, ast.Circuit | ast.Ansatz):
            known = [name for name in entries(module) if isinstance(item_of(module, name), ast.Circuit | ast.Ansatz)]
            title = f"{module.file.source.name} has no circuit `{entry}`"
            raise errors.fail(errors.error("QS101", title, help=errors.near(entry, known) or ", ".join(known[:12])))
        self._module, self._entry, self._item = module, entry, item
        self._backend, self._shots, self._tier = registry.load(backend), shots, tier
        self._context = replace(context or Context(), purpose="inference")
        self._compiled: dict[tuple[tuple[tuple[str, object], ...], ...], Compiled] = {}

    def __repr__(self) -> str:
        return f"<qsanc circuit {self._entry}({', '.join(param.name for param in self._item.params)})>"

    def __call__(self, /, *arguments: ArrayLike, seed: int = 0, **named: ArrayLike) -> NDArray[np.generic]:
        """The declared result, float64 of its shape; `seed` is that of the samples where there are shots.

        A parameter or generic that is itself called `seed` is given by position, or by `run`.
        """
        return self._run(arguments, named, seed)

    def run(self, values: Mapping[str, ArrayLike], /, *, seed: int = 0) -> NDArray[np.generic]:
        """As a call, with the parameters and generics in a mapping, so that they may have any names.

        >>> turn = compile('''qsan 1.0
        ... circuit turn(seed: angle) on q: qubit -> real { ry(seed) q; return expval(Z(q)); }
        ... ''')
        >>> float(turn.run({"seed": 0.0}))
        1.0
        """
        return self._run((), values, seed)

    def _run(self, arguments: tuple[ArrayLike, ...], named: Mapping[str, ArrayLike], seed: int) -> NDArray[np.generic]:
        seeds.need(seed)
        sizes, arrays = self._bound(arguments, named)
        self._tier.settle()
        compiled = self._for(sizes, {name: array.shape for name, array in arrays.items()})
        if not compiled.program.functions:
            return self._state(compiled, arrays)
        function = compiled.program.function(self._entry)
        inputs = {value.name: self._fitting(value, arrays[value.name])[np.newaxis] for value in function.inputs}
        result = evaluate(
            prepare(function, compiled.program.modules, ("result",)),
            compiled.executables,
            inputs,
            Layout(1),
            context=replace(self._context, seed=seed),
            shots=self._shots,
            tier=self._tier,
        )["result"]
        rows = function.types()[function.output("result")].rows
        return np.asarray(result[0] if rows else result)

    def draw(self, /, *, width: int = 100, **sizes: int) -> str:
        """The circuit as text, with these generics and integer parameters, in lines of about `width` characters."""
        (module, *_) = elaborate(self._module, entry=self._entry, sizes=sizes)[0].modules
        return draw(module, width=width)

    def _bound(
        self, arguments: tuple[ArrayLike, ...], named: Mapping[str, ArrayLike]
    ) -> tuple[dict[str, int | float], dict[str, Floats]]:
        """Sizes (generics, integer parameters, sizes and settings of the file) and arrays, by name."""
        parameters = {param.name: param for param in self._item.params}
        generics = [generic.name for generic in self._item.generics]
        settings = {item.name: item for item in self._module.file.items if isinstance(item, ast.Size | ast.Hyper)}
        if len(arguments) > len(parameters):
            self._misfit(f"takes {len(parameters)} arguments, not {len(arguments)}")
        given = dict(zip(parameters, arguments, strict=False))
        for name, value in named.items():
            if name in given:
                self._misfit(f"gets `{name}` twice")
            if name not in parameters and name not in generics and name not in settings:
                self._misfit(f"has no parameter `{name}`", errors.near(name, [*parameters, *generics, *settings]))
            given[name] = value
        missing = [name for name, parameter in parameters.items() if name not in given and parameter.default is None]
        if missing:
            self._misfit(f"needs {errors.listed(f'`{name}`' for name in missing)}")
        whole = [name for name, parameter in parameters.items() if parameter.type.kind in ("nat", "int", "bit", "bool")]
        sizes: dict[str, int | float] = {}
        arrays: dict[str, Floats] = {}
        for name, value in given.items():
            array = self._array(name, value)
            own = name in parameters or name in generics
            if not own and isinstance(settings[name], ast.Hyper) and not array.shape:
                sizes[name] = float(array)
            elif own and name not in generics and name not in whole:
                arrays[name] = array
            elif array.shape or array != np.floor(array):
                self._misfit(f"needs a whole number for `{name}`")
            else:
                sizes[name] = int(array)
        return sizes, arrays

    def _array(self, name: str, value: ArrayLike) -> Floats:
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            self._misfit(f"needs numbers in rows of equal length for `{name}`")
        if not np.isfinite(array).all():
            self._misfit(f"needs finite numbers for `{name}`")
        return array

    def _fitting(self, wanted: Input, array: Floats) -> Floats:
        if array.shape != wanted.type.static:
            found, expected = list(array.shape), list(wanted.type.static)
            self._misfit(f"gets {found or 'a number'} for `{wanted.name}`, which is {expected or 'a number'} here")
        return array

    def _misfit(self, what: str, help: str = "") -> NoReturn:
        signature = f"{self._entry}({', '.join(f'{p.name}: {p.type.span.text}' for p in self._item.params)})"
        raise errors.fail(
            errors.error("QS201", f"`{self._entry}` {what}", self._item.name_span, expected=signature, help=help)
        )

    def _for(self, sizes: Mapping[str, int | float], shapes: Mapping[str, tuple[int, ...]]) -> Compiled:
        key = (tuple(sorted(sizes.items())), tuple(sorted(shapes.items())))
        if key not in self._compiled:
            self._compiled[key] = compile_entry(
                self._module,
                self._entry,
                self._backend,
                sizes=sizes,
                shapes=shapes,
                shots=self._shots,
                tier=self._tier,
            )
        return self._compiled[key]

    def _state(self, compiled: Compiled, arrays: Mapping[str, Floats]) -> NDArray[np.generic]:
        (module,) = compiled.program.modules
        values = {
            f"{name}[{', '.join(map(str, place))}]" if place else name: array[place]
            for name, array in arrays.items()
            for place in np.ndindex(*array.shape)
        }
        computed = [slot for slot in module.slots if slot not in values]
        if computed:
            self._misfit("computes angles that are not affine in its arguments; a circuit that applies it can be run")
        bindings = Bindings(
            np.array([values[slot] for slot in module.shared]), np.array([[values[slot] for slot in module.items]])
        )
        executable = compiled.executables[module.name]
        results = executable.collect(executable.submit(Request(bindings, (0,)), self._context))
        return np.asarray(results.estimates[0].value[0])
