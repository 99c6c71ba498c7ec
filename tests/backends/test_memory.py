"""What a large register is refused by: no way of executing one takes more than is promised for it."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from qsanc.diagnostics import QsanError
from qsanc.fast import Tier
from qsanc.ir.circuit import (
    Angle,
    CircuitModule,
    Expectation,
    Gate,
    Observable,
    Overlap,
    Pauli,
    Probabilities,
    Segment,
)
from qsanc.ir.text import read_module
from qsanc.target import Bindings, Context, Request, Shifts
from qsanc.target.memory import of_group
from qsanc_numpy import register
from qsanc_numpy.backend import NumpyBackend
from qsanc_numpy.executable import NumpyExecutable
from qsanc_numpy.memory import KEPT_AMPLITUDES, Way

WIRES = 18
STATE = 16 << WIRES
BLOCKS = Way(threads=register.threads()).fixed - Way(threads=0).fixed
"""What threads work in."""
WAYS = ("values", "gradient", "shots", "shifts", "shifts with shots")


def turned(name: str, constant: float = 0.0, step: int = 1) -> list[Gate]:
    return [Gate(name, (wire,), (Angle(constant, ((wire, 1.0),)),)) for wire in range(0, WIRES, step)]


def module(kind: str) -> CircuitModule:
    """Read by a sum with many terms, by all probabilities, by the sign of all wires, or by an overlap; of one segment
    or of a tree of three. Its permutations take room for a second state."""
    rings = [Gate("cx", (wire, (wire + step) % WIRES)) for step in (5, 7) for wire in range(WIRES)]
    body = (*turned("rx"), *turned("ry", 0.3), *rings, *turned("rz", 0.1, 4))
    parents: dict[str, list[int | None]] = {"tree": [None, 0, 0], "overlap": [None, None]}
    segments = tuple(Segment(f"s{k}", parent, body) for k, parent in enumerate(parents.get(kind, [None])))
    pairs = Observable(tuple((1.0, Pauli(((wire, "Z"), (wire + 1, "Y")))) for wire in range(WIRES - 1)))
    every = Observable(((1.0, Pauli(tuple((wire, "Z") for wire in range(WIRES)))),))
    results = {
        "probabilities": (Probabilities(0, tuple(range(WIRES))),),
        "sign": (Expectation(0, every),),
        "overlap": (Overlap(0, 1, tuple(range(WIRES))),),
    }.get(kind, tuple(Expectation(segment, pairs) for segment in range(len(segments))))
    return CircuitModule("m", WIRES, tuple(f"t{k}" for k in range(WIRES)), (), segments, results)


def asked(executable: NumpyExecutable, way: str) -> Request:
    results = executable.module.results
    pairs = np.zeros((1, 2), np.int64) if isinstance(results[0], Overlap) else None
    shifts = None
    if way.startswith("shifts"):
        none = np.zeros(2, np.int64)
        shifts = Shifts(none, np.array([0, WIRES + 1]), np.full(2, 0.5), none)
    shots = 100 if way.endswith("shots") else None
    bindings = Bindings(np.linspace(0, 1, WIRES), np.zeros((1, 0)))
    return Request(bindings, tuple(range(len(results))), pairs, shifts, shots)


def taken(executable: NumpyExecutable, request: Request, *, gradient: bool = False) -> int:
    """The most bytes there are at once, beside what was there before and the plan."""
    executable.plan()
    shape = [(1, 1 << WIRES) if isinstance(r, Probabilities) else (1,) for r in executable.module.results]
    cotangents = {k: np.ones(shape[k]) for k in request.results}
    tracemalloc.start()
    try:
        if gradient:
            executable.vjp(request, Context())[1](cotangents)
        else:
            executable.submit(request, Context())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("kind", ["segment", "tree", "probabilities", "sign", "overlap"])
@pytest.mark.parametrize("way", WAYS)
def test_no_more_is_taken_than_promised(way: str, kind: str, single: bool) -> None:
    """Beside 2 MB for tables, which `Way.fixed` is there for; and no more than three times as much is
    promised as is taken."""
    executable = NumpyBackend("complex64" if single else None).lower(module(kind))
    request, gradient = asked(executable, way), way == "gradient"
    promised = executable.need(request, gradient=gradient) - Way(threads=0).fixed
    used = taken(executable, request, gradient=gradient)
    assert used <= promised + (2 << 20)
    assert promised <= 3 * used


@pytest.mark.parametrize("kind", ["segment", "tree"])
def test_native_code_takes_no_more(kind: str) -> None:
    pytest.importorskip("numba", reason="numba is not installed: pip install 'qsanc[fast]'")
    executable = NumpyBackend().lower(module(kind), tier=Tier("on"))
    request = asked(executable, "gradient")
    executable.submit(request, Context())
    promised = executable.need(request, gradient=True)
    loading = promised - NumpyBackend().lower(module(kind)).need(request, gradient=True)
    assert loading >= 50 << 20
    fixed = loading + Way(threads=0).fixed
    assert taken(executable, request, gradient=True) <= promised - fixed + (2 << 20)


def test_a_gradient_takes_four_states() -> None:
    """Whatever sum of products is read; in single precision, half of it. One of three segments takes six."""
    for kind, states in (("segment", 4), ("tree", 6)):
        for target, size in ((None, STATE), ("complex64", STATE // 2)):
            executable = NumpyBackend(target).lower(module(kind))
            request = asked(executable, "gradient")
            assert taken(executable, request, gradient=True) < states * size + BLOCKS + (2 << 20)


def test_states_of_settings_are_let_go() -> None:
    """Six settings at the ends of three segments: a state for each of them would be more than is taken in all."""
    executable = NumpyBackend().lower(module("tree"))
    distributions = 6 * STATE // 2
    assert taken(executable, asked(executable, "shots")) < distributions + 4 * STATE + BLOCKS


def test_rows_are_kept_up_to_a_size() -> None:
    """States of several rows wait for the way back: they are counted until they are found again."""
    few = module("segment")
    by_item = CircuitModule("m", WIRES, few.shared[1:], ("x",), few.segments, few.results)
    executable = NumpyBackend().lower(by_item)
    most = KEPT_AMPLITUDES >> WIRES

    def need(rows: int) -> int:
        bindings = Bindings(np.zeros(WIRES - 1), np.zeros((rows, 1)))
        return executable.need(Request(bindings, (0,)), gradient=True)

    assert need(most) - need(most // 2) >= most // 2 * STATE
    assert need(most + 1) < need(most) // 2
    bindings = Bindings(np.zeros(WIRES - 1), np.linspace(0, 1, most)[:, None])
    tracemalloc.start()
    _, back = executable.vjp(Request(bindings, (0,)), Context())
    back({0: np.ones(most)})
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used <= need(most)
    assert used > most * STATE


@pytest.mark.parametrize("way", WAYS)
def test_what_does_not_fit_is_refused(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way, beforehand, with the number."""
    executable = NumpyBackend().lower(module("tree"))
    request = asked(executable, way)
    need = executable.need(request, gradient=way == "gradient")
    monkeypatch.setattr("qsanc_numpy.executable.available", lambda: need - 1)
    with pytest.raises(QsanError) as raised:
        (executable.vjp if way == "gradient" else executable.submit)(request, Context())
    (found,) = raised.value.diagnostics
    assert found.code == "QS307"
    assert f"{WIRES} qubits need" in found.title


