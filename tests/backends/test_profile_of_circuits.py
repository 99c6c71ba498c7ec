"""Executions on the watch: the same numbers, parts by node of the plan, and work as counted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.asking import requests

from qsanc.fast import Tier
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.text import read_module
from qsanc.target import Bindings, Context, Request
from qsanc.target.profile import Part, Profiled, Work
from qsanc.testing.strategies import bindings, circuits
from qsanc_numpy.backend import NumpyBackend
from qsanc_numpy.costs import CostModel
from qsanc_numpy.evaluate import Lowered
from qsanc_numpy.profile import ROWS, SHARED, watched_values_and_adjoint

TINY = """
circuit @tiny wires 2
  shared t
  items x
  segment s
    ry(s1) 0
    rx(s0) 0
    cx 0, 1
  r0 = probability s: 0 is 1
"""

TAILS = """
circuit @tails wires 1
  shared t, u
  items x
  segment first
    ry(s2) 0
  segment left after first
    rx(s0) 0
  segment right after first
    rx(s1) 0
  r0 = expectation left: Z0
  r1 = expectation right: Z0
"""


class Recorder:
    """A watch without a clock: which parts ran, how deep each stood in others, and the work they did."""

    counting = True

    def __init__(self) -> None:
        self.parts: dict[Part, Work] = {}
        self.open: list[Part] = []

    @contextmanager
    def time(self, part: Part) -> Iterator[None]:
        self.parts.setdefault(part, Work())
        self.open.append(part)
        yield
        assert self.open.pop() is part

    def count(self, part: Part, work: Work) -> None:
        self.parts[part] = self.parts[part] + work

    def works(self) -> dict[tuple[str, str], Work]:
        return {(part.phase, part.name): work for part, work in self.parts.items()}


def cotangents(request: Request, values: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    return {k: np.cos(np.arange(values[k].size)).reshape(values[k].shape) for k in request.results}


def on_the_watch(module: CircuitModule, rows: int, costs: CostModel | None = None) -> Recorder:
    rng = np.random.default_rng(1)
    bound = Bindings(rng.normal(size=len(module.shared)), rng.normal(size=(rows, len(module.items))))
    request, recorder = Request(bound, tuple(range(len(module.results)))), Recorder()
    lowered = Lowered.of(module, costs)
    values, back = watched_values_and_adjoint(lowered, lowered.numpy, request, recorder)
    back(cotangents(request, values))
    return recorder


@settings(max_examples=150)
@given(data=st.data())
def test_the_watch_changes_no_bit(data: st.DataObject) -> None:
    kinds = ("expectation", "probabilities", "probability", "overlap")
    module = data.draw(circuits(max_wires=4, max_gates=12, results=kinds))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=20)), shifted=False))
    executable, recorder = NumpyBackend().lower(module), Recorder()
    assert isinstance(executable, Profiled)
    found, other = executable.profile(request, Context(), recorder), executable.vjp(request, Context())
    values = {k: estimate.value for k, estimate in zip(request.results, found[0].estimates, strict=True)}
    for one, same in zip(found[0].estimates, other[0].estimates, strict=True):
        np.testing.assert_array_equal(one.value, same.value)
    given_ = cotangents(request, values)
    gradients = found[1](given_), other[1](given_)
    np.testing.assert_array_equal(gradients[0].shared, gradients[1].shared)
    np.testing.assert_array_equal(gradients[0].items, gradients[1].items)
    assert not recorder.open


def test_native_code_is_watched_by_the_same_parts() -> None:
    module = read_module(TINY)
    bound = Bindings(np.array([0.3]), np.array([[0.1], [0.2], [0.5]]))
    seen = []
    for tier in (Tier("off"), Tier("on")):
        recorder = Recorder()
        _, back = NumpyBackend().lower(module, tier=tier).profile(Request(bound, (0,)), Context(), recorder)
        back({0: np.ones(3)})
        seen.append({key for key in recorder.works() if key[1].startswith("node")})
    assert seen[0] == seen[1] == {(phase, f"node {k} (s)") for phase in ("forward", "backward") for k in (1, 2)}


def test_gates_by_hand() -> None:
    """Three rows. Node 1 is a real block with item slots, node 2 a complex one and a permutation."""
    works = on_the_watch(read_module(TINY), 3).works()
    first, second = works["forward", "node 1 (s)"], works["forward", "node 2 (s)"]
    # 4 amplitudes of 3 columns: two products and a sum each; |00> read, states written, a 2 by 2 matrix a row
    assert first == Work(12 * 3, 8 * (4 + 12 + 12), 8 * 12, 8 * (4 + 12 + 12))
    # two products of a real and a complex number and a complex sum; then 12 complex numbers moved
    assert second == Work(12 * (2 * 2 + 2), 8 * 12 + 16 * 12 + 16 * 4 + 16 * 24, 16 * 12, 16 * 24)
    # the first block is not undone: it meets the costate once, in two products and sums
    assert works["backward", "node 1 (s)"] == Work(12 * 2 * 2, 2 * 8 * 12, 0, 2 * 8 * 12)
    # met by products of complex numbers; undone on state and costate; the permutation on both
    met, undone, moved = 12 * 2 * 8, 24 * (2 * 6 + 2), 2 * 16 * 24
    bytes_moved = 2 * 16 * 12 + (2 * 16 * 24 + 16 * 4) + moved
    assert works["backward", "node 2 (s)"] == Work(met + undone, bytes_moved, 0, 2 * 16 * 24 + 16 * 4)
    assert works["forward", "readings of s"].flops == 12 * 8


def test_a_matrix_by_hand() -> None:
    works = on_the_watch(read_module(TINY), 5, CostModel(call=0.0, entry=1.0, product=0.0)).works()
    assert works["forward", "matrix of node 2"].flops == 4 * 4 * (2 * 2 + 2)
    # a complex 4 by 4 matrix on 5 real columns: a product of 2 and a sum of 2 flops
    forward = works["forward", "node 2 (s)"]
    assert forward == Work(16 * 5 * 4, 16 * 16 + 20 * (8 + 16), 16 * 20, 16 * 16 + 20 * (8 + 16))
    # costates times states, and the inverse on costates
    assert works["backward", "node 2 (s)"].flops == 16 * 5 * 4 + 16 * 5 * 8


def test_observables_by_hand() -> None:
    """Two tails on one qubit: 3 features of a real state, two results."""
    works = on_the_watch(read_module(TAILS), 10, CostModel(call=0.0, feature=0.0, product=0.0)).works()
    assert works["forward", "nodes 2, 3"].flops == 3 * 10 + 2 * 2 * 3 * 10
    assert works["forward", "node 1 (first)"].states == 2 * 10 * 8
    assert {("forward", "observables of nodes 2, 3"), ("backward", "observables of nodes 2, 3")} <= set(works)


def test_what_is_shared_stands_apart() -> None:
    works = on_the_watch(read_module(TINY), 3).works()
    assert {(phase, name) for phase in ("forward", "backward") for name in (SHARED, ROWS)} <= set(works)
    assert works["forward", ROWS].bytes == 3 * (4 * 8 + 8)


def test_chunks_add_up() -> None:
    """States of all chunks stay until the way back."""
    module = read_module(TINY)
    rows = 50_000
    assert on_the_watch(module, rows).works()["forward", "node 1 (s)"].states == 4 * rows * 8
