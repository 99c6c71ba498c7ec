"""Passes, case by case: each `<pass>.ir` holds circuits before and after, and both are run on the oracle.

Cases are separated by `===`, before and after by `---`; `--update-golden` writes what comes after. A line `// gates:`
names what to decompose towards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from oracle import dense

from qsanc.ir.circuit import Channel, CircuitModule, State
from qsanc.ir.text import print_module, read_module
from qsanc.passes.cancel import cancel
from qsanc.passes.commute import Commute
from qsanc.passes.decompose import decompose
from qsanc.passes.fold import fold
from qsanc.passes.known import known
from qsanc.passes.lightcone import lightcone
from qsanc.passes.merge import merge
from qsanc.target.protocol import Bindings

HERE = Path(__file__).parent
PASSES = {
    "fold": fold,
    "cancel": cancel,
    "merge": merge,
    "commute": Commute(),
    "known": known,
    "lightcone": lightcone,
}
KEEP_RESULTS_ALONE = ("known", "lightcone")


def rewrite_of(name: str, before: str) -> Callable[[CircuitModule], CircuitModule]:
    if name != "decompose":
        return PASSES[name]
    named = re.match("// gates: (.*)", before)
    assert named is not None
    return partial(decompose, gates=frozenset(named[1].split()))


def befores(name: str) -> list[str]:
    cases = (HERE / f"{name}.ir").read_text(encoding="utf-8").split("===\n")
    return [case.split("---\n")[0] for case in cases]


def cases() -> list[tuple[str, str]]:
    return [(path.stem, before) for path in sorted(HERE.glob("*.ir")) for before in befores(path.stem)]


@pytest.mark.parametrize("name", [path.stem for path in sorted(HERE.glob("*.ir"))])
def test_before_and_after(name: str, golden: Callable[[Path, str], None]):
    after = [before + "---\n" + print_module(rewrite_of(name, before)(read_module(before))) for before in befores(name)]
    golden(HERE / f"{name}.ir", "===\n".join(after))


@pytest.mark.parametrize(("name", "text"), cases())
def test_before_and_after_do_the_same(name: str, text: str):
    before = read_module(text)
    after = rewrite_of(name, text)(before)
    generator = np.random.default_rng(1)
    bound = Bindings(generator.normal(size=len(before.shared)), generator.normal(size=(2, len(before.items))))
    pairs = np.array([[0, 0], [0, 1]])
    values = zip(dense.results(before, bound, pairs), dense.results(after, bound, pairs), strict=True)
    for result, (one, other) in zip(before.results, values, strict=True):
        if isinstance(result, State) and name == "decompose":
            assert np.allclose(np.abs(np.vdot(one[0], other[0])), 1, rtol=0, atol=1e-12)
        else:
            assert np.allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "text"), [case for case in cases() if case[0] not in KEEP_RESULTS_ALONE])
def test_before_and_after_are_the_same_unitary_up_to_a_phase(name: str, text: str):
    before = read_module(text)
    after = rewrite_of(name, text)(before)
    slots = np.random.default_rng(2).normal(size=len(before.slots))
    for old, new in zip(before.segments, after.segments, strict=True):
        if not any(isinstance(step, Channel) for step in old.body):
            one, other = (dense.unitary(s.body, before.wires, slots) for s in (old, new))
            assert np.isclose(np.abs(np.vdot(one, other)), len(one), rtol=0, atol=1e-12)