LIMITED = """
import resource, sys
import numpy as np
from qsanc.diagnostics import QsanError
from qsanc.ir.text import read_module
from qsanc.target import Bindings, Context, Request
from qsanc_numpy import executable
from qsanc_numpy import register
from qsanc_numpy.backend import NumpyBackend

executable.available = lambda: 1 << 60
found = NumpyBackend().lower(read_module(sys.stdin.read()))
request = Request(Bindings(np.linspace(0, 1, WIRES), np.zeros((1, 0))), (0,))
back = None
if WAY == "pullback":
    back = found.vjp(request, Context())[1]
with open("/proc/self/statm") as file:
    pages = int(file.read().split()[0])
limit = pages * resource.getpagesize() + (16 << WIRES) * STATES // 2
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    if WAY == "submit":
        found.submit(request, Context())
    elif WAY == "vjp":
        found.vjp(request, Context())
    else:
        back({0: np.ones(1)})
except QsanError as error:
    print(error.diagnostics[0].code, error.diagnostics[0].title)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system tells no size of a process")
@pytest.mark.parametrize(("way", "states"), [("submit", 1), ("vjp", 1), ("pullback", 2)])
def test_memory_that_runs_out_is_a_diagnostic(way: str, states: int) -> None:
    """A process that may have less than what is taken, where the refusal did not notice."""
    lines = f"WAY, WIRES, STATES = {way!r}, {WIRES + 4}, {states}\n{LIMITED}"
    gates = "".join(f"\n    rx(s0) {wire}\n    cx {wire}, {(wire + 5) % 22}" for wire in range(WIRES + 4))
    names = ", ".join(f"t{k}" for k in range(WIRES + 4))
    text = f"circuit @m wires {WIRES + 4}\n  shared {names}\n  segment a{gates}\n  r0 = expectation a: Z0 + Y1 Z2\n"
    child = subprocess.run([sys.executable, "-c", lines], input=text, capture_output=True, text=True, timeout=120)
    assert child.returncode == 0, child.stderr
    assert child.stdout.startswith("QS307 memory ran out for the "), child.stdout + child.stderr


def group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"memory.{name}").write_text(f"{text}\n")


def test_limits_of_control_groups(tmp_path: Path) -> None:
    """The least that is left in the process's own group and those that hold it; in version 1, 2 or both."""
    root, own = tmp_path / "groups", tmp_path / "own"
    none = of_group(root, own)
    group(root / "a" / "b", max=1000, current=400)
    group(root / "a", max=700, current=500, stat="anon 5\ninactive_file 50\nactive_file 7")
    own.write_text("0::/a/b\n")
    assert of_group(root, own) == 250
    own.write_text("0::/elsewhere\n")
    assert of_group(root, own) == none
    group(root, max="max", current=900)
    own.write_text("0::/a/b/c\n")
    assert of_group(root, own) == 250
    group(root / "memory" / "job", limit_in_bytes=300, usage_in_bytes=180, stat="total_inactive_file 20")
    own.write_text("9:name=systemd:/\n4:cpu,memory:/job/own\n0::/a/b\n")
    assert of_group(root, own) == 140
    group(root / "memory", limit_in_bytes=90, usage_in_bytes=80)
    assert of_group(root, own) == 10
    group(root / "unified" / "a", max=9, current=10)
    assert of_group(root, own) == 0


def test_what_cannot_be_read_is_no_limit(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("no group\n0::/\n")
    group(tmp_path, max="many", current="few")
    assert of_group(tmp_path, own) > 1 << 60
    assert of_group(tmp_path, tmp_path / "missing") > 1 << 60


def test_tables_of_small_registers_are_made_for_kernels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without native code nobody needs them, and on large registers they are large."""

    def made(*_: object) -> None:
        raise AssertionError("kernels were not asked for first")

    monkeypatch.setattr("qsanc_numpy.evaluate.CompiledPlan", made)
    gates = "".join(f"\n    rx(s0) {wire}" for wire in range(12))
    text = f"circuit @m wires 12\n  shared t\n  segment a{gates}\n  r0 = expectation a: Z0\n"
    executable = NumpyBackend().lower(read_module(text))
    executable.submit(Request(Bindings(np.zeros(1), np.zeros((200, 0))), (0,)), Context())
