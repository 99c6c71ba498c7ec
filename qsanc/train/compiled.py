"""A compiled model as an objective: a function of the model language, and executables for its circuits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from qsanc.fast import OFF, Tier
from qsanc.grad.circuit import Method
from qsanc.grad.kernels import LIBRARY
from qsanc.grad.reverse import Prepared, evaluate, prepare, value_and_gradient
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.layout import Layout
from qsanc.ir.model import Function
from qsanc.ir.ops import Array
from qsanc.target import Context, Executable, Floats
from qsanc.train.objective import Outputs, Parameters
from qsanc.train.records import Records
from qsanc.train.run_info import Ran


class Compiled:
    """A function of the model language with executables for its circuits, as an `Objective`.

    `executables` by module name; `method` is how circuits are differentiated; `shots` None is exact. `tier` is that of
    the executables: what it has compiled meanwhile is used from the next step on, and `ran` says from which.
    """

    def __init__(
        self,
        function: Function,
        modules: Iterable[CircuitModule],
        executables: Mapping[str, Executable],
        *,
        method: Method,
        shots: int | None = None,
        independent: bool = False,
        tier: Tier = OFF,
    ) -> None:
        self._function, self._modules, self._executables = function, tuple(modules), executables
        self._method, self._shots, self._independent, self._tier = method, shots, independent, tier
        self._ran: tuple[Ran, ...] = ()
        self._at: tuple[str, int] | None = None
        types = function.types()
        self._single = {name for name, number in function.outputs if not types[number].rows}
        self._prepared: dict[tuple[tuple[str, ...], tuple[str, ...]], Prepared] = {}

    @property
    def ran(self) -> tuple[Ran, ...]:
        """How the steps so far were computed: an entry for the first one, and for each where that changed."""
        return self._ran

    def ready(self, wrt: tuple[str, ...]) -> None:
        """Do now what the first step would do: plan, and compile native code where that is wanted."""
        self._plan(("predict", "loss"), wrt)
        self._tier.kernels(LIBRARY)

    def gradient(
        self, parameters: Parameters, records: Records, *, wrt: tuple[str, ...], context: Context
    ) -> tuple[Outputs, Parameters]:
        self._settle(context)
        values, gradient = value_and_gradient(
            self._plan(("predict", "loss"), wrt),
            self._executables,
            {**parameters, **records.columns},
            Layout(records.count, records.lengths),
            method=self._method,
            context=context,
            shots=self._shots,
            independent=self._independent,
            tier=self._tier,
        )
        self._note(context)
        return self._outputs(values, records), {name: gradient[name].astype(np.float64, copy=False) for name in wrt}

    def outputs(self, parameters: Parameters, records: Records, *, context: Context) -> Outputs:
        return self._outputs(self.values(("predict", "loss"), parameters, records, context=context), records)

    def predict(self, parameters: Parameters, records: Records, *, context: Context) -> Floats:
        values = self.values(("predict",), parameters, records, context=context)
        return self._for_each_record("predict", values, records)

    def values(
        self, wanted: tuple[str, ...], parameters: Parameters, records: Records, *, context: Context
    ) -> dict[str, Array]:
        """Outputs and probes by name, each [row, static axes ...]. Raises KeyError for names the function lacks."""
        self._settle(context)
        values = evaluate(
            self._plan(wanted, ()),
            self._executables,
            {**parameters, **records.columns},
            Layout(records.count, records.lengths),
            context=context,
            shots=self._shots,
            independent=self._independent,
            tier=self._tier,
        )
        self._note(context)
        return values

    def _plan(self, wanted: tuple[str, ...], wrt: tuple[str, ...]) -> Prepared:
        if (wanted, wrt) not in self._prepared:
            self._prepared[wanted, wrt] = prepare(self._function, self._modules, wanted, wrt=wrt)
        return self._prepared[wanted, wrt]

    def _settle(self, context: Context) -> None:
        """A step, or a pass over a part of the data, runs in one tier, in however many calls."""
        if context.purpose == "inference" or (context.purpose, context.step) != self._at:
            self._at = context.purpose, context.step
            self._tier.settle()

    def _note(self, context: Context) -> None:
        if context.purpose == "inference":
            return
        builds = tuple(sorted(self._tier.builds().items()))
        if not self._ran or self._ran[-1].builds != builds:
            self._ran = (*self._ran, Ran(context.step, builds))

    def _outputs(self, values: Mapping[str, Array], records: Records) -> Outputs:
        return Outputs(
            self._for_each_record("predict", values, records), self._for_each_record("loss", values, records)
        )

    def _for_each_record(self, name: str, values: Mapping[str, Array], records: Records) -> Floats:
        """What depends on no record is the same for each of them."""
        value = values[name].astype(np.float64, copy=False)
        return np.broadcast_to(value, (records.count, *value.shape)) if name in self._single else value
